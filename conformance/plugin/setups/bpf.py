"""Extended BPF programs, loaded with bpf(2)."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER
from libsocket import Socket

SOCKET_FILTER: Final = 1
SK_SKB: Final = 14
SK_REUSEPORT: Final = 21
XDP: Final = 6
"""Types of programs."""
SK_DROP: Final = 0
SK_PASS: Final = 1

_BPF: Final = {"x86_64": 321}.get(platform.machine(), 280)
"""The number of bpf(2)."""
_MAP_CREATE, _MAP_LOOKUP_ELEM, _MAP_UPDATE_ELEM, _MAP_DELETE_ELEM = 0, 1, 2, 3
_PROG_LOAD, _PROG_ATTACH, _LINK_CREATE = 5, 8, 28
_SOCKMAP, _XSKMAP, _REUSEPORT_SOCKARRAY = 15, 17, 20
_SK_SKB_VERDICT: Final = 38
"""Where a program is attached to a map: it says what becomes of what its sockets get."""
_ATTACHED_AS_XDP: Final = 37
"""BPF_XDP, as what a program is attached to an interface."""
_SELECT_REUSEPORT, _SK_REDIRECT_MAP = 82, 52
"""The helpers bpf_sk_select_reuseport(context, map, key, flags) and bpf_sk_redirect_map(the same)."""
_REDIRECT_MAP: Final = 51
"""The helper bpf_redirect_map(map, key, flags)."""
_INGRESS: Final = 1
"""BPF_F_INGRESS: to be received there, instead of sent by it."""
XDP_FLAGS_SKB_MODE: Final = 2
XDP_FLAGS_DRV_MODE: Final = 4
XDP_PASS: Final = 2
_R0, _R1, _R2, _R3, _R4, _FRAME = 0, 1, 2, 3, 4, 10
_KEY: Final = -4
"""Where on the frame the key of the helper is."""

_libc = ctypes.CDLL(None, use_errno=True)


def _step(code: int, register: int = 0, source: int = 0, *, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhi", code, register | source << 4, offset, value)


def _returning(number: int) -> bytes:
    return _step(0xB7, _R0, value=number) + _step(0x95)


@contextmanager
def returning(number: int, kind: int = SOCKET_FILTER, about: int = 0) -> Iterator[int]:
    """The descriptor of a program that returns a number, whatever it is asked about."""
    with _loaded(_returning(number), kind, about) as program:
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


def attach_to_cgroup(cgroup: int, program: int, about: int) -> None:
    """Have a program be asked about what the processes of a cgroup do. Raises: OSError."""
    _call(_PROG_ATTACH, "@IIII", cgroup, program, about, 0)


class Sockmap:
    """A map of sockets (BPF_MAP_TYPE_SOCKMAP), each in a place of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def put(self, sock: Socket, place: int = 0) -> None:
        """Put a socket in a place. Raises: OSError."""
        self._of_place(_MAP_UPDATE_ELEM, place, ctypes.c_uint64(sock.fileno()))

    def remove(self, place: int = 0) -> None:
        """Take a socket out. Raises: OSError."""
        self._of_place(_MAP_DELETE_ELEM, place)

    def has(self, sock: Socket, place: int = 0) -> bool:
        """Whether a socket is in a place."""
        return self._cookie(place) == sock.cookie

    def is_empty(self, place: int = 0) -> bool:
        """Whether no socket is in a place."""
        return self._cookie(place) is None

    def _cookie(self, place: int) -> int | None:
        """What the map tells of the socket in a place: its SO_COOKIE."""
        found = ctypes.c_uint64(0)
        try:
            self._of_place(_MAP_LOOKUP_ELEM, place, found)
        except FileNotFoundError:
            return None
        return found.value

    def attach(self, program: int) -> None:
        """Have a program of SK_SKB say what becomes of what sockets get that are put in later."""
        _call(_PROG_ATTACH, "@IIII", self._descriptor, program, _SK_SKB_VERDICT, 0)

    def redirecting(self, place: int) -> AbstractContextManager[int]:
        """The descriptor of a program that has what is sent to a socket received at another of this map."""
        steps = [
            _step(0x18, _R2, 1, value=self._descriptor) + _step(0),
            _step(0xB7, _R3, value=place),
            _step(0xB7, _R4, value=_INGRESS),
            _step(0x85, value=_SK_REDIRECT_MAP),
            _step(0x95),
        ]
        return _loaded(b"".join(steps), SK_SKB)

    def _of_place(self, command: int, place: int, value: ctypes.c_uint64 | None = None) -> None:
        key = ctypes.c_uint32(place)
        of_value = 0 if value is None else ctypes.addressof(value)
        _call(command, "@IxxxxQQQ", self._descriptor, ctypes.addressof(key), of_value, 0)


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
def sockmap(places: int = 2) -> Iterator[Sockmap]:
    """An empty map for so many sockets; it lets go of them with the block."""
    with _opened(_call(_MAP_CREATE, "@IIII", _SOCKMAP, 4, 8, places)) as descriptor:
        yield Sockmap(descriptor)


@contextmanager
def judged(verdict: int, *sockets: Socket) -> Iterator[Sockmap]:
    """A map of some sockets with a program that says of all they get SK_PASS or SK_DROP."""
    with sockmap(len(sockets)) as map, returning(verdict, SK_SKB) as program:
        map.attach(program)
        for place, sock in enumerate(sockets):
            map.put(sock, place)
        yield map


@contextmanager
def _loaded(steps: bytes, kind: int, about: int = 0) -> Iterator[int]:
    program, license_ = ctypes.create_string_buffer(steps, len(steps)), ctypes.create_string_buffer(b"GPL")
    places = ctypes.addressof(program), ctypes.addressof(license_)
    with _opened(_call(_PROG_LOAD, "@IIQQ44xI", kind, len(steps) // 8, *places, about)) as descriptor:
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
