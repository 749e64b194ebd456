"""Processes: what a descriptor stands for, and the security label."""

from __future__ import annotations

from typing import Protocol


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
