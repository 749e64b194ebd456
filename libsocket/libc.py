"""getsockopt(2) and setsockopt(2) of the C library.

The standard library's own put no request into the buffer, and take no bytes at all on AF_VSOCK.
"""

from __future__ import annotations

import ctypes
import os
import socket

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


def _checked(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
