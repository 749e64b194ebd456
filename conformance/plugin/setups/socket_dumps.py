"""What NETLINK_SOCK_DIAG lists of netlink and packet sockets: requests for a dump, and what they give."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from conformance.plugin.setups.netlink import (
    DUMP,
    NETLINK_SOCK_DIAG,
    NLMSG_DONE,
    NLMSG_ERROR,
    REQUEST,
    dumped,
    framed,
    netlink_socket,
    parsed,
)
from libsocket import Socket
from netns.netlink import Message, attributes, receive

BY_FAMILY: Final = 20
"""SOCK_DIAG_BY_FAMILY, the type of a request and of each row."""
ALL_PROTOCOLS: Final = 255
"""NDIAG_PROTO_ALL"""
NDIAG_SHOW: Final = {"meminfo": 1, "groups": 2, "flags": 8}
"""NDIAG_SHOW_MEMINFO and so on, by what they show."""
NDIAG_FLAGS: Final = {
    "dump": 1,
    "NETLINK_PKTINFO": 2,
    "NETLINK_BROADCAST_ERROR": 4,
    "NETLINK_NO_ENOBUFS": 8,
    "NETLINK_LISTEN_ALL_NSID": 16,
    "NETLINK_CAP_ACK": 32,
}
"""NDIAG_FLAG_CB_RUNNING, and the flag of each option."""
PACKET_SHOW: Final = {"info": 1, "mclist": 2, "rings": 4, "fanout": 8, "meminfo": 16, "filter": 32}
"""PACKET_SHOW_INFO and so on."""
RUNNING: Final = 1
"""PDI_RUNNING"""

_REQUEST = struct.Struct("=BBHIIII")
_NETLINK_ROW = struct.Struct("=BBBBIIII8x")
_PACKET_ROW = struct.Struct("=BBHI8x")
_NETLINK_ATTRIBUTES = ("meminfo", "groups", "rx_ring", "tx_ring", "flags")
_PACKET_ATTRIBUTES = ("info", "mclist", "rx_ring", "tx_ring", "fanout", "uid", "meminfo", "filter")
_INFO = struct.Struct("=IIIIII")
_MEMBERSHIP = struct.Struct("=IIHH32s")
_INT = struct.Struct("=i")


class NetlinkRow(NamedTuple):
    """struct netlink_diag_msg, and the attributes behind it by their names."""

    family: int
    type: int
    protocol: int
    state: int
    port: int
    peer_port: int
    peer_group: int
    inode: int
    shown: dict[str, bytes]


class PacketRow(NamedTuple):
    """struct packet_diag_msg, and the attributes behind it by their names."""

    family: int
    type: int
    protocol: int
    inode: int
    shown: dict[str, bytes]


class PacketInfo(NamedTuple):
    """struct packet_diag_info"""

    interface: int
    version: int
    reserve: int
    copy_thresh: int
    timestamp: int
    flags: int


def diag_request(
    family: int, *, protocol: int = 0, show: int = 0, flags: int = REQUEST | DUMP, cut: int = 0
) -> bytes:
    """A request for the sockets of a family; ``cut`` is how many bytes it lacks at its end."""
    body = _REQUEST.pack(family, protocol, 0, 0, show, 0, 0)
    return framed(BY_FAMILY, flags, body[: len(body) - cut])


def answer_to(request: bytes) -> list[int]:
    """The type of the message that ends the answer to a request, and the error in it."""
    with netlink_socket(NETLINK_SOCK_DIAG) as sock:
        last = dumped(sock, request)[-1]
    return [last.type, parsed(last).error if last.type == NLMSG_ERROR else _INT.unpack_from(last.body)[0]]


def datagrams_of(request: bytes) -> list[list[int]]:
    """The inodes in each datagram of a dump of netlink sockets."""
    with netlink_socket(NETLINK_SOCK_DIAG) as sock:
        sock.send(request)
        found = [receive(sock)]
        while found[-1][-1].type not in {NLMSG_DONE, NLMSG_ERROR}:
            found.append(receive(sock))
    return [
        [_NETLINK_ROW.unpack_from(one.body)[7] for one in messages if one.type == BY_FAMILY]
        for messages in found
    ]


def netlink_rows(protocol: int = ALL_PROTOCOLS, show: int = 0) -> list[NetlinkRow]:
    """The netlink sockets of the network namespace where this stands."""
    found = _rows(diag_request(socket.AF_NETLINK, protocol=protocol, show=show))
    return [
        NetlinkRow._make(
            (*_NETLINK_ROW.unpack_from(one.body), _shown(one, _NETLINK_ROW.size, _NETLINK_ATTRIBUTES))
        )
        for one in found
    ]


def netlink_row(sock: Socket, show: str = "", protocol: int = ALL_PROTOCOLS) -> list[NetlinkRow]:
    """The rows of one netlink socket, known by its inode: one, or none."""
    rows = netlink_rows(protocol, NDIAG_SHOW[show] if show else 0)
    return [one for one in rows if one.inode == inode_of(sock)]


def packet_rows(show: int = 0) -> list[PacketRow]:
    """The packet sockets of the network namespace where this stands."""
    found = _rows(diag_request(socket.AF_PACKET, show=show))
    return [
        PacketRow._make(
            (*_PACKET_ROW.unpack_from(one.body), _shown(one, _PACKET_ROW.size, _PACKET_ATTRIBUTES))
        )
        for one in found
    ]


def packet_row(sock: Socket, show: str = "") -> list[PacketRow]:
    """The rows of one packet socket, known by its inode: one, or none."""
    rows = packet_rows(PACKET_SHOW[show] if show else 0)
    return [one for one in rows if one.inode == inode_of(sock)]


def packet_info(sock: Socket) -> PacketInfo:
    """What PACKET_SHOW_INFO shows of a packet socket."""
    (row,) = packet_row(sock, "info")
    return PacketInfo(*_INFO.unpack(row.shown["info"]))


def memberships_shown(sock: Socket) -> list[list[object]]:
    """Interface, count, type, and the address of each membership that PACKET_SHOW_MCLIST shows."""
    (row,) = packet_row(sock, "mclist")
    found = [*_MEMBERSHIP.iter_unpack(row.shown["mclist"])]
    return [[index, count, kind, address[:size].hex()] for index, count, kind, size, address in found]


def ring_shown(sock: Socket, name: str) -> list[int]:
    """What PACKET_SHOW_RING_CFG shows of ``rx_ring`` or ``tx_ring``; nothing if there is none.

    The size and number of blocks, the size and number of frames, the timeout in milliseconds, the private
    bytes of a block, and features.
    """
    (row,) = packet_row(sock, "rings")
    return numbers_of(row.shown.get(name, b""))


def numbers_of(value: bytes) -> list[int]:
    """An attribute as numbers of 32 bits."""
    return [number for (number,) in struct.iter_unpack("=I", value)]


def inode_of(sock: Socket) -> int:
    """The inode of a socket."""
    return os.fstat(sock.fileno()).st_ino


def inodes(sockets: Iterable[Socket]) -> list[int]:
    """The inodes of sockets, in order."""
    return sorted(map(inode_of, sockets))


def _rows(request: bytes) -> list[Message]:
    with netlink_socket(NETLINK_SOCK_DIAG) as sock:
        messages = dumped(sock, request)
    if messages[-1].type == NLMSG_ERROR:
        code = -parsed(messages[-1]).error
        raise OSError(code, os.strerror(code))
    return [one for one in messages if one.type == BY_FAMILY]


def _shown(message: Message, size: int, names: tuple[str, ...]) -> dict[str, bytes]:
    return {names[kind]: value for kind, value in attributes(message.body[size:])}
