"""What sock_diag(7) tells of IPv4 and IPv6 sockets: requests byte by byte, and each field of the answers."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass, replace
from typing import Final

from conformance.plugin.setups.netlink import (
    DUMP,
    NETLINK_SOCK_DIAG,
    NLMSG_ERROR,
    REQUEST,
    asked,
    dumped,
    framed,
    netlink_socket,
    parsed,
)
from conformance.plugin.setups.unix_diag import ANY_COOKIE, EVERY_STATE, SOCK_DIAG_BY_FAMILY
from libsocket import Socket
from netns.netlink import Message, attributes

MEMINFO, INFO, CONG, TOS, TCLASS, SKMEMINFO, SHUTDOWN, SKV6ONLY = 1, 2, 4, 5, 6, 7, 8, 11
"""Attributes by number, ``INET_DIAG_MEMINFO`` and so on."""
NO_TIMER, RETRANSMIT, KEEPALIVE = 0, 1, 2
"""What idiag_timer can be."""

_REQUEST = struct.Struct("=BBBBI")
_ID = struct.Struct("=2s2s16s16sIII")
_MESSAGE = struct.Struct("=BBBB2s2s16s16sIIIIIIII")
_Address = tuple[str, int]


@dataclass(frozen=True)
class Id:
    """struct inet_diag_sockid; ports and addresses are in network byte order."""

    family: int
    source: _Address
    destination: _Address
    interface: int = 0
    cookie: tuple[int, int] = ANY_COOKIE

    def packed(self) -> bytes:
        """Its 48 bytes."""
        ends = (self.source, self.destination)
        ports = [port.to_bytes(2, "big") for _, port in ends]
        hosts = [socket.inet_pton(self.family, host).ljust(16, b"\0") for host, _ in ends]
        return _ID.pack(*ports, *hosts, self.interface, *self.cookie)

    def of_cookie(self, cookie: tuple[int, int]) -> Id:
        """The same with another cookie."""
        return replace(self, cookie=cookie)


@dataclass(frozen=True)
class Told:
    """One struct inet_diag_msg, and the attributes behind it by their numbers."""

    state: int
    timer: int
    retrans: int
    id: Id
    expires: int
    rqueue: int
    wqueue: int
    uid: int
    inode: int
    attributes: dict[int, bytes]


def id_of(sock: Socket) -> Id:
    """The id of a socket; a peer that it has not is the address of zeros."""
    try:
        peer = sock.getpeername()[:2]
    except OSError:
        peer = nobody(sock.family).destination
    return Id(int(sock.family), sock.getsockname()[:2], peer)


def exact(sock: Socket, *attributes: int, id: Id | None = None, states: int = EVERY_STATE) -> Told:
    """What is told of a socket, by its own id or another. Raises: OSError where it is refused."""
    with netlink_socket(NETLINK_SOCK_DIAG) as diag:
        (one,) = _unless_refused(asked(diag, _request(REQUEST, sock, attributes, states, id or id_of(sock))))
    return _told(one)


def listed(sock: Socket, *attributes: int, states: int = EVERY_STATE, id: Id | None = None) -> list[Told]:
    """All sockets of the family and protocol of one, in this network namespace, that a dump lists."""
    wanted = _request(REQUEST | DUMP, sock, attributes, states, id or nobody(sock.family))
    with netlink_socket(NETLINK_SOCK_DIAG) as diag:
        *rows, _ = _unless_refused(dumped(diag, wanted))
    return [_told(one) for one in rows]


def nobody(family: int) -> Id:
    """The id that names no socket, of a family: no address and no port."""
    none = (_ANY[family], 0)
    return Id(int(family), none, none)


_ANY: Final = {int(socket.AF_INET): "0.0.0.0", int(socket.AF_INET6): "::"}


def _request(flags: int, sock: Socket, attributes: tuple[int, ...], states: int, id: Id) -> bytes:
    extensions = sum(1 << one - 1 for one in attributes)
    protocol = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
    body = _REQUEST.pack(sock.family, protocol, extensions, 0, states) + id.packed()
    return framed(SOCK_DIAG_BY_FAMILY, flags, body)


def _told(message: Message) -> Told:
    family, state, timer, retrans, *rest = _MESSAGE.unpack_from(message.body)
    ports, hosts, (interface, low, high), counts = rest[:2], rest[2:4], rest[4:7], rest[7:]
    size = 4 if family == socket.AF_INET else 16
    source, destination = (
        (socket.inet_ntop(family, host[:size]), int.from_bytes(port, "big"))
        for host, port in zip(hosts, ports, strict=True)
    )
    told = dict(attributes(message.body[_MESSAGE.size :]))
    expires, rqueue, wqueue, uid, inode = counts
    own = Id(family, source, destination, interface, (low, high))
    return Told(state, timer, retrans, own, expires, rqueue, wqueue, uid, inode, told)


def _unless_refused(messages: list[Message]) -> list[Message]:
    if messages[0].type == NLMSG_ERROR and (error := parsed(messages[0]).error):
        raise OSError(-error, os.strerror(-error))
    return messages
