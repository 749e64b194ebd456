"""The counters of TCP and IP in a network namespace that /proc/net/netstat has."""

from __future__ import annotations

from pathlib import Path


def counted(name: str) -> int:
    """A counter of the namespace that this thread is in. Raises: KeyError where this kernel has it not."""
    lines = Path("/proc/thread-self/net/netstat").read_text().splitlines()
    found: dict[str, int] = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        found.update(zip(names.split()[1:], map(int, values.split()[1:]), strict=True))
    return found[name]
