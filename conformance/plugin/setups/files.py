"""Files in memory and pipes, as what sockets are sent from or to."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from libsocket import Fd

_libc = ctypes.CDLL(None, use_errno=True)


class _File(Protocol):
    def fileno(self) -> int: ...


TEXT: Final = bytes(12) + b"\x88\xb5hello!"
"""20 bytes that a packet socket can send, too: an Ethernet header is before the last six."""


@contextmanager
def memory_file(data: bytes = TEXT) -> Iterator[Fd]:
    """A regular file that has no name, at its beginning."""
    with Fd(os.memfd_create("file")) as file:
        os.write(file.fileno(), data)
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        yield file


@contextmanager
def pipe(data: bytes = b"") -> Iterator[tuple[Fd, Fd]]:
    """The reading and the writing end of a pipe, with data in it; an empty one is read without waiting."""
    reader, writer = map(Fd, os.pipe())
    with reader, writer:
        os.write(writer.fileno(), data)
        os.set_blocking(reader.fileno(), False)
        yield reader, writer


def place(file: Fd) -> int:
    """The file offset."""
    return os.lseek(file.fileno(), 0, os.SEEK_CUR)


def readahead(file: _File, size: int) -> int:
    """readahead(2) from the beginning. Raises: OSError."""
    returned = int(_libc.readahead(file.fileno(), ctypes.c_int64(0), ctypes.c_size_t(size)))
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned


def pipe_end(end: int) -> int:
    """The descriptor of one end of a pipe, of which the other is closed: 0 reads, 1 writes."""
    ends = os.pipe()
    os.close(ends[1 - end])
    return ends[end]


def opened_by_call(kind: str) -> int:
    """The descriptor of an ``epoll``, ``inotify``, ``signalfd`` or ``timerfd``."""
    mask = ctypes.c_uint64(0)
    calls = {
        "epoll": lambda: _libc.epoll_create1(0),
        "inotify": lambda: _libc.inotify_init1(0),
        "signalfd": lambda: _libc.signalfd(-1, ctypes.byref(mask), 0),
        "timerfd": lambda: _libc.timerfd_create(1, 0),
    }
    returned = int(calls[kind]())
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned
