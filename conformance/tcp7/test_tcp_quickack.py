"""TCP_QUICKACK: acknowledgements that are sent at once, or later."""

from __future__ import annotations

import socket
import time

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability

LEAST_DELAY = 0.04
"""Seconds: what an acknowledgement is delayed at least."""


@claim(
    "tcp.7/TCP_QUICKACK/sets",
    sentence=("tcp.7/TCP_QUICKACK/sets", "tcp.h/TCP_QUICKACK/quick"),
    section="Socket options",
    says="TCP_QUICKACK turns quickack mode of a TCP connection, over IPv4 and IPv6, off and on, and reads "
    "so.",
    since="2.4.4",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_mode_is_set(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        modes = [left.tcp_quickack]
        left.tcp_quickack = False
        modes.append(left.tcp_quickack)
        left.tcp_quickack = True
        modes.append(left.tcp_quickack)

        assert observe("modes", modes) == [True, False, True]


@claim(
    "tcp.7/TCP_QUICKACK/at-once",
    sentence=("tcp.7/TCP_QUICKACK/at-once", "tcp.h/TCP_QUICKACK/quick"),
    section="Socket options",
    says="A TCP connection over IPv4 in quickack mode acknowledges each of two small segments that come one "
    "after the other; without that mode it acknowledges one 40 milliseconds later at the earliest.",
    since="2.4.4",
    needs=[Capability.NET_RAW],
    survives={
        "no-op: setsockopt(*TCP_NODELAY*": "the second waits for an acknowledgement that comes at once"
    },
)
def test_acknowledgements_are_sent_at_once(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver, segments() as arriving:
        arriving.rcvtimeo = SOON
        sender.tcp_nodelay = True
        receiver.tcp_quickack = False
        modes = [receiver.tcp_quickack]
        receiver.tcp_quickack = True
        modes.append(receiver.tcp_quickack)
        sender.send(b"1")
        sender.send(b"2")
        quick = sorted(next_segment(arriving).data.decode() for _ in range(4))
        receiver.tcp_quickack = False
        with timed() as took:
            sender.send(b"slow")
            slow = [next_segment(arriving).data.decode() for _ in range(2)]

        assert [
            observe("modes_and_quick", [*modes, *quick]),
            observe("slow_and_late", [*slow, took.lasted(LEAST_DELAY)]),
        ] == [[False, True, "", "", "1", "2"], ["slow", "", True]]


@claim(
    "tcp.7/TCP_QUICKACK/not-permanent",
    sentence=("tcp.7/TCP_QUICKACK/not-permanent", "tcp.7/TCP_QUICKACK/changes-again"),
    section="Socket options",
    says="A TCP connection, over IPv4 and IPv6, leaves quickack mode by itself, though it was turned on, "
    "once it answers what it receives.",
    since="2.4.4",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_mode_does_not_last(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        left.tcp_quickack = False
        modes = [left.tcp_quickack]
        left.tcp_quickack = True
        modes.append(left.tcp_quickack)
        converse(right, left)
        modes.append(left.tcp_quickack)

        assert observe("modes_before_and_after", modes) == [False, True, False]


def converse(asking: Socket, answering: Socket) -> None:
    """Questions and answers until that ends quickack mode, or in vain for a while."""
    end = time.monotonic() + SOON
    while answering.tcp_quickack and time.monotonic() < end:
        asking.send(b"?")
        answering.read_exact(1)
        answering.send(b"!")
        asking.read_exact(1)
