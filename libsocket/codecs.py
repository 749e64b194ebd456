"""How a value is laid out in the bytes that getsockopt(2) and setsockopt(2) carry.

A codec refuses a value of another class, and one that the kernel would misread; what is merely wrong is
sent on.
"""

from __future__ import annotations

import enum
import math
import os
import struct
import sys
from collections.abc import Callable
from operator import index
from types import UnionType
from typing import Final, Generic, NoReturn, TypeVar

from libsocket.arch import TIMEVAL_LAYOUT
from libsocket.values.fd import Fd, descriptor
from libsocket.values.socket import Linger, MemInfo, Timeval, Ucred

__all__ = [
    "DESCRIPTOR",
    "FD",
    "FLAG",
    "IDS",
    "INT",
    "LINGER",
    "NETWORK",
    "SECONDS",
    "SECONDS64",
    "SIZE",
    "TIMEVAL",
    "TIMEVAL64",
    "UCRED",
    "UNSIGNED",
    "UNSIGNED64",
    "UNSIGNED_LONG",
    "Codec",
    "flags",
    "raw",
    "text",
]

T = TypeVar("T")
F = TypeVar("F", bound=enum.IntFlag)

C_INT_MAX: Final = 2**31 - 1
NOBODY: Final = 0xFFFF_FFFF
"""No user at all: (uid_t) -1."""


class Codec(Generic[T]):
    """A value's way into bytes and back; ``size`` is the room that reading it needs.

    Some options are read by a request, which is in the buffer when getsockopt(2) is called. ``request`` is
    either its bytes, always the same, or what encodes the value that is given to ``Socket.get``.

    ``takes`` is the class, or several, of what ``encode`` and ``request`` are given; any other value raises
    TypeError, for one structure may have the fields of another. A bare tuple becomes a NamedTuple.
    """

    __slots__ = ("decode", "encode", "layout", "name", "request", "size")

    def __init__(
        self,
        name: str,
        size: int,
        decode: Callable[[bytes], T],
        encode: Callable[[T], bytes],
        layout: str = "bytes",
        *,
        takes: type | UnionType | None = None,
        request: Callable[[T], bytes] | bytes | None = None,
    ) -> None:
        if takes is not None:
            encode = _taking(takes, name, encode)
            request = _taking(takes, name, request) if callable(request) else request
        self.name: str = name
        self.size: int = size
        self.layout: str = layout
        """What it is in C, for messages."""
        self.decode: Callable[[bytes], T] = decode
        self.encode: Callable[[T], bytes] = encode
        self.request: Callable[[T], bytes] | bytes | None = request

    def __repr__(self) -> str:
        return self.name


def _taking(takes: type | UnionType, name: str, encode: Callable[[T], bytes]) -> Callable[[T], bytes]:
    make = getattr(takes, "_make", None)

    def checked(value: T) -> bytes:
        if make is not None and type(value) is tuple:
            value = make(value)
        if not isinstance(value, takes):
            raise TypeError(f"it takes {name}, not {type(value).__name__}")
        return encode(value)

    return checked


def _struct(
    name: str,
    layout: str,
    decode: Callable[..., T],
    encode: Callable[[T], tuple[int, ...]],
    form: str,
    *,
    takes: type | None = None,
) -> Codec[T]:
    """A fixed structure; ``encode`` gives the fields that make up a value."""
    packed = struct.Struct(form)
    return Codec(
        name,
        packed.size,
        lambda data: decode(*packed.unpack(data)),
        lambda value: packed.pack(*encode(value)),
        layout,
        takes=takes,
    )


def _number(layout: str, form: str) -> Codec[int]:
    return _struct("int", layout, int, lambda value: (index(value),), form)


def natural(value: int) -> int:
    """A size, unless it is negative, which the kernel would take for an enormous one."""
    size = index(value)
    if size < 0:
        raise OverflowError("a size is not negative")
    return size


def _size(value: int) -> bytes:
    return INT.encode(natural(value))


def _timeval(value: float) -> Timeval:
    """A timeout above zero never becomes zero, which would mean to wait for ever."""
    return Timeval(*divmod(math.ceil(value * 1_000_000), 1_000_000))


