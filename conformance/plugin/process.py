"""What a run takes of its process: open standard streams, descriptors, memory, threads.

Asked for at the start: where they are wanting, every test would be BROKEN, or pytest itself.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from typing import Final

from conformance.plugin.exit_status import TOO_SMALL, Stopped
from netns import ChildDied, NetnsError, in_child

_LEAST: Final = {
    "RLIMIT_NOFILE": (64, "ulimit -n 64"),
    "RLIMIT_AS": (512 << 20, "ulimit -v 524288"),
}
"""Limits of getrlimit(2): twice what the suite was seen to run in, and how that is had."""
_THREADS: Final = 8
"""Threads and processes that a test may have beside its own; RLIMIT_NPROC or a cgroup may forbid them."""


def require_standard_streams() -> None:
    """Where one is closed, start again with /dev/null in its place.

    pytest writes to them and puts them aside as they were, and a socket must not get their number.
    """
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if None not in streams:
        return
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor, stream in enumerate(streams):
        if stream is None:
            os.dup2(null, descriptor)
            os.set_inheritable(descriptor, True)  # dup2 of a descriptor to itself changes nothing
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def require_limits() -> None:
    """Raises Stopped where a limit on this process leaves too little."""
    for name, (least, words) in _LEAST.items():
        soft, _ = resource.getrlimit(getattr(resource, name))
        if soft != resource.RLIM_INFINITY and soft < least:
            raise Stopped(f"{name} is {soft}, and a run takes {least}: {words}", TOO_SMALL)


def require_threads() -> None:
    """Raises Stopped where a test could start no threads or processes.

    In a child, since a process that enters a user namespace must not have had any.
    """
    try:
        in_child(_start_threads)
    except (NetnsError, ChildDied, RuntimeError) as error:
        raise Stopped(
            f"a test takes up to {_THREADS} threads and processes, and they cannot be started ({error}): "
            "ulimit -u 4096, or the container's limit of processes",
            TOO_SMALL,
        ) from error


def _start_threads() -> None:
    over = threading.Event()
    threads = [threading.Thread(target=over.wait) for _ in range(_THREADS)]
    try:
        for thread in threads:
            thread.start()
    finally:
        over.set()
