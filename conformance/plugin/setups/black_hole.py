"""What lets SYNs with MPTCP's options vanish, as some firewalls do, and those without them pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager

from conformance.plugin.setups.made_peer import ADDRESS, FIRST, OFFERED, MadePeer, replies_to
from conformance.plugin.setups.mptcp import OPTION, mptcp_socket
from conformance.plugin.setups.mptcp_peer import KEY, RESET_AT_THE_END, capable
from conformance.plugin.setups.segments import ACK, RST, SYN, Segment, next_segment
from conformance.plugin.timing import Timed
from libsocket import Socket

TRIES_END = {
    **RESET_AT_THE_END,
    "no-op: close(*": "a socket that was refused or reset may stay open",
    "no-op: ioctl(FIONBIO*": "a connect that waits sends the same",
}
"""For claims about what sockets ask for."""


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


def swallow(*peers: MadePeer) -> Timed:
    """Answer the SYNs of as many MPTCP sockets only once they come without the option; the time since then.

    The first that comes without it is answered: the kernel does not blame the option for a later one.
    """
    with ExitStack() as stack:
        for peer in peers:
            stack.enter_context(connecting_to(peer))
        left, swallowed, taken = {peer.port: peer for peer in peers}, set(), set()
        while left:
            asked = next_segment(peers[0].arriving)
            if asked.flags & ACK:  # one that was answered, before the others on a slow machine
                taken.add(asked.destination)
                continue
            since = Timed()
            if OPTION in asked.options:
                swallowed.add(asked.destination)
            elif asked.destination in left:
                assert asked.destination in swallowed, "there was no MPTCP before"
                _answer(left.pop(asked.destination), asked, OFFERED)
        _end(peers, taken)
    return since


def let_pass(peer: MadePeer, asked: Segment) -> None:
    """Answer the SYN of an MPTCP socket with the option."""
    _answer(peer, asked, {**OFFERED, **capable(KEY)})
    _end([peer])


def _answer(peer: MadePeer, asked: Segment, options: dict[int, bytes]) -> None:
    peer.take(asked)
    peer.send(SYN | ACK, sequence=FIRST, options=options)


def _end(peers: Sequence[MadePeer], taken: Set[int] = frozenset()) -> None:
    """End connections once they are there; those to the ports ``taken`` are."""
    taken = taken | {one.destination for one in replies_to(peers) if one.flags & ACK}
    assert taken >= {peer.port for peer in peers}, "an answer was not taken"
    for peer in peers:
        peer.send(RST | ACK, sequence=FIRST + 1)
    replies_to(peers)
