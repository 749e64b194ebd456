"""Every column of /proc/net/unix, as text, of the network namespace that this thread is in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from libsocket import Socket

_FILE: Final = Path("/proc/thread-self/net/unix")
_COLUMNS: Final = 8


class UnixColumns(NamedTuple):
    """A line: each column as it is written, the first without its colon, the path empty if there is none."""

    num: str
    ref_count: str
    protocol: str
    flags: str
    type: str
    st: str
    inode: str
    path: str


def unix_headings() -> list[str]:
    """The words of the first line."""
    return _FILE.read_text().splitlines()[0].split()


def every_unix_line() -> list[UnixColumns]:
    """All lines but the first."""
    return [_columns(line) for line in _FILE.read_text().splitlines()[1:]]


def unix_line(sock: Socket) -> UnixColumns:
    """The line of a socket, by its inode. Raises: ValueError where there is not one."""
    inode = str(os.fstat(sock.fileno()).st_ino)
    (found,) = (one for one in every_unix_line() if one.inode == inode)
    return found


def _columns(line: str) -> UnixColumns:
    words = line.split(maxsplit=_COLUMNS - 1)
    return UnixColumns(words[0].rstrip(":"), *words[1:], *[""] * (_COLUMNS - len(words)))
