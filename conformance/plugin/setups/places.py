"""Memory of which a part is not there, memory that is not to be written, and sends from such places."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.setups.calls import option_got_at
from conformance.plugin.setups.files import memory_file
from conformance.plugin.setups.raw_control import Iovec, Msghdr
from libsocket import Socket

PAGE: Final = mmap.PAGESIZE
_PROT_NONE, _PROT_ALL, _MAP_SHARED = 0, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED
_PROT_READ: Final = mmap.PROT_READ

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.sendmsg.restype = ctypes.c_ssize_t


class _Mmsghdr(ctypes.Structure):
    """struct mmsghdr"""

    _fields_ = (("message", Msghdr), ("length", ctypes.c_uint))


@contextmanager
def ending_memory(data: bytes) -> Iterator[int]:
    """Where some data is, right before memory that may neither be read nor written."""
    with _mapped(2 * PAGE, -1, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as place:
        _checked(_libc.mprotect(ctypes.c_void_p(place + PAGE), ctypes.c_size_t(PAGE), _PROT_NONE))
        start = place + PAGE - len(data)
        ctypes.memmove(start, data, len(data))
        yield start


@contextmanager
def read_only_memory(data: bytes) -> Iterator[int]:
    """Where some data is, in memory that may be read and not written."""
    with _mapped(PAGE, -1, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as place:
        ctypes.memmove(place, data, len(data))
        _checked(_libc.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(PAGE), _PROT_READ))
        yield place


@contextmanager
def room(data: bytes) -> Iterator[int]:
    """Where some data is, in memory that may be written."""
    memory = ctypes.create_string_buffer(data, len(data))
    yield ctypes.addressof(memory)


@contextmanager
def beyond_end_of_file() -> Iterator[int]:
    """A page of a mapping behind the last one that its file has."""
    with memory_file(bytes(PAGE)) as file, _mapped(2 * PAGE, file.fileno(), _MAP_SHARED) as place:
        yield place + PAGE


@contextmanager
def _mapped(size: int, fd: int, flags: int) -> Iterator[int]:
    place = _libc.mmap(None, ctypes.c_size_t(size), _PROT_ALL, flags, fd, ctypes.c_long(0))
    assert place != ctypes.c_void_p(-1).value, "there is no memory"
    try:
        yield place
    finally:
        _libc.munmap(ctypes.c_void_p(place), ctypes.c_size_t(size))


def send_from(sock: Socket, place: int, size: int, *, to: bytes = b"", several: bool = False) -> int:
    """sendmsg(2), or sendmmsg(2) of one message, of what is at an address; the bytes or messages sent."""
    vector = Iovec(place, size)
    name = ctypes.cast(ctypes.create_string_buffer(to, len(to)), ctypes.c_void_p) if to else None
    message = Msghdr(name, len(to), ctypes.pointer(vector), 1, None, 0, 0)
    if several:
        return _checked(_libc.sendmmsg(sock.fileno(), ctypes.byref(_Mmsghdr(message, 0)), 1, 0))
    return _checked(_libc.sendmsg(sock.fileno(), ctypes.byref(message), 0))


def requested(sock: Socket, option: tuple[int, int], request: bytes, size: int | None = None) -> bytes:
    """getsockopt(2) of what a request asks for, with another size if need be; what is there then."""
    count = len(request) if size is None else size
    with room(request) as where, room(count.to_bytes(ctypes.sizeof(ctypes.c_int), sys.byteorder)) as told:
        option_got_at(sock.fileno(), option, where, told)
        length = ctypes.c_int.from_address(told).value
        return ctypes.string_at(where, min(length, len(request)))


def partly_written(sock: Socket, option: tuple[int, int], size: int, written: str) -> int:
    """getsockopt(2) with so much room, where the ``value`` alone can be written, or its ``length``."""
    length = size.to_bytes(ctypes.sizeof(ctypes.c_int), sys.byteorder)
    values, lengths = (room, read_only_memory) if written == "value" else (read_only_memory, room)
    with values(bytes(size)) as where, lengths(length) as told:
        return option_got_at(sock.fileno(), option, where, told)


def _checked(returned: int) -> int:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned
