"""UDP sockets, over IPv4 or IPv6 as their address says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.timing import SOON
from libsocket import Socket


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
