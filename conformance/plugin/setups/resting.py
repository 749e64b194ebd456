"""A TCP sender whose timers rest, and whose peer is made: it sends again only what it takes for lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.needs import ROUTE_TIMERS, Need
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import ADDRESS, MADE, OFFERED, SEGMENT, MadePeer, made_peer
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Linger, Socket
from netns import Capability, Peers

RESTING: Final[tuple[Need | Capability, ...]] = (*MADE, ROUTE_TIMERS)
"""What it takes to have such a sender."""

RESTING_ENDS: Final = {
    **UNACKED_ENDS,
    "no-op: setsockopt(*TCP_CONGESTION*": "the algorithm that the kernel begins with may do the same",
}
"""For the claims that are tried with a :func:`resting_sender`."""


@contextmanager
def resting_sender(
    hosts: Peers,
    options: dict[int, bytes] = OFFERED,
    *,
    away: float = 0,
    early_retrans: int | None = 0,
    window: int = 65_535,
) -> Iterator[tuple[Socket, MadePeer]]:
    """A TCP socket on the right with the algorithm reno, and a peer that takes so many seconds to answer.

    Tail loss probes are off unless ``early_retrans`` is another number, or None for what it is at first.
    """
    _rest(hosts, early_retrans)
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        listener.tcp_congestion = "reno"
        peer.window = window
        peer.ask(listener, options)
        peer.during(away)
        peer.send()
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.linger = Linger(True, 0)
            sock.rcvtimeo = SOON
            yield sock, peer


@contextmanager
def resting_client(hosts: Peers, options: dict[int, bytes] = OFFERED) -> Iterator[tuple[Socket, MadePeer]]:
    """The same, but that it connects to the peer, and does not block from then on."""
    _rest(hosts, 0)
    with made_peer(hosts) as peer, hosts.right.entered(), Socket.tcp() as sock:
        sock.tcp_congestion = "reno"
        sock.linger = Linger(True, 0)
        peer.answer(sock, options)
        yield sock, peer


def _rest(hosts: Peers, early_retrans: int | None) -> None:
    right = hosts.right.namespace
    if early_retrans is not None:
        right.sysctl["net.ipv4.tcp_early_retrans"] = early_retrans
    right.add_route(f"{ADDRESS}/32", via=hosts.left.address, dev=hosts.right.device, rto_min=100)


def lose(sock: Socket, peer: MadePeer) -> None:
    """Let the first of some segments be sent again, by which a connection leaves slow start."""
    for _ in range(5):
        sock.send(bytes(SEGMENT))
    first = peer.next()
    for _ in range(3):
        peer.send()
    peer.replies()
    peer.take(first)
    peer.expected += 4 * SEGMENT
    peer.tell(b"x")
    sock.read_exact(1)
