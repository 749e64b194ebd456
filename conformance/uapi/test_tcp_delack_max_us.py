"""TCP_DELACK_MAX_US: how long an acknowledgement waits for data to go with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, MadePeer, made_peers, replies_to
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.readiness import await_readable, readable_by_select
from conformance.plugin.setups.segments import next_segment
from conformance.plugin.timing import timed
from libsocket import Linger, Socket
from netns import Peers

LEAST = 20_000
"""Microseconds: half of what an acknowledgement waits at least without the option."""
LATER, NO_LATER = 0.011, 0.018
"""Seconds after which data comes to the second connection: more than a tick, and less than both differ by."""
ROUNDS = 100
"""How often it is tried to be no later; each takes less than a tenth of a second."""


@contextmanager
def connection(end: MadePeer, listener: Socket) -> Iterator[Socket]:
    """The socket that a made peer is connected to."""
    end.connect(listener)
    await_readable(listener)
    with listener.accept()[0] as sock:
        sock.linger = Linger(True, 0)
        yield sock


def acknowledged(hosts: Peers, microseconds: int) -> tuple[int, int]:
    """How many of two connections acknowledge at once, and which does first.

    That is 0, to which data comes first, or 1 with the option.

    Should the data of the second have come later still, this machine was too slow, and it is done over.
    """
    with (
        made_peers(hosts, 2) as ends,
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
        connection(ends[0], listener) as one,
        connection(ends[1], listener) as other,
    ):
        other.tcp_delack_max_us = microseconds
        for _ in range(ROUNDS):
            one.tcp_quickack = other.tcp_quickack = False
            replies_to(ends)
            with timed() as took:
                ends[0].tell(b"x")
                readable_by_select(ends[0].arriving, LATER)
                ends[1].tell(b"x")
                at_once = replies_to(ends)
            later = [next_segment(ends[0].arriving) for _ in ends[len(at_once) :]]
            if took.seconds < NO_LATER:
                return len(at_once), [*at_once, *later][0].destination - ends[0].port
    raise TimeoutError("this machine is too slow to send twice in that time")


@claim(
    "tcp.h/TCP_DELACK_MAX_US/most",
    sentence="tcp.h/TCP_DELACK_MAX_US/most",
    section="TCP_DELACK_MAX_US",
    says="Of two TCP connections over IPv4 that do not acknowledge at once, by a TCP_QUICKACK of 0, and to "
    "which data comes within 18 milliseconds, the second acknowledges it first where its TCP_DELACK_MAX_US "
    "is 20000, less than the 40 milliseconds for which that of the first waits, and not where it is 200000.",
    since="6.15",
    needs=MADE,
    survives={
        **UNACKED_ENDS,
        "no-op: setsockopt(*200000*": "it is that at first",
        "no-op: setsockopt(*TCP_QUICKACK*": "it is set again where all is done over",
    },
)
@pytest.mark.parametrize(("microseconds", "first"), [(200_000, 0), (LEAST, 1)])
def test_an_acknowledgement_waits_less(peers, observe, microseconds, first):
    at_once, which = acknowledged(peers, microseconds)

    assert [observe("at_once", at_once), observe("first", which)] == [0, first]
