"""Interfaces of the kind nlmon, on which the netlink messages of a network namespace are seen."""

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
_LINKINFO, _KIND, _UP = 18, 1, 1


def add_tap(name: str) -> int:
    """Add an interface of the kind nlmon where this stands, and set it up; its number. Raises: OSError."""
    kind = attribute(_LINKINFO, attribute(_KIND, b"nlmon\0"))
    named = attribute(IFLA_IFNAME, name.encode() + b"\0")
    with netlink_socket() as sock:
        request = framed(NEWLINK, REQUEST | ACK | CREATE | EXCL, of_link(0, named, kind))
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
