"""Control messages as they lie in memory: what the kernel wrote, and what it is to read."""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass
from typing import Final

from libsocket import Socket

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
WORD: Final = ctypes.sizeof(ctypes.c_size_t)


class Iovec(ctypes.Structure):
    """struct iovec"""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Msghdr(ctypes.Structure):
    """struct msghdr"""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.POINTER(Iovec)),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


@dataclass(frozen=True)
class Received:
    """What a recvmsg(2) left in its structures."""

    data: bytes
    control: bytes
    """As many bytes of the buffer as msg_controllen says."""
    flags: int


def header(length: int, level: int, kind: int) -> bytes:
    """A struct cmsghdr with any cmsg_len."""
    numbers = ((length, WORD), (level, 4), (kind, 4))
    return b"".join(number.to_bytes(size, sys.byteorder) for number, size in numbers)


def words(data: bytes, size: int = 4) -> list[int]:
    """The unsigned numbers that bytes are."""
    return [int.from_bytes(data[at : at + size], sys.byteorder) for at in range(0, len(data), size)]


def send_control(sock: Socket, data: bytes, control: bytes) -> int:
    """sendmsg(2) with these bytes as control messages, whatever they mean. Raises: OSError."""
    buffer = ctypes.create_string_buffer(data, max(len(data), 1))
    messages = ctypes.create_string_buffer(control, max(len(control), 1))
    vector = Iovec(ctypes.addressof(buffer), len(data))
    message = Msghdr(None, 0, ctypes.pointer(vector), 1, ctypes.addressof(messages), len(control), 0)
    return _called(_LIBC.sendmsg(sock.fileno(), ctypes.byref(message), 0))


def receive_control(sock: Socket, room: int, size: int = 100) -> Received:
    """recvmsg(2) with room for so many bytes of control messages, which are 0xFF before. Raises: OSError."""
    buffer = ctypes.create_string_buffer(size)
    messages = ctypes.create_string_buffer(b"\xff" * room, max(room, 1))
    vector = Iovec(ctypes.addressof(buffer), size)
    message = Msghdr(None, 0, ctypes.pointer(vector), 1, ctypes.addressof(messages), room, 0)
    received = _called(_LIBC.recvmsg(sock.fileno(), ctypes.byref(message), 0))
    return Received(buffer.raw[:received], messages.raw[: message.controllen], message.flags)


def receive_without_memory(sock: Socket, room: int, size: int = 100) -> tuple[bytes, int, int]:
    """recvmsg(2) with NULL as msg_control, and a length; data, msg_flags, and the length told.

    Raises: OSError.
    """
    buffer = ctypes.create_string_buffer(size)
    vector = Iovec(ctypes.addressof(buffer), size)
    message = Msghdr(None, 0, ctypes.pointer(vector), 1, None, room, 0)
    received = _called(_LIBC.recvmsg(sock.fileno(), ctypes.byref(message), 0))
    return buffer.raw[:received], message.flags, message.controllen


def _called(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
