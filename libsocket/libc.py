"""System calls of the C library, where the standard library's own cannot say everything.

Its getsockopt puts no request into the buffer, its setsockopt takes no bytes at all on AF_VSOCK, and its
addresses have one form for each family.
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable

_libc = ctypes.CDLL(None, use_errno=True)


def getsockopt(sock: socket.socket, level: int, number: int, request: bytes, size: int) -> bytes:
    """What the kernel leaves in a buffer of ``size`` bytes that began with the request.

    A request that is longer is room for several structures of ``size`` bytes, all of which come back: so the
    kernel lists TCP_AO_GET_KEYS, whose length is that of one. Raises OSError with the kernel's errno.
    """
    buffer = ctypes.create_string_buffer(request, max(size, len(request)))
    length = ctypes.c_uint(size)
    _checked(_libc.getsockopt(sock.fileno(), level, number, buffer, ctypes.byref(length)))
    return buffer.raw if len(request) > size else buffer.raw[: length.value]


def setsockopt(sock: socket.socket, level: int, number: int, data: bytes) -> None:
    """Set an option to these bytes. Raises OSError with the kernel's errno."""
    _checked(_libc.setsockopt(sock.fileno(), level, number, data, len(data)))


def bind(sock: socket.socket, address: bytes) -> None:
    """Give a socket the address of these bytes. Raises OSError with the kernel's errno."""
    _checked(_libc.bind(sock.fileno(), address, len(address)))


def connect(sock: socket.socket, address: bytes) -> int:
    """The errno that connect(2) leaves, or 0."""
    return ctypes.get_errno() if _libc.connect(sock.fileno(), address, len(address)) else 0


def getsockname(sock: socket.socket, size: int) -> bytes:
    """The bytes of a socket's own address, at most ``size``. Raises OSError with the kernel's errno."""
    return _name(_libc.getsockname, sock, size)


def getpeername(sock: socket.socket, size: int) -> bytes:
    """The bytes of its peer's address, at most ``size``. Raises OSError with the kernel's errno."""
    return _name(_libc.getpeername, sock, size)


def _name(call: Callable[..., int], sock: socket.socket, size: int) -> bytes:
    buffer = ctypes.create_string_buffer(size)
    length = ctypes.c_uint(size)
    _checked(call(sock.fileno(), buffer, ctypes.byref(length)))
    return buffer.raw[: length.value]


def _checked(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
