"""What lets SYNs with MPTCP's options vanish, as some firewalls do, and those without them pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.setups.made_peer import ADDRESS, FIRST, OFFERED, MadePeer
from conformance.plugin.setups.mptcp import OPTION, mptcp_socket
from conformance.plugin.setups.segments import ACK, RST, SYN
from conformance.plugin.timing import Timed
from libsocket import Socket


@contextmanager
def connecting_to(peer: MadePeer) -> Iterator[Socket]:
    """An MPTCP socket that has begun to connect to a host that is made."""
    with mptcp_socket() as sock:
        sock.setblocking(False)
        sock.connect_ex((ADDRESS, peer.port))
        yield sock


def syns(peer: MadePeer, number: int) -> list[bool]:
    """Whether the first SYNs of an MPTCP socket, to nobody, have its option."""
    with connecting_to(peer):
        return [OPTION in peer.next().options for _ in range(number)]


def asks_for_mptcp(peer: MadePeer) -> bool:
    """Whether the SYN of another MPTCP socket has its option; it is refused."""
    with connecting_to(peer):
        asked = peer.take(peer.next())
        peer.send(RST | ACK, sequence=0)
    return OPTION in asked.options


def swallow(peer: MadePeer) -> Timed:
    """Answer the SYN of an MPTCP socket only once it comes without the option; the time since then."""
    with connecting_to(peer):
        assert OPTION in peer.next().options, "there was no MPTCP before"
        while OPTION in peer.take(peer.next()).options:
            pass
        since = Timed()
        peer.send(SYN | ACK, sequence=FIRST, options=OFFERED)
        peer.next()
        peer.send(RST | ACK, sequence=FIRST + 1)
        peer.replies()
    return since
