"""Requests over netlink, and all that answers them: replies, dumps, refusals with their reasons (netlink(7)).

Any socket of AF_NETLINK will do, of any protocol: ``socket.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)``.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP = 0x300
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400

SOL_NETLINK = 270
NETLINK_EXT_ACK = 11

_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_DUMP_INTR = 0x10
_NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x100, 0x200
_NLA_TYPE_MASK = 0x3FFF
_ATTR_MSG, _ATTR_OFFS, _ATTR_MISS_TYPE, _ATTR_MISS_NEST = 1, 2, 5, 6

_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence number, port."""
_ATTRIBUTE = struct.Struct("=HH")
"""struct nlattr: length and type."""
_ERROR = struct.Struct("=i")
"""The beginning of struct nlmsgerr, and all of what NLMSG_DONE carries: a negative errno, or 0."""
_ROOM = 65536
"""Bytes to receive at once; the kernel fills at most 32 KiB of a dump."""

_MSG_TRUNC = int(socket.MSG_TRUNC)
"""As a plain number, which is quicker to look at than a flag of an enum."""

_sequence = itertools.count(1)


class Encodable(Protocol):
    """A message of pyroute2, such as ``ifinfmsg``, with the type and flags of its header set."""

    data: Any

    def reset(self) -> object:
        """Begin anew."""

    def encode(self) -> object:
        """Write the bytes to ``data``."""


Request = bytes | Encodable
"""A whole message: its bytes, header included, as message() makes them, or an object of pyroute2."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was received: struct nlmsghdr, and what follows it."""

    type: int
    flags: int
    sequence: int
    port: int
    body: bytes

    def decoded(self, kind: Callable[[bytes], Any]) -> Any:
        """The message as a class of pyroute2 reads it, such as ``ifinfmsg``."""
        size = _HEADER.size + len(self.body)
        read = kind(_HEADER.pack(size, self.type, self.flags, self.sequence, self.port) + self.body)
        read.decode()
        return read


@dataclass(frozen=True, slots=True)
class ExtendedAck:
    """What the kernel adds to an errno, or to its absence, where the socket has NETLINK_EXT_ACK set.

    Source: ``include/uapi/linux/netlink.h``, enum nlmsgerr_attrs. Each is None where it does not tell.
    """

    text: str | None = None
    """Why it refused, or a warning; in English."""
    offset: int | None = None
    """Bytes from the beginning of the request to the attribute that it is about."""
    missing_type: int | None = None
    """The type of an attribute that is missing, since Linux 6.1."""
    missing_nest: int | None = None
    """Bytes from the beginning of the request to the attribute in which it is missing, since Linux 6.1."""


class NetlinkError(OSError):
    """The kernel refused a request; the errno is that of its NLMSG_ERROR, or of the NLMSG_DONE of a dump."""

    ack = ExtendedAck()
    """The extended ack; empty where the socket has not asked for it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """All that answered a request that was not refused."""

    messages: list[Message]
    """Without the acknowledgement, or the NLMSG_DONE of a dump."""
    interrupted: bool
    """What a dump lists has changed meanwhile (NLM_F_DUMP_INTR): rows may be missing or be there twice."""
    ack: ExtendedAck
    """Warnings."""

    def decoded(self, kind: Callable[[bytes], Any]) -> list[Any]:
        """The messages as a class of pyroute2 reads them."""
        return [each.decoded(kind) for each in self.messages]


def request(sock: socket.socket, request: Request) -> Reply:
    """Send a request and wait for all that answers it; see batch()."""
    return batch(sock, [request])[0]


def batch(sock: socket.socket, requests: Iterable[Request]) -> list[Reply]:
    """Send requests in one datagram, carried out in order, and wait for all that answers them.

    A dump is a request with both flags of NLM_F_DUMP, at most one in a batch. The answers to all must find
    room in the receive buffer, as those to a hundred changes do by default. The sequence number is set here,
    and so are NLM_F_REQUEST and, but for dumps, NLM_F_ACK: an acknowledgement, or NLMSG_DONE, ends what is
    waited for. Messages with other sequence numbers or for other ports, such as events, are left out.

    Raises NetlinkError for the first that is refused, when all have been tried: a refusal stops none of those
    after it. Raises ValueError for what is no whole message or does not fit its fields, and what the socket
    does: OSError with ENOBUFS when answers were lost, TimeoutError, BlockingIOError.
    """
    numbered = {next(_sequence): each for each in requests}
    if not numbered:
        return []
    sock.send(b"".join(_padded(_numbered(each, number)) for number, each in numbered.items()))
    answers: dict[int, list[Message]] = {number: [] for number in numbered}
    waiting = set(numbered)
    ours = {sock.getsockname()[0], 0}  # audit(8) names no port; an event has that of who caused it
    while waiting:
        for each in receive(sock):
            if each.port not in ours:
                continue
            if each.sequence in waiting:
                answers[each.sequence].append(each)
            if each.type in (_NLMSG_ERROR, _NLMSG_DONE):
                waiting.discard(each.sequence)
    return [_reply(messages) for messages in answers.values()]


def receive(sock: socket.socket) -> list[Message]:
    """The messages of the next datagram, whatever they answer: events too.

    Raises OSError: EMSGSIZE for a datagram of more than 64 KiB, EBADMSG for one that is no netlink message.
    """
    data, _, flags, _ = sock.recvmsg(_ROOM)
    if flags & _MSG_TRUNC:
        raise OSError(errno.EMSGSIZE, f"a netlink datagram has more than {_ROOM} bytes")
    return [
        Message(type, flags, sequence, port, body)
        for (type, flags, sequence, port), body in _pieces(_HEADER, data)
    ]


def message(type: int, flags: int, body: bytes) -> bytes:
    """A request; its body begins with the fixed part that the type asks for, such as struct ifinfomsg.

    Raises ValueError for a number that does not fit, as attribute() does.
    """
    return packed(_HEADER, _HEADER.size + len(body), type, flags | NLM_F_REQUEST, 0, 0) + body


def attribute(type: int, value: bytes) -> bytes:
    """An attribute (struct nlattr), padded."""
    return _padded(packed(_ATTRIBUTE, _ATTRIBUTE.size + len(value), type) + value)


def packed(form: struct.Struct, *numbers: int) -> bytes:
    """Numbers as the kernel reads them; ValueError for one that does not fit."""
    try:
        return form.pack(*numbers)
    except struct.error as error:
        raise ValueError(f"{', '.join(map(str, numbers))}: {error}") from error


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Types, without their flags, and values. Raises OSError: EBADMSG."""
    return ((type & _NLA_TYPE_MASK, value) for (type,), value in _pieces(_ATTRIBUTE, data))


