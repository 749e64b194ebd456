"""Listening sockets, and connections that wait in their backlog."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.threads import given_up
from libsocket import Socket

_BACKLOG = 128

UDP_NEEDS_NO_LISTENER: Final = {
    "no-op: listen*": "a UDP socket is connected to any address, as a TCP one is not"
}
"""For the claims in which a TCP socket or a UDP one is connected to what listens for the former."""


@contextmanager
def listening(
    host: str = "127.0.0.1", *, backlog: int = _BACKLOG, protocol: int = socket.IPPROTO_TCP
) -> Iterator[Socket]:
    """A TCP or MPTCP socket that listens on a free port of an IPv4 or IPv6 address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with Socket(family, socket.SOCK_STREAM, protocol) as listener:
        listener.bind((host, 0))
        listener.listen(backlog)
        yield listener


@contextmanager
def listening_unix(type_: int = socket.SOCK_STREAM, *, backlog: int = _BACKLOG) -> Iterator[Socket]:
    """A UNIX domain socket that listens under an abstract name, which the kernel chooses."""
    with Socket.unix(type_) as listener:
        listener.bind("")
        listener.listen(backlog)
        yield listener


@contextmanager
def pending_connection(listener: Socket) -> Iterator[Socket]:
    """A client whose connection is ready to be accepted: its connect returns a moment before that."""
    with Socket(listener.family, listener.type, listener.proto) as client:
        client.connect(listener.getsockname())
        await_readable(listener)
        yield client


@contextmanager
def full_backlog(listener: Socket) -> Iterator[Socket]:
    """A client that will have to wait: the one before it fills the queue of a listener with a backlog of 0.

    Once the listener is closed, a connect that no timeout ends is refused.
    """
    with (
        pending_connection(listener),
        Socket(listener.family, listener.type) as client,
        given_up(listener.close),
    ):
        yield client


@contextmanager
def late_connection(listener: Socket) -> Iterator[None]:
    """Somebody who connects where an accept goes on waiting that no timeout ends."""
    address = listener.getsockname()
    with Socket(listener.family, listener.type) as client, given_up(lambda: client.connect(address)):
        yield
