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
    sentence="tcp.7/TCP_QUICKACK/sets",
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
    sentence="tcp.7/TCP_QUICKACK/at-once",
    section="Socket options",
    says="A TCP connection on loopback in quickack mode has acknowledged what came before the sender's send "
    "returns; without that mode it acknowledges 40 milliseconds later at the earliest.",
    since="2.4.4",
    needs=[Capability.NET_RAW],
)
def test_acknowledgements_are_sent_at_once(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver, segments() as arriving:
        arriving.rcvtimeo = SOON
        receiver.tcp_quickack = False
        sender.send(b"slow")
        data = [next_segment(arriving).data.decode()]
        with timed() as took:
            data.append(next_segment(arriving).data.decode())
        receiver.tcp_quickack = True
        sender.send(b"quick")
        unacked = sender.tcp_info.unacked
        data += [next_segment(arriving).data.decode() for _ in range(2)]

        assert [
            observe("data", data),
            observe("late_and_unacked", [took.lasted(LEAST_DELAY), unacked]),
        ] == [["slow", "", "quick", ""], [True, 0]]


@claim(
    "tcp.7/TCP_QUICKACK/not-permanent",
    sentence=("tcp.7/TCP_QUICKACK/not-permanent", "tcp.7/TCP_QUICKACK/changes-again"),
    section="Socket options",
    says="A TCP connection leaves quickack mode by itself, though it was turned on, once it answers what it "
    "receives.",
    since="2.4.4",
)
def test_the_mode_does_not_last(ns, observe):
    left, right = Socket.tcp_pair()
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
    """Questions and answers for a tenth of a second, for the kernel tells them apart by its ticks."""
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        asking.send(b"?")
        answering.read_exact(1)
        answering.send(b"!")
        asking.read_exact(1)
