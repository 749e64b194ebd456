"""EACCES: connecting to a broadcast address."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from libsocket import Socket

EVERYONE = "127.255.255.255", 9


@claim(
    "connect.2/EACCES/broadcast",
    sentence="connect.2/EACCES/broadcast",
    section="ERRORS",
    says="Connecting a UDP socket to a broadcast address without SO_BROADCAST fails with EACCES.",
)
def test_connecting_to_everyone_takes_the_flag(ns, observe):
    with Socket.udp() as sock:
        with refused(errno.EACCES):
            sock.connect(EVERYONE)
        sock.broadcast = True
        sock.connect(EVERYONE)

        assert observe("connected", sock.getpeername()) == EVERYONE


@claim(
    "connect.2/EACCES/broadcast-tcp",
    sentence="connect.2/EACCES/broadcast",
    section="ERRORS",
    says="Connecting a TCP socket to a broadcast address without SO_BROADCAST fails with EACCES.",
    expect=differs(
        "it fails with ENETUNREACH, whatever the flag (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"flag": True, "errno_with_flag": "ENETUNREACH", "errno": "ENETUNREACH"},
    ),
)
def test_tcp_connects_to_nobody_without_the_flag(ns, observe):
    with Socket.tcp() as flagged, Socket.tcp() as sock:
        flagged.broadcast = True
        observe("flag", flagged.broadcast)
        with refused(name="errno_with_flag"):
            flagged.connect(EVERYONE)
        with refused(errno.EACCES):
            sock.connect(EVERYONE)
