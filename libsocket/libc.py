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

    A question that is longer is room for several answers of ``size`` bytes, all of which come back: so the
    kernel lists TCP_AO_GET_KEYS, and it is told the size of one. Raises OSError with the kernel's errno.
    """
    buffer = ctypes.create_string_buffer(question, max(size, len(question)))
    length = ctypes.c_uint(size)
    _answer(_libc.getsockopt(sock.fileno(), level, number, buffer, ctypes.byref(length)))
    return buffer.raw if len(question) > size else buffer.raw[: length.value]


def tell(sock: socket.socket, level: int, number: int, data: bytes) -> None:
    """Set an option to these bytes. Raises OSError with the kernel's errno."""
    _answer(_libc.setsockopt(sock.fileno(), level, number, data, len(data)))


def _answer(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
