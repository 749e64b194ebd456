"""Packet sockets that send: by the old addresses, and until nothing more is taken."""

from __future__ import annotations

import ctypes
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.frames import EXPERIMENTAL
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.netlink import (
    ACK,
    DUMP,
    REQUEST,
    acknowledged,
    dumped,
    framed,
    netlink_socket,
    of_link,
)
from conformance.plugin.setups.packet_sockets import packet_socket
from libsocket import Other, Packet, Socket
from netns import Host
from netns.netlink import attributes

SOCK_PACKET: Final = 10
_DELLINK, _NEWNEIGH, _GETNEIGH, _NDA_LLADDR = 17, 28, 30, 2
_NDMSG: Final = 12
_HALEN: Final = 11
_SOCKADDR: Final = 16

_libc = ctypes.CDLL(None, use_errno=True)


def old_address(device: str, *, length: int = 16) -> Other:
    """A struct sockaddr_pkt, or its first bytes: the name of an interface, and a protocol."""
    whole = device.encode().ljust(14, b"\0") + EXPERIMENTAL.to_bytes(2, "big")
    return Other(socket.AF_PACKET, whole[: length - 2])


def claiming(address: Packet, length: int) -> Other:
    """An address that says of its link-layer address that it has so many bytes."""
    raw = bytearray(address.raw)
    raw[_HALEN] = length
    return Other(socket.AF_PACKET, bytes(raw[2:]))


def old_name(device: str) -> Other:
    """The struct sockaddr by which a socket of SOCK_PACKET is bound: the name of an interface."""
    return Other(socket.AF_PACKET, device.encode().ljust(14, b"\0"))


@contextmanager
def bound_sender(host: Host, type: int = socket.SOCK_RAW) -> Iterator[Socket]:
    """A packet socket that is bound to the wire of a host, and receives nothing."""
    with packet_socket(host, type, 0) as sock:
        sock.bind(Packet(index_of(host), 0))
        yield sock


def sent_until_refused(sock: Socket, data: bytes, address: Other | Packet, flags: int = 0) -> tuple[int, str]:
    """How many times data could be sent, and the errno that ended it."""
    count = 0
    try:
        while True:
            sock.sendto(data, flags, address)
            count += 1
    except OSError as error:
        return count, errno_name(error.errno)


def remove_link(name: str) -> None:
    """Remove an interface that is where this stands."""
    index = socket.if_nametoindex(name)
    with netlink_socket() as sock:
        error = acknowledged(sock, framed(_DELLINK, REQUEST | ACK, of_link(index))).error
    assert error == 0, f"{name} stays: {error}"


def own_addresses(host: Host) -> list[str]:
    """The link-layer addresses of which the wire of a host takes frames, beside its own."""
    index = index_of(host)
    with host.entered(), netlink_socket() as sock:
        rows = dumped(sock, framed(_GETNEIGH, REQUEST | DUMP, bytes([socket.AF_BRIDGE]) + bytes(_NDMSG - 1)))
    return [
        dict(attributes(one.body[_NDMSG:]))[_NDA_LLADDR].hex()
        for one in rows
        if one.type == _NEWNEIGH and int.from_bytes(one.body[4:8], sys.byteorder) == index
    ]


def device_of(sock: Socket) -> str:
    """The name of the interface that a socket of SOCK_PACKET is bound to, as getsockname(2) gives it."""
    return _name_of(sock)[2:].partition(b"\0")[0].decode()


def family_of(sock: Socket) -> int:
    """The family of the address that getsockname(2) gives."""
    return int.from_bytes(_name_of(sock)[:2], sys.byteorder)


def _name_of(sock: Socket) -> bytes:
    """The first bytes of the address that getsockname(2) gives, as many as a struct sockaddr has."""
    memory, length = ctypes.create_string_buffer(_SOCKADDR), ctypes.c_int(_SOCKADDR)
    assert _libc.getsockname(sock.fileno(), memory, ctypes.byref(length)) == 0, "it has no name"
    return memory.raw
