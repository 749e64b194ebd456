"""splice(2), tee(2), vmsplice(2) and the offset of sendfile(2), which the interpreter has only in part."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final, Protocol

SPLICE_F_MOVE: Final = 1
SPLICE_F_NONBLOCK: Final = 2
SPLICE_F_MORE: Final = 4
NOWHERE: Final = 8
"""An address at which no process has memory."""

_libc = ctypes.CDLL(None, use_errno=True)


class _File(Protocol):
    def fileno(self) -> int: ...


def splice(
    source: _File,
    target: _File,
    size: int,
    flags: int = 0,
    *,
    offset_in: int | None = None,
    offset_out: int | None = None,
) -> int:
    """How many bytes splice(2) moved. Raises: OSError."""
    places = [None if one is None else ctypes.byref(ctypes.c_int64(one)) for one in (offset_in, offset_out)]
    return _checked(_libc.splice(source.fileno(), places[0], target.fileno(), places[1], size, flags))


def tee(source: _File, target: _File, size: int) -> int:
    """How many bytes tee(2) duplicated. Raises: OSError."""
    return _checked(_libc.tee(source.fileno(), target.fileno(), size, SPLICE_F_NONBLOCK))


def vmsplice(target: _File, data: bytes) -> int:
    """How many bytes vmsplice(2) put into a pipe. Raises: OSError."""
    memory = ctypes.create_string_buffer(data, len(data))
    vector = ctypes.create_string_buffer(struct.pack("@PN", ctypes.addressof(memory), len(data)))
    return _checked(_libc.vmsplice(target.fileno(), vector, 1, SPLICE_F_NONBLOCK))


def sendfile(target: _File, source: _File, offset: int, size: int) -> tuple[int, int]:
    """How many bytes sendfile(2) sent from an offset, and what it set that to. Raises: OSError."""
    place = ctypes.c_int64(offset)
    sent = _checked(
        _libc.sendfile(target.fileno(), source.fileno(), ctypes.byref(place), ctypes.c_size_t(size))
    )
    return sent, place.value


def sendfile_at(target: _File, source: _File, place: int, size: int) -> int:
    """How many bytes sendfile(2) sent, whose offset is at an address. Raises: OSError."""
    given = (target.fileno(), source.fileno(), ctypes.c_void_p(place), ctypes.c_size_t(size))
    return _checked(_libc.sendfile(*given))


def _checked(returned: int) -> int:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned
