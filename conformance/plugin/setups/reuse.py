"""Sockets that share an address, and which of them gets what comes."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import Socket

STAY_OPEN: Final = {"no-op: close()*": "a connection that was accepted may stay open, and who sent"}
"""For the claims in which :func:`arrivals` are counted."""
OTHERS_IN_GROUP: Final = {
    **STAY_OPEN,
    "no-op: bind(*": "a socket that is not in the group is not selected either",
    "no-op: listen(*": "a socket that is not in the group is not selected either",
}
"""For the claims in which one socket of a :func:`group` gets all :func:`arrivals`."""


def reusing_socket(reuse: bool = True, *, make: Callable[[], Socket] = Socket.tcp) -> Socket:
    """A socket with SO_REUSEADDR set or not, still to be bound."""
    sock = make()
    if reuse:
        sock.reuseaddr = True
    return sock


def sharing_socket(make: Callable[[], Socket] = Socket.tcp) -> Socket:
    """A socket with SO_REUSEPORT, still to be bound."""
    sock = make()
    sock.reuseport = True
    return sock


@contextmanager
def group(
    count: int, make: Callable[[], Socket] = Socket.udp, *, host: str = "127.0.0.1"
) -> Iterator[list[Socket]]:
    """Sockets that share an address by SO_REUSEPORT, in the order in which they came into the group."""
    with ExitStack() as stack:
        members = [stack.enter_context(sharing_socket(make)) for _ in range(count)]
        members[0].bind((host, 0))
        for other in members[1:]:
            other.bind(members[0].getsockname())
        for listener in members:
            if listener.type == socket.SOCK_STREAM:
                listener.listen(128)
        yield members


def arrivals(
    members: Sequence[Socket], count: int = 20, *, address: tuple[str, int] | None = None
) -> list[int]:
    """How many of some datagrams or connections, each from a port of its own, each socket of a group gets.

    They go to the address of the first, or to another if need be.
    """
    address = address or members[0].getsockname()
    with ExitStack() as stack:
        for _ in range(count):
            sender = stack.enter_context(Socket(members[0].family, members[0].type))
            sender.connect(address)
            if sender.type == socket.SOCK_DGRAM:
                sender.send(b"x")
        return _taken(members, count)


def _taken(members: Sequence[Socket], count: int) -> list[int]:
    counts = [0] * len(members)
    for _ in range(count):
        ready = select.select(members, [], [], SOON)[0]
        assert ready, f"not all arrived within {SOON:g} seconds"
        counts[members.index(ready[0])] += 1
        if ready[0].type == socket.SOCK_STREAM:
            ready[0].accept()[0].close()
        else:
            ready[0].recv(9)
    return counts
