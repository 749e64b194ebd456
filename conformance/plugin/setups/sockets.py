"""Sockets by the name of their kind."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from conformance.plugin.setups.mptcp import mptcp_socket
from conformance.plugin.setups.vsock import vsock
from libsocket import Socket

_EXPERIMENTAL = 253
"""RFC 3692."""


def unix_datagram() -> Socket:
    """A UNIX domain datagram socket."""
    return Socket.unix(socket.SOCK_DGRAM)


def sctp_socket(kind: int = socket.SOCK_STREAM) -> Socket:
    """An SCTP socket over IPv4, of one association or of many."""
    return Socket(socket.AF_INET, kind, socket.IPPROTO_SCTP)


def raw_socket(family: int = socket.AF_INET) -> Socket:
    """A raw IP socket of a protocol for experiments, which nothing else on a host receives."""
    return Socket.raw(_EXPERIMENTAL, family)


SOCKETS: Final[Mapping[str, Callable[[], Socket]]] = {
    "tcp": Socket.tcp,
    "tcp6": partial(Socket.tcp, socket.AF_INET6),
    "mptcp": mptcp_socket,
    "mptcp6": partial(mptcp_socket, socket.AF_INET6),
    "udp": Socket.udp,
    "udp6": partial(Socket.udp, socket.AF_INET6),
    "raw": raw_socket,
    "raw6": partial(raw_socket, socket.AF_INET6),
    "unix": Socket.unix,
    "unix-datagram": unix_datagram,
    "unix-seqpacket": partial(Socket.unix, socket.SOCK_SEQPACKET),
    "netlink": Socket.netlink,
    "packet": Socket.packet,
    "vsock": vsock,
    "vsock-seqpacket": partial(vsock, socket.SOCK_SEQPACKET),
    "sctp": sctp_socket,
    "sctp-seqpacket": partial(sctp_socket, socket.SOCK_SEQPACKET),
}
"""What makes a socket of each kind; those of the Internet are of version 4 unless they end in 6."""
