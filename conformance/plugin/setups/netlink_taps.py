"""Interfaces of the kind nlmon, on which netlink messages are seen, and tunnels over IPv6."""

from __future__ import annotations

import os
import socket
from typing import Final

from conformance.plugin.setups.netlink import (
    ACK,
    CREATE,
    EXCL,
    IFLA_IFNAME,
    NEWLINK,
    REQUEST,
    acknowledged,
    framed,
    netlink_socket,
    of_link,
)
from conformance.plugin.setups.packet_sockets import ETH_P_ALL
from conformance.plugin.timing import SOON
from libsocket import Packet, Socket
from netns.netlink import attribute

ARPHRD_NETLINK: Final = 824
PACKET_USER, PACKET_KERNEL = 6, 7
"""sll_pkttype of a message of a process's socket, and of one of the kernel's."""
_LINKINFO, _KIND, _DATA, _REMOTE = 18, 1, 2, 3


def add_tap(name: str) -> int:
    """Add an interface of the kind nlmon where this stands; its number. Raises: OSError."""
    return _added(name, attribute(_KIND, b"nlmon\0"))


def add_tunnel(name: str) -> int:
    """Add an IPv6 tunnel, whose link-layer addresses have sixteen bytes; its number. Raises: OSError."""
    remote = attribute(_REMOTE, socket.inet_pton(socket.AF_INET6, "fd00:9::1"))
    return _added(name, attribute(_KIND, b"ip6tnl\0") + attribute(_DATA, remote))


def _added(name: str, kind: bytes) -> int:
    named = attribute(IFLA_IFNAME, name.encode() + b"\0")
    link = of_link(0, named, attribute(_LINKINFO, kind))
    with netlink_socket() as sock:
        request = framed(NEWLINK, REQUEST | ACK | CREATE | EXCL, link)
        code = -acknowledged(sock, request).error
    if code:
        raise OSError(code, os.strerror(code))
    return socket.if_nametoindex(name)


def tapping(index: int) -> Socket:
    """A packet socket that receives what is seen on a tap from now on."""
    sock = Socket.packet(socket.SOCK_RAW)
    sock.rcvtimeo = SOON
    sock.bind(Packet(index, ETH_P_ALL))
    return sock
