"""Processes: another one, what a descriptor stands for, the security label, and who has no number."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from netns import Child
from netns.syscalls import PR_SET_DUMPABLE, prctl


class _File(Protocol):
    def fileno(self) -> int: ...


def process_of(file: _File) -> int:
    """Which process a pidfd stands for."""
    with open(f"/proc/thread-self/fdinfo/{file.fileno()}", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))


def security_label() -> str:
    """The label that a security module gives this process."""
    with open("/proc/thread-self/attr/current", encoding="ascii") as label:
        return label.read().rstrip("\0\n")


@contextmanager
def another_process() -> Iterator[int]:
    """The id of a process that does nothing, and ends with the block."""
    with Child(signal.pause) as child:
        yield child.pid


def aborted() -> None:
    """End this process by SIGABRT, whose core may be dumped."""
    prctl(PR_SET_DUMPABLE, 1)
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGABRT)


def overflow_id(kind: str) -> int:
    """The number that stands for a user ("uid") or group ("gid") that has none here."""
    return int(Path(f"/proc/sys/kernel/overflow{kind}").read_text())
