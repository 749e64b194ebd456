"""Mappings of the rings of packet sockets: of any size and place, and in a child."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from libsocket import Socket
from netns.child import Child

_PROTECTION: Final = mmap.PROT_READ | mmap.PROT_WRITE
_FAILED: Final = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p


def ring_request(size: int) -> bytes:
    """A request for a ring of one block of 4096 bytes with four slots, in so many bytes."""
    return struct.pack("=IIII", 4096, 1, 1024, 4).ljust(size, b"\0")


def mapped_size(sock: Socket, size: int, *, offset: int = 0) -> int:
    """Map so many bytes of a socket from a place on, and unmap them; how many it was. Raises: OSError."""
    place = _libc.mmap(
        None,
        ctypes.c_size_t(size),
        _PROTECTION,
        mmap.MAP_SHARED,
        sock.fileno(),
        ctypes.c_long(offset),
    )
    if place == _FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    _libc.munmap(ctypes.c_void_p(place), ctypes.c_size_t(size))
    return size


@contextmanager
def held_by_child(memory: mmap.mmap) -> Iterator[None]:
    """A block in which only a child has a mapping that was this process's; then nobody has."""
    ready, begun = os.pipe()
    waits, end = os.pipe()

    def hold() -> None:
        os.write(begun, b"x")
        os.close(end)
        os.read(waits, 1)

    try:
        with Child(hold):
            os.read(ready, 1)
            memory.close()
            yield
    finally:
        for fd in (ready, begun, waits, end):
            os.close(fd)
