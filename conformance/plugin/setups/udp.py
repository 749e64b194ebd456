"""UDP sockets, over IPv4 or IPv6 as their address says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from conformance.plugin.setups.pairs import await_those_before
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Namespace, initial_sysctl_set

UDP_MEM: Final = "net.ipv4.udp_mem"
_SIZE = 60_000


def udp_socket(host: str = "127.0.0.1") -> Socket:
    """One for addresses of this version, not yet bound."""
    return Socket.udp(socket.AF_INET6 if ":" in host else socket.AF_INET)


@contextmanager
def udp_receiver(host: str = "127.0.0.1") -> Iterator[Socket]:
    """One that is bound to a free port, and that gives up what does not come."""
    with udp_socket(host) as sock:
        sock.bind((host, 0))
        sock.rcvtimeo = SOON
        yield sock


@contextmanager
def udp_flow(host: str = "127.0.0.1") -> Iterator[tuple[Socket, Socket]]:
    """One that is connected to another, which receives."""
    with udp_receiver(host) as receiver, udp_socket(host) as sender:
        sender.connect(receiver.getsockname())
        yield sender, receiver


@contextmanager
def refused_flow(host: str = "127.0.0.1") -> Iterator[Socket]:
    """One that is connected to a port at which nobody is."""
    with udp_flow(host) as (sender, receiver):
        receiver.close()
        yield sender


def received(sock: Socket, count: int) -> list[str]:
    """So many messages, each as text."""
    return [sock.recv(70_000).decode() for _ in range(count)]


def received_of_60(ns: Namespace, *, mem: str, rmem_min: int) -> int:
    """How many of 60 large datagrams on loopback a UDP socket receives with these sysctls."""
    ns.sysctl["net.ipv4.udp_rmem_min"] = rmem_min
    with udp_flow() as (sender, receiver), initial_sysctl_set(UDP_MEM, mem):
        receiver.rcvbufforce = 8_000_000
        for _ in range(60):
            sender.send(bytes(_SIZE))
        await_those_before(Socket.tcp_pair)  # no datagram, of which there may be no room for one more
        return _waiting(receiver)


def _waiting(sock: Socket) -> int:
    """How many datagrams of this size a socket has received by now."""
    count = 0
    with suppress(BlockingIOError):
        while True:
            count += len(sock.recv(2 * _SIZE, socket.MSG_DONTWAIT)) == _SIZE
    return count
