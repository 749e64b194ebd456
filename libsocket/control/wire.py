"""Control messages into bytes and back."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from libsocket.compiled import COMPILED
from libsocket.control.base import Number, Octets
from libsocket.control.descriptors import Descriptors, Pidfd, Rights
from libsocket.control.kinds import CONTROL_KINDS, ControlKind, Direction, owned
from libsocket.control.values import (
    Auxdata,
    DevmemFragment,
    ExtendedError,
    OriginalDestination,
    Timespec,
    Timestamp,
    TimestampPacketInfo,
    Timestamps,
    Unknown,
)
from libsocket.refusals import ENCODING_ERRORS, refused
from libsocket.values.inet import In6Pktinfo, InPktinfo, Ip6Mtuinfo
from libsocket.values.socket import TimestampingFlag, Ucred

__all__ = ["Control"]

if TYPE_CHECKING or COMPILED:
    from libsocket._messages import decoded

Control = (
    Rights
    | Pidfd
    | Ucred
    | Number
    | Octets
    | Timestamp
    | Timespec
    | Timestamps
    | TimestampingFlag
    | TimestampPacketInfo
    | Auxdata
    | DevmemFragment
    | OriginalDestination
    | ExtendedError
    | InPktinfo
    | In6Pktinfo
    | Ip6Mtuinfo
    | Unknown
)
"""What a message can carry beside its data."""

Item = tuple[int, int, bytes]
"""Level, type and data: a control message as ``sendmsg`` and ``recvmsg`` have it."""

HEADER: Final = struct.Struct("@Nii")
ALIGNMENT: Final = struct.calcsize("@N")
ROOM: Final = 2048
"""Bytes for control messages: 253 descriptors, and everything else that can come with them."""
_new: Final[Any] = tuple.__new__
MISREAD: Final = (LookupError, ValueError, struct.error)

Decoder = tuple[type[Any] | None, Callable[[bytes], Any]]
"""A class of tuples and what gives the numbers in it; or None, and what gives the value."""
Decoders = dict[int, dict[int, Decoder]]
"""By level, then by type."""


def _decoders(*, owning: bool) -> Decoders:
    """One number may be two kinds, of which the one that is received is read."""
    table: Decoders = {}
    for kind in sorted(CONTROL_KINDS, key=lambda kind: Direction.IN in kind.direction):
        table.setdefault(int(kind.level), {})[kind.type] = _decoder(kind, owning)
    return table


def _decoder(kind: ControlKind[Any], owning: bool) -> Decoder:
    if owning and issubclass(kind.value, Descriptors):
        return None, owned(kind.value)
    return (kind.value, kind.numbers_in) if kind.numbers_in else (None, kind.codec.decode)


AS_NUMBERS: Final = _decoders(owning=False)
AS_OWNED: Final = _decoders(owning=True)
"""The same, for what the kernel has just given: descriptors are owned."""
SENT: Final[dict[type, ControlKind[Any]]] = {
    kind.value: kind for kind in CONTROL_KINDS if Direction.OUT in kind.direction
}


def unknown(level: int, number: int, data: bytes, error: Exception | None = None) -> Unknown:
    """What takes the place of a control message that has no class or the wrong bytes."""
    if error is not None and not isinstance(error, MISREAD):
        raise error
    return Unknown(level, number, data)


def _decoded(
    table: Decoders, otherwise: Callable[..., Control], items: Iterable[Item]
) -> tuple[Control, ...]:
    values: list[Control] = []
    item: Any
    for item in items:
        if not isinstance(item, tuple) or len(item) != 3:
            raise TypeError("a control message is a tuple of level, type and data")
        level, number, data = item
        try:
            kind, decode = table[level][number]
            values.append(_new(kind, decode(data)) if kind else decode(data))
        except Exception as error:
            values.append(otherwise(level, number, data, error))
    return tuple(values)


_by = decoded if COMPILED else _decoded
received: Callable[[Iterable[Item]], tuple[Control, ...]] = partial(_by, AS_OWNED, unknown)
"""Values for control messages that the kernel has just given; descriptors are the caller's own.

``Unknown`` takes the place of what has no class or the wrong bytes.
"""


def decode(items: Iterable[Item]) -> tuple[Control, ...]:
    """Values for control messages from anywhere: descriptors are numbers, which nobody owns."""
    return _by(AS_NUMBERS, unknown, items)


def encode(value: Control) -> Item:
    """A control message as ``sendmsg`` takes it.

    Raises TypeError for what can only be received or has a field of another class, OverflowError for a
    number that the kernel would misread, ValueError for what is no address.
    """
    if isinstance(value, Unknown):
        return value
    kind = SENT.get(type(value))
    if kind is None:
        raise TypeError(f"a {type(value).__name__} cannot be sent; Unknown(level, type, data) sends anything")
    try:
        return int(kind.level), kind.type, kind.codec.encode(value)
    except ENCODING_ERRORS as reason:
        raise refused(kind.name, value, kind.codec.layout, reason) from reason


def aligned(size: int) -> int:
    """The next place where a control message may begin."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def join(items: Iterable[Item]) -> bytes:
    """Control messages one after the other, as sendmsg(2) wants them. Source: cmsg(3)."""
    pieces = []
    for level, number, data in items:
        size = HEADER.size + len(data)
        try:
            head = HEADER.pack(size, level, number)
        except struct.error as reason:
            raise refused("a control message", (level, number), "struct cmsghdr", reason) from reason
        pieces.append(head + data + bytes(aligned(size) - size))
    return b"".join(pieces)


def split(data: bytes) -> Iterator[Item]:
    """Control messages in the order that recvmsg(2) left them, up to what makes no sense."""
    at = 0
    while at + HEADER.size <= len(data):
        size, level, number = HEADER.unpack_from(data, at)
        if size < HEADER.size:
            return
        yield level, number, data[at + HEADER.size : at + size]
        at += aligned(size)
