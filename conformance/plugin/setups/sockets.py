"""Sockets by the name of their kind."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from libsocket import Socket

SOCKETS: Final[Mapping[str, Callable[[], Socket]]] = {
    "tcp": Socket.tcp,
    "tcp6": partial(Socket.tcp, socket.AF_INET6),
    "udp": Socket.udp,
    "udp6": partial(Socket.udp, socket.AF_INET6),
    "unix": Socket.unix,
    "unix-datagram": partial(Socket.unix, socket.SOCK_DGRAM),
    "unix-seqpacket": partial(Socket.unix, socket.SOCK_SEQPACKET),
    "netlink": Socket.netlink,
    "packet": Socket.packet,
}
"""What makes a socket of each kind; those of the Internet are of version 4 unless they end in 6."""
