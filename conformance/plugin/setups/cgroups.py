"""Programs of BPF on a cgroup, which are asked what its processes may do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from conformance.plugin.setups.bpf import attach_to_cgroup, returning
from netns import in_child
from netns.syscalls import CLONE_NEWNS, MS_PRIVATE, MS_REC, mount, unshare

CGROUP_SOCK_ADDR: Final = 18
CGROUP_SOCKOPT: Final = 25
"""Types of programs."""
INET4_CONNECT: Final = 10
INET6_CONNECT: Final = 11
GETSOCKOPT: Final = 21
UNIX_CONNECT: Final = 49
UNIX_SENDMSG: Final = 50
"""What they are asked about."""
REFUSES: Final = 0
PERMITS: Final = 1
"""What they can say."""

_T = TypeVar("_T")


def asked_by(answer: int, type: int, about: int, act: Callable[[], _T]) -> _T:
    """What an act returns in a cgroup whose program always gives one answer. Raises what the act raises."""
    return in_child(lambda: _in_cgroup(answer, type, about, act))


def _in_cgroup(answer: int, type: int, about: int, act: Callable[[], _T]) -> _T:
    with _cgroup() as cgroup, returning(answer, type, about) as program:
        attach_to_cgroup(cgroup, program, about)
        return act()


@contextmanager
def _cgroup() -> Iterator[int]:
    """The descriptor of a cgroup that this process is in until the block ends, with mounts of its own."""
    unshare(CLONE_NEWNS)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    root = Path(tempfile.gettempdir())
    mount("cgroup2", str(root), "cgroup2", 0)
    before = next(
        line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"
    )
    folder = root / f"asked-{os.getpid()}"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        (folder / "cgroup.procs").write_text("0")
        yield descriptor
    finally:
        (root / before.lstrip("/") / "cgroup.procs").write_text("0")
        os.close(descriptor)
        folder.rmdir()
