"""Extended BPF programs, loaded with bpf(2)."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER
from libsocket import Socket

SOCKET_FILTER: Final = 1
SK_REUSEPORT: Final = 21
XDP: Final = 6
"""Types of programs."""
SK_DROP: Final = 0
SK_PASS: Final = 1

_BPF: Final = {"x86_64": 321}.get(platform.machine(), 280)
"""The number of bpf(2)."""
_MAP_CREATE, _MAP_UPDATE_ELEM, _PROG_LOAD, _LINK_CREATE = 0, 2, 5, 28
_REUSEPORT_SOCKARRAY: Final = 20
_XSKMAP: Final = 17
_ATTACHED_AS_XDP: Final = 37
"""BPF_XDP, as what a program is attached to an interface."""
XDP_FLAGS_SKB_MODE: Final = 2
XDP_FLAGS_DRV_MODE: Final = 4
XDP_PASS: Final = 2
_REDIRECT_MAP: Final = 51
"""The helper bpf_redirect_map(map, key, flags)."""
_SELECT_REUSEPORT: Final = 82
"""The helper bpf_sk_select_reuseport(context, map, key, flags)."""
_R0, _R1, _R2, _R3, _R4, _FRAME = 0, 1, 2, 3, 4, 10
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
        key, member = ctypes.c_uint32(0), ctypes.c_uint64(chosen.fileno())
        _call(_MAP_UPDATE_ELEM, "@IxxxxQQQ", array, ctypes.addressof(key), ctypes.addressof(member), 0)
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


class XskMap:
    """A map of the type XSKMAP, by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def insert(self, index: int, sock: Socket) -> None:
        """Put a socket into it. Raises: OSError."""
        key, member = ctypes.c_uint32(index), ctypes.c_uint32(sock.fileno())
        places = ctypes.addressof(key), ctypes.addressof(member)
        _call(_MAP_UPDATE_ELEM, "@IxxxxQQQ", self.descriptor, *places, 0)


@contextmanager
def xsk_map(entries: int = 4) -> Iterator[XskMap]:
    """A map for sockets of AF_XDP, with nothing in it."""
    with _opened(_call(_MAP_CREATE, "@IIII", _XSKMAP, 4, 4, entries)) as descriptor:
        yield XskMap(descriptor)


@contextmanager
def xdp_program(
    device: str, *, redirect: XskMap | None = None, index: int = 0, flags: int = XDP_FLAGS_SKB_MODE
) -> Iterator[None]:
    """A program on an interface that redirects frames of the experimental type to an index of a map.

    All others pass, and without a map these too.
    """
    steps = [_returning(XDP_PASS)]
    if redirect is not None:
        redirecting = [
            _step(0x18, _R1, 1, value=redirect.descriptor) + _step(0),
            _step(0xB7, _R2, value=index),
            _step(0xB7, _R3, value=0),
            _step(0x85, value=_REDIRECT_MAP),
            _step(0x95),
        ]
        steps = [
            _step(0x61, _R2, _R1, offset=0),
            _step(0x61, _R3, _R1, offset=4),
            _step(0xBF, _R4, _R2) + _step(0x07, _R4, value=HEADER),
            _step(0x2D, _R4, _R3, offset=8),
            _step(0x69, _R4, _R2, offset=HEADER - 2),
            _step(0x55, _R4, offset=6, value=socket.htons(EXPERIMENTAL)),
            *redirecting,
            _returning(XDP_PASS),
        ]
    with _loaded(b"".join(steps), XDP) as program:
        place = socket.if_nametoindex(device)
        with _opened(_call(_LINK_CREATE, "@IIII", program, place, _ATTACHED_AS_XDP, flags)):
            yield


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