def text(size: int) -> Codec[str]:
    """A name that ends with a NUL inside ``size`` bytes, in the file system's encoding."""

    def encode(value: str) -> bytes:
        name = os.fsencode(value)
        if b"\0" in name or len(name) >= size:
            raise ValueError(f"a name has no NUL and at most {size - 1} bytes, or the kernel would cut it")
        return name + b"\0"

    return Codec(
        "str", size, lambda data: os.fsdecode(data.partition(b"\0")[0]), encode, f"char[{size}]", takes=str
    )


def raw(size: int) -> Codec[bytes]:
    """The bytes themselves."""
    return Codec("bytes", size, bytes, octets)


def octets(value: bytes | bytearray | memoryview) -> bytes:
    """The bytes of a buffer: a number is none, and its length is a C int to setsockopt(2)."""
    if memoryview(value).nbytes > C_INT_MAX:
        raise OverflowError("its length is no C int")
    return bytes(value)


def flags(kind: type[F]) -> Codec[F]:
    """A set of flags in a C int."""
    return Codec(kind.__name__, INT.size, lambda data: kind(INT.decode(data)), INT.encode, "C int")


def one_way(_value: object) -> NoReturn:
    """The missing half of a codec that only reads or only writes."""
    raise TypeError("it is one-way only")


def _unsigned(data: bytes) -> int:
    """As wide as the kernel gave it."""
    return int.from_bytes(data, sys.byteorder)


def _uid(number: int) -> int:
    """Nobody is the largest number to the kernel and -1 to people."""
    return -1 if number == NOBODY else number


def _ids(value: Ucred) -> tuple[int, ...]:
    return (value.pid, *(NOBODY if number == -1 else number for number in (value.uid, value.gid)))


def _in_seconds(exact: Codec[Timeval], form: str) -> Codec[float]:
    unpack = struct.Struct(form).unpack

    def decode(data: bytes) -> float:
        seconds, microseconds = unpack(data)
        number: float = seconds + microseconds / 1_000_000
        return number

    def encode(value: float) -> bytes:
        return exact.encode(_timeval(value))

    return Codec("float", exact.size, decode, encode, exact.layout, takes=int | float)


INT: Final = _number("C int", "@i")
FLAG: Final = _struct("bool", "C int", bool, lambda value: (index(value),), "@i")
UNSIGNED: Final = _number("C unsigned int", "@I")
UNSIGNED64: Final = _number("64-bit unsigned number", "@Q")
UNSIGNED_LONG: Final = Codec(
    "int", struct.calcsize("@L"), _unsigned, lambda value: struct.pack("@L", index(value)), "C unsigned long"
)
NETWORK: Final = _number("32-bit unsigned number in network order", "!I")
FD: Final = Codec("Fd", INT.size, lambda data: Fd(INT.decode(data)), one_way, "C int")
DESCRIPTOR: Final = Codec("int", INT.size, INT.decode, lambda value: INT.encode(descriptor(value)), "C int")
"""The number of an open file."""
IDS: Final = Codec(
    "tuple[int, ...]",
    1024,
    lambda data: struct.unpack(f"={len(data) // 4}I", data),
    lambda value: struct.pack(f"={len(value)}I", *value),
    "array of unsigned int",
    takes=list | tuple,
)
"""Group ids, or words of a bitmap."""
SIZE: Final = Codec("int", INT.size, INT.decode, _size, "C int that is not negative")
LINGER: Final = _struct(
    "Linger", "struct linger", lambda onoff, seconds: Linger(onoff != 0, seconds), tuple, "@ii", takes=Linger
)
UCRED: Final = _struct(
    "Ucred", "struct ucred", lambda pid, uid, gid: Ucred(pid, _uid(uid), _uid(gid)), _ids, "@iII", takes=Ucred
)
TIMEVAL: Final = _struct("Timeval", "struct timeval", Timeval, tuple, TIMEVAL_LAYOUT, takes=Timeval)
TIMEVAL64: Final = _struct("Timeval", "struct __kernel_sock_timeval", Timeval, tuple, "@qq", takes=Timeval)
SECONDS: Final = _in_seconds(TIMEVAL, TIMEVAL_LAYOUT)
SECONDS64: Final = _in_seconds(TIMEVAL64, "@qq")
MEMINFO: Final = _struct("MemInfo", "unsigned int[9]", MemInfo, tuple, "@9I", takes=MemInfo)
