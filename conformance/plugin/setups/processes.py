"""Descriptors of processes."""

from __future__ import annotations

from typing import Protocol


class _File(Protocol):
    def fileno(self) -> int: ...


def process_of(file: _File) -> int:
    """Which process a pidfd stands for."""
    with open(f"/proc/thread-self/fdinfo/{file.fileno()}", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))
