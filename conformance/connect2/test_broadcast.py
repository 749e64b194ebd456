"""EACCES: connecting to a broadcast address."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import Socket

EVERYONE = "127.255.255.255", 9


@claim(
    "connect.2/EACCES/broadcast",
    section="ERRORS",
    says="Connecting to a broadcast address without SO_BROADCAST is refused.",
)
def test_connecting_to_everyone_takes_the_flag(ns, observe):
    with Socket.udp() as sock:
        with refused(errno.EACCES):
            sock.connect(EVERYONE)
        sock.broadcast = True
        sock.connect(EVERYONE)

        assert observe("connected", sock.getpeername()) == EVERYONE
