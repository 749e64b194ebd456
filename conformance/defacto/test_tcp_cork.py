"""TCP_CORK where tcp(7) is silent."""

from __future__ import annotations

import socket

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTE_TIMERS, VETH
from conformance.plugin.setups.pairs import UNACKED_ENDS, unacked_and_unsent, unacked_sender
from conformance.plugin.timing import SOON, timed
from libsocket import Socket

LEAST_TIMEOUT = 0.2
"""Seconds: the least retransmission timeout of TCP."""


@claim(
    "defacto/TCP_CORK/shutdown-sends",
    says="Shutting a TCP connection down for writing sends what TCP_CORK holds back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
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
