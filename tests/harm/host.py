"""What a run must leave as it was: processes, files, and the network of the host."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from pathlib import Path

from tests.harm.selection import PATIENCE

_TABLES = ("route", "ipv6_route", "if_inet6", "fib_trie")
_PLACES = ("/run/netns", "/dev/shm")


def network() -> Mapping[str, object]:
    """Interfaces, addresses, routes and sysctls of the host."""
    tables = {name: _text(Path("/proc/net", name)) for name in _TABLES}
    sysctls = {str(path): _text(path) for path in Path("/proc/sys/net").rglob("*") if path.is_file()}
    # How often a route is used (the columns 6 and 7) is not how it is.
    routes = [line.split() for line in (tables.pop("ipv6_route") or "").splitlines()]
    steady = {"ipv6_route": [[*columns[:6], *columns[8:]] for columns in routes]}
    return {"interfaces": sorted(os.listdir("/sys/class/net")), **tables, **steady, **sysctls}


def _text(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):  # what is not there, and what can only be written
        return path.read_text()
    return None


def files(temporary: Path) -> Set[Path]:
    """Where a run could leave some that nobody removes; pytest keeps its own folder of three runs."""
    places = [*map(Path, _PLACES), temporary]
    found = {path for place in places if place.is_dir() for path in place.iterdir()}
    return {path for path in found if not path.name.startswith("pytest-of-")}


def left(before: Set[Path], temporary: Path) -> Set[Path]:
    """The files that are there to stay; what a neighbour has for a moment is waited for."""
    waits = 100
    while (more := files(temporary) - before) and (waits := waits - 1):
        select.select([], [], [], 0.1)
    return more


def processes(session: int) -> Iterator[int]:
    """Of a session, which is what a run was started as."""
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))):
        with suppress(ProcessLookupError):
            if os.getsid(pid) == session:
                yield pid


def children(pid: int) -> list[int]:
    """Those that a process has now, the oldest first; none of one that is gone."""
    return list(map(int, (_text(Path(f"/proc/{pid}/task/{pid}/children")) or "").split()))


def ends(pid: int) -> bool:
    """Whether a process ends; that is waited for."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready = select.select([watched], [], [], PATIENCE)[0]
    os.close(watched)
    return bool(ready)
