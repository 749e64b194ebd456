"""getsockopt(2) and setsockopt(2) without Python between.

The standard library gives no question in the buffer, and no bytes at all on AF_VSOCK.
"""

from __future__ import annotations

import ctypes
import os
import socket

_libc = ctypes.CDLL(None, use_errno=True)


def ask(sock: socket.socket, level: int, number: int, question: bytes, size: int) -> bytes:
    """What the kernel leaves in a buffer of ``size`` bytes that began with the question.

    Raises OSError with the kernel's errno.
    """
    buffer = ctypes.create_string_buffer(question, size)
    length = ctypes.c_uint(size)
    _answer(_libc.getsockopt(sock.fileno(), level, number, buffer, ctypes.byref(length)))
    return buffer.raw[: length.value]


def tell(sock: socket.socket, level: int, number: int, data: bytes) -> None:
    """Set an option to these bytes. Raises OSError with the kernel's errno."""
    _answer(_libc.setsockopt(sock.fileno(), level, number, data, len(data)))


def _answer(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
