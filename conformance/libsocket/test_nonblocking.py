"""Making a Socket non-blocking."""

from __future__ import annotations

import fcntl
import os

from conformance.plugin.claim import claim
from libsocket import Socket


def flag(sock: Socket) -> int:
    """O_NONBLOCK of the descriptor, or 0."""
    return fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK


@claim(
    "libsocket/nonblocking/sets-o-nonblock",
    sentence="libsocket/nonblocking/flag",
    section="impl Socket",
    says="The non-blocking mode of a UDP socket is the flag O_NONBLOCK of its descriptor: set with it and "
    "cleared with it.",
)
def test_the_descriptor_has_the_flag(ns, observe):
    with Socket.udp() as sock:
        at_first = flag(sock)
        sock.nonblocking = True
        set_ = flag(sock)
        sock.nonblocking = False

        assert observe("flag", [at_first, set_, flag(sock)]) == [0, os.O_NONBLOCK, 0]
