"""Groups: senders whose packets have arrived once they have sent them."""

from __future__ import annotations

import errno
from typing import Any

from conformance.plugin.refusal import refused
from libsocket import Option, Socket


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
