"""TCP_CORK and TCP_NODELAY where tcp(7) is silent."""

from __future__ import annotations

import socket

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTE_TIMERS, VETH
from conformance.plugin.setups.pairs import unacked_sender
from conformance.plugin.timing import SOON, timed
from libsocket import Socket

LEAST_TIMEOUT = 0.2
"""Seconds: the least retransmission timeout of TCP."""

ENDS_QUIETLY = {"no-op: setsockopt(*SO_LINGER*": "it only lets a connection end that nobody acknowledges"}


def unacked_and_unsent(sender: Socket) -> list[int]:
    """Segments that are sent and not acknowledged, and bytes that are not sent."""
    info = sender.tcp_info
    return [info.unacked, info.notsent_bytes]


@claim(
    "defacto/TCP_CORK/uncorking-with-nodelay-sends",
    says="Clearing TCP_CORK with TCP_NODELAY set sends what was corked, though earlier data is not "
    "acknowledged.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
    survives=ENDS_QUIETLY,
)
def test_uncorked_data_does_not_wait_with_nodelay(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        sender.send(b"first")
        sender.tcp_cork = True
        sender.send(b"corked")
        corked = unacked_and_unsent(sender)
        sender.tcp_cork = False

        assert observe("unacked_and_unsent", [corked, unacked_and_unsent(sender)]) == [
            [1, len(b"corked")],
            [2, 0],
        ]


@claim(
    "defacto/TCP_CORK/shutdown-sends",
    says="Shutting a TCP connection down for writing sends what TCP_CORK holds back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
    survives=ENDS_QUIETLY,
)
def test_shutting_down_sends_what_is_corked(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"corked")
        corked = unacked_and_unsent(sender)
        sender.shutdown(socket.SHUT_WR)

        assert observe("unacked_and_unsent", [corked, unacked_and_unsent(sender)]) == [
            [0, len(b"corked")],
            [1, 0],
        ]


@claim(
    "defacto/TCP_NODELAY/leaves-cork",
    says="Setting TCP_NODELAY on a corked socket sends what waits only once: later data is held back again.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
    survives=ENDS_QUIETLY,
)
def test_it_stays_corked(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"flushed")
        corked = unacked_and_unsent(sender)
        sender.tcp_nodelay = True
        flushed = unacked_and_unsent(sender)
        sender.send(b"corked")

        assert observe("unacked_and_unsent", [corked, flushed, unacked_and_unsent(sender)]) == [
            [0, len(b"flushed")],
            [1, 0],
            [1, len(b"corked")],
        ]


@claim(
    "defacto/TCP_NODELAY/off-first-write-goes",
    says="Without TCP_NODELAY a small write on a TCP connection is sent at once while nothing is "
    "unacknowledged.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
    survives=ENDS_QUIETLY,
)
def test_the_first_small_write_goes_out(peers, observe):
    with unacked_sender(peers) as sender:
        before = unacked_and_unsent(sender)
        sender.send(b"first")

        assert observe("unacked_and_unsent", [before, unacked_and_unsent(sender)]) == [[0, 0], [1, 0]]


@claim(
    "defacto/TCP_CORK/held-until-retransmission-timeout",
    says="What is corked on a path whose retransmission timeout is its least, 200 milliseconds, is not sent "
    "before that time.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_corked_data_is_held_until_the_timeout(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.tcp_cork = True
        with timed() as took:
            sender.send(b"corked")
            received = receiver.recv(9).decode()

        assert observe("received_late", [received, took.lasted(LEAST_TIMEOUT)]) == ["corked", True]
