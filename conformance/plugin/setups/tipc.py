"""Sockets of AF_TIPC and their service addresses, in the interpreter's form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import Socket

AF_TIPC: Final = 30
_RANGE, _NAME = 1, 2
"""TIPC_SERVICE_RANGE and TIPC_SERVICE_ADDR."""
_NODE_SCOPE: Final = 3

Address = tuple[int, int, int, int, int]


def tipc_socket(kind: int) -> Socket:
    """A socket that gives up what does not come."""
    sock = Socket(AF_TIPC, kind)
    sock.rcvtimeo = SOON
    return sock


def service(kind: int, first: int, last: int) -> Address:
    """A range of the instances of a service, to be bound to, or to be multicast to."""
    return _RANGE, kind, first, last, _NODE_SCOPE


def instance(kind: int, number: int) -> Address:
    """One instance of a service."""
    return _NAME, kind, number, 0, _NODE_SCOPE


@contextmanager
def connected_by(address: Address, server: Socket, kind: int) -> Iterator[tuple[Socket, Socket]]:
    """A client that connects by an address, and what the server has accepted.

    connect(2) waits for that, and so is not to block.
    """
    with tipc_socket(kind) as client:
        client.nonblocking = True
        with suppress(BlockingIOError):
            client.connect(address)
        with server.accept()[0] as accepted:
            client.nonblocking = False
            accepted.rcvtimeo = SOON
            yield client, accepted
