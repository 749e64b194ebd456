"""Extended BPF programs, loaded with bpf(2)."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from libsocket import Socket

SOCKET_FILTER: Final = 1
SK_REUSEPORT: Final = 21
"""Types of programs."""
SK_DROP: Final = 0
SK_PASS: Final = 1

_BPF: Final = {"x86_64": 321}.get(platform.machine(), 280)
"""The number of bpf(2)."""
_MAP_CREATE, _MAP_UPDATE_ELEM, _PROG_LOAD = 0, 2, 5
_REUSEPORT_SOCKARRAY: Final = 20
_SELECT_REUSEPORT: Final = 82
"""The helper bpf_sk_select_reuseport(context, map, key, flags)."""
_R0, _R2, _R3, _R4, _FRAME = 0, 2, 3, 4, 10
_KEY: Final = -4
"""Where on the frame the key of the helper is."""

_libc = ctypes.CDLL(None, use_errno=True)


def _step(code: int, register: int = 0, source: int = 0, *, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhi", code, register | source << 4, offset, value)


def _returning(number: int) -> bytes:
    return _step(0xB7, _R0, value=number) + _step(0x95)


@contextmanager
def returning(number: int, kind: int = SOCKET_FILTER) -> Iterator[int]:
    """The descriptor of a program that returns a number."""
    with _loaded(_returning(number), kind) as program:
        yield program


@contextmanager
def selecting(chosen: Socket) -> Iterator[int]:
    """The descriptor of a program that selects one socket of a group, and returns SK_PASS."""
    with _opened(_call(_MAP_CREATE, "@IIII", _REUSEPORT_SOCKARRAY, 4, 8, 1)) as array:
        key, socket = ctypes.c_uint32(0), ctypes.c_uint64(chosen.fileno())
        _call(_MAP_UPDATE_ELEM, "@IxxxxQQQ", array, ctypes.addressof(key), ctypes.addressof(socket), 0)
        steps = [
            _step(0x62, _FRAME, offset=_KEY, value=0),
            _step(0x18, _R2, 1, value=array) + _step(0),
            _step(0xBF, _R3, _FRAME),
            _step(0x07, _R3, value=_KEY),
            _step(0xB7, _R4, value=0),
            _step(0x85, value=_SELECT_REUSEPORT),
            _returning(SK_PASS),
        ]
        with _loaded(b"".join(steps), SK_REUSEPORT) as program:
            yield program


@contextmanager
def _loaded(steps: bytes, kind: int) -> Iterator[int]:
    program, license_ = ctypes.create_string_buffer(steps, len(steps)), ctypes.create_string_buffer(b"GPL")
    places = ctypes.addressof(program), ctypes.addressof(license_)
    with _opened(_call(_PROG_LOAD, "@IIQQ", kind, len(steps) // 8, *places)) as descriptor:
        yield descriptor


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _call(command: int, form: str, *values: int) -> int:
    attributes = struct.pack(form, *values).ljust(128, b"\0")
    done: int = _libc.syscall(_BPF, command, attributes, len(attributes))
    if done < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return done
