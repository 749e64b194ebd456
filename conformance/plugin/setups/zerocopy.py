"""Memory that TCP_ZEROCOPY_RECEIVE writes to, and pages of a socket that it maps."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from libsocket import TCP_ZEROCOPY_RECEIVE, Socket, TcpZerocopyReceive

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_FAILED: Final = ctypes.c_void_p(-1).value


@contextmanager
def mapped(sock: Socket) -> Iterator[int]:
    """The address at which a page of a socket is mapped, to be read."""
    place = _libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ, mmap.MAP_SHARED, sock.fileno(), 0)
    if place == _FAILED:
        raise OSError(ctypes.get_errno(), "mmap")
    try:
        yield place
    finally:
        _libc.munmap(place, mmap.PAGESIZE)


def receive(sock: Socket, *, address: int) -> TcpZerocopyReceive:
    """Ask for a page at an address, and nothing else."""
    return sock.get(TCP_ZEROCOPY_RECEIVE, request=TcpZerocopyReceive(address=address, length=mmap.PAGESIZE))


def receive_copied(sock: Socket, *, address: int, size: int) -> tuple[TcpZerocopyReceive, bytes]:
    """Ask for a page at an address, and with room for ``size`` bytes to be copied; what is there then."""
    room = ctypes.create_string_buffer(size)
    request = TcpZerocopyReceive(
        address=address,
        length=mmap.PAGESIZE,
        copybuf_address=ctypes.addressof(room),
        copybuf_len=size,
    )
    given = sock.get(TCP_ZEROCOPY_RECEIVE, request=request)
    return given, room.raw[: given.copybuf_len]
