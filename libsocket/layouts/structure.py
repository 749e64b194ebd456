"""Dataclasses as C structures.

A structure is a form (of the struct module) and, for the fields that are not plain numbers, a
way in and out. A field of the wrong length is refused: the kernel would read other bytes for it.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from libsocket.codecs import Codec, one_way
from libsocket.values.record import Record

__all__ = ["array", "structure"]

T = TypeVar("T")
R = TypeVar("R", bound=Record)


class Part(NamedTuple):
    """A field's way out of what struct gives, and into it."""

    out: Callable[[Any], Any]
    into: Callable[[Any], Any]


def address(family: int, text: str) -> bytes:
    try:
        return socket.inet_pton(family, text)
    except OSError:
        raise ValueError(f"{text!r} is not an address of {socket.AddressFamily(family).name}") from None


def storage(text: str) -> bytes:
    """A sockaddr_storage without a port."""
    if ":" in text:
        return struct.pack("@H6x16s104x", socket.AF_INET6, address(socket.AF_INET6, text))
    return struct.pack("@H2x4s120x", socket.AF_INET, address(socket.AF_INET, text))


def sockaddr(data: bytes) -> tuple[str, int]:
    family, port = struct.unpack_from("@H", data)[0], int.from_bytes(data[2:4], "big")
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, data[8:24]), port
    return socket.inet_ntop(socket.AF_INET, data[4:8]), port


def exactly(size: int) -> Callable[[bytes], bytes]:
    def into(value: bytes) -> bytes:
        if len(value) != size:
            raise ValueError(f"it has {len(value)} bytes where the structure has {size}")
        return value

    return into


def at_most(size: int) -> Callable[[bytes], bytes]:
    def into(value: bytes) -> bytes:
        if len(value) > size:
            raise ValueError(f"it has {len(value)} bytes and the structure room for {size}")
        return value

    return into


AS_IS: Final = Part(lambda value: value, lambda value: value)
V4: Final = Part(socket.inet_ntoa, lambda text: address(socket.AF_INET, text))
V6: Final = Part(
    lambda data: socket.inet_ntop(socket.AF_INET6, data), lambda text: address(socket.AF_INET6, text)
)
STORAGE: Final = Part(lambda data: sockaddr(data)[0], storage)
BIG32: Final = Part(lambda data: int.from_bytes(data, "big"), lambda value: struct.pack("!I", value))


def word(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)


def halves(low: int, high: int) -> bytes:
    """Two 16-bit numbers as one of 32 bits."""
    return struct.pack("=HH", *((low, high) if sys.byteorder == "little" else (high, low)))


def _fields(kind: type[Any]) -> tuple[str, ...]:
    names: tuple[str, ...] = kind.__match_args__
    return names


def structure(
    kind: type[T], layout: str, form: str, *parts: Part, request: bool = False, order: str = ""
) -> Codec[T]:
    """A dataclass as a C structure: fields in C's ``order`` (or their own), each by its part.

    An older kernel's structure may be shorter; the fields that it lacks are zero.
    """
    packed = struct.Struct(form)
    names = tuple(order.split()) or _fields(kind)
    ways = parts or (AS_IS,) * len(names)

    def decode(data: bytes) -> T:
        values = packed.unpack_from(data.ljust(packed.size, b"\0"))
        return kind(**{n: way.out(value) for n, way, value in zip(names, ways, values, strict=True)})

    def encode(value: T) -> bytes:
        return packed.pack(*(way.into(getattr(value, n)) for n, way in zip(names, ways, strict=True)))

    ask = encode if request else None
    return Codec(kind.__name__, packed.size, decode, encode, layout, takes=kind, request=ask)


def record(kind: type[R]) -> Codec[R]:
    """A structure that is decoded field by field, when it is read."""
    return Codec(kind.__name__, 512, kind, one_way, f"struct {kind.c_name.lower()}")


def array(one: Codec[T], room: int = 64) -> Codec[tuple[T, ...]]:
    """Several of a structure, one after the other."""

    def decode(data: bytes) -> tuple[T, ...]:
        return tuple(one.decode(data[at : at + one.size]) for at in range(0, len(data), one.size))

    def encode(values: Sequence[T]) -> bytes:
        return b"".join(map(one.encode, values))

    name = f"tuple[{one}, ...]"
    return Codec(name, room * one.size, decode, encode, f"{one.layout}[]", takes=list | tuple)


def one_bits(width: int, *flags: object) -> int:
    """Bit fields of one bit each, the first at the end where this machine's C compiler begins."""
    places = range(len(flags)) if sys.byteorder == "little" else range(width - 1, -1, -1)
    return sum(bool(flag) << place for flag, place in zip(flags, places, strict=False))
