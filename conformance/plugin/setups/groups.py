"""Groups and broadcasts: members, and senders whose packets have arrived once they have sent them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import IpMreqn, Option, Socket

_LOOPBACK: Final = 1
"""The index of lo in every network namespace."""


class Sender:
    """Sends to a group, and is done when a witness that hears all of it has what was sent.

    A packet is taken in on its own time, and an option that a listener sets meanwhile would count for it.
    """

    def __init__(self, sock: Socket, witness: Socket, sent: list[str]) -> None:
        self._sock, self._witness, self._sent = sock, witness, sent

    def send(self, data: bytes) -> None:
        self._sock.send(data)
        self._arrived()

    def sendto(self, data: bytes, address: Any) -> None:
        self._sock.sendto(data, address)
        self._arrived()

    def _arrived(self) -> None:
        self._sent.append(self._witness.recv(20).decode())


def join_and_leave(
    sock: Socket, join: Option[Any], leave: Option[Any], membership: bytes, fewer: bytes
) -> None:
    """Join a group and leave it, once and not twice, and never with fewer bytes than its structure has."""
    with refused(errno.EINVAL):
        sock.set(join, fewer)
    sock.set(join, membership)
    with refused(errno.EADDRINUSE, "errno_joined"):
        sock.set(join, membership)
    with refused(errno.EINVAL, "errno_of_leaving"):
        sock.set(leave, fewer)
    sock.set(leave, membership)
    with refused(errno.EADDRNOTAVAIL, "errno_left"):
        sock.set(leave, membership)


@contextmanager
def member(name: str, port: int, host: str = "0.0.0.0", *, port_shared: bool = False) -> Iterator[Socket]:
    """A UDP socket at a port that others may have, too, and that has joined a group of IPv4 by loopback."""
    with Socket.udp() as sock:
        sock.rcvtimeo = SOON
        if port_shared:
            sock.reuseport = True
        else:
            sock.reuseaddr = True
        sock.bind((host, port))
        sock.ip_add_membership = IpMreqn(name, ifindex=_LOOPBACK)
        yield sock


@contextmanager
def broadcaster(host: str, port: int) -> Iterator[Socket]:
    """A UDP socket at a port that others may have, too, that may send broadcasts."""
    with Socket.udp() as sock:
        sock.rcvtimeo = SOON
        sock.broadcast = sock.reuseaddr = True
        sock.bind((host, port))
        yield sock