def _pieces(header: struct.Struct, data: bytes) -> Iterator[tuple[list[int], bytes]]:
    """The rest of each header, which begins with the length, and what it is the header of."""
    at = 0
    while len(data) - at >= header.size:
        size, *rest = header.unpack_from(data, at)
        if not header.size <= size <= len(data) - at:
            raise OSError(errno.EBADMSG, "these bytes are no netlink message")
        yield rest, data[at + header.size : at + size]
        at += _aligned(size)


def _numbered(request: Request, sequence: int) -> bytes:
    data = bytearray(request if isinstance(request, bytes) else _encoded(request))
    if len(data) < _HEADER.size:
        raise ValueError(f"a request begins with a header of {_HEADER.size} bytes, and this has {len(data)}")
    size, type, flags, _, port = _HEADER.unpack_from(data)
    wanted = NLM_F_REQUEST if flags & NLM_F_DUMP == NLM_F_DUMP else NLM_F_REQUEST | NLM_F_ACK
    _HEADER.pack_into(data, 0, size, type, flags | wanted, sequence, port)
    return bytes(data)


def _encoded(request: Encodable) -> bytes:
    request.reset()  # what was encoded before would be there twice
    try:
        request.encode()
    except struct.error as error:
        raise ValueError(f"a number does not fit its field: {error}") from error
    return bytes(request.data)


def _reply(messages: list[Message]) -> Reply:
    *rows, end = messages
    (code,) = _ERROR.unpack_from(end.body)
    ack = _extended_ack(end)
    if code < 0:
        error = NetlinkError(-code, ": ".join(filter(None, (os.strerror(-code), ack.text))))
        error.ack = ack
        raise error
    return Reply(rows, any(each.flags & _NLM_F_DUMP_INTR for each in messages), ack)


def _extended_ack(end: Message) -> ExtendedAck:
    if not end.flags & _NLM_F_ACK_TLVS:
        return ExtendedAck()
    found = dict(attributes(end.body[_before_attributes(end) :]))
    text = found.get(_ATTR_MSG)
    offset, kind, nest = (
        int.from_bytes(found[type], sys.byteorder) if type in found else None
        for type in (_ATTR_OFFS, _ATTR_MISS_TYPE, _ATTR_MISS_NEST)
    )
    return ExtendedAck(None if text is None else text.rstrip(b"\0").decode(), offset, kind, nest)


def _before_attributes(end: Message) -> int:
    """After its errno an NLMSG_ERROR repeats the request, or its header alone; an NLMSG_DONE does not."""
    if end.type == _NLMSG_DONE:
        return _ERROR.size
    if end.flags & _NLM_F_CAPPED:
        return _ERROR.size + _HEADER.size
    size, *_ = _HEADER.unpack_from(end.body, _ERROR.size)
    return _ERROR.size + _aligned(size)


def _padded(data: bytes) -> bytes:
    return data + bytes(_aligned(len(data)) - len(data))


def _aligned(size: int) -> int:
    return -(-size // 4) * 4
