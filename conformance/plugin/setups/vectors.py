"""read(2), write(2) and their like as they are: into bad memory, with any number of buffers and flags."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final, Protocol

NOWHERE: Final = 8
"""An address at which no process has memory."""

_libc = ctypes.CDLL(None, use_errno=True)
_VECTOR = struct.Struct("@PN")


class _File(Protocol):
    def fileno(self) -> int: ...


def read_into_nowhere(file: _File, size: int = 5) -> int:
    return _checked(_libc.read(file.fileno(), ctypes.c_void_p(NOWHERE), size))


def write_from_nowhere(file: _File, size: int = 5) -> int:
    return _checked(_libc.write(file.fileno(), ctypes.c_void_p(NOWHERE), size))


def write_pieces(file: _File, count: int) -> int:
    """writev(2) of so many pieces of one byte."""
    byte = ctypes.create_string_buffer(b"x")
    vectors = ctypes.create_string_buffer(_VECTOR.pack(ctypes.addressof(byte), 1) * max(count, 1))
    return _checked(_libc.writev(file.fileno(), vectors, count))


def read_pieces(file: _File, count: int) -> int:
    """readv(2) into so many buffers of one byte."""
    room = ctypes.create_string_buffer(max(count, 1))
    place = ctypes.addressof(room)
    vectors = b"".join(_VECTOR.pack(place + one, 1) for one in range(max(count, 1)))
    return _checked(_libc.readv(file.fileno(), ctypes.create_string_buffer(vectors), count))


def read_vectors_nowhere(file: _File) -> int:
    """readv(2) with one vector where there is no memory."""
    return _checked(_libc.readv(file.fileno(), ctypes.c_void_p(NOWHERE), 1))


def read_into_nowhere_by_vector(file: _File, size: int = 5) -> int:
    """readv(2) into a buffer where there is no memory."""
    vector = ctypes.create_string_buffer(_VECTOR.pack(NOWHERE, size))
    return _checked(_libc.readv(file.fileno(), vector, 1))


def write_sizes(file: _File, *sizes: int) -> int:
    """writev(2) of pieces of these sizes, of which there is memory for a byte."""
    byte = ctypes.create_string_buffer(b"x")
    vectors = b"".join(struct.pack("@PQ", ctypes.addressof(byte), size) for size in sizes)
    return _checked(_libc.writev(file.fileno(), ctypes.create_string_buffer(vectors), len(sizes)))


def _checked(returned: int) -> int:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned


def read_at(file: _File, where: str) -> int:
    """readv(2) of 5 bytes with no memory at its ``vectors``, or its ``buffers``. Raises: OSError."""
    return _vectors_at("readv", file, where)


def write_at(file: _File, where: str) -> int:
    """writev(2) of 5 bytes with no memory at its ``vectors``, or its ``buffers``. Raises: OSError."""
    return _vectors_at("writev", file, where)


def _vectors_at(call: str, file: _File, where: str) -> int:
    vectors = ctypes.create_string_buffer(_VECTOR.pack(NOWHERE, 5), _VECTOR.size)
    place = vectors if where == "buffers" else ctypes.c_void_p(NOWHERE)
    return _checked(getattr(_libc, call)(file.fileno(), place, 1))
