"""TCP_CORK and TCP_NODELAY where tcp(7) is silent."""

from __future__ import annotations

import socket

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.pairs import unacked_sender


@claim(
    "defacto/TCP_CORK/uncorking-leaves-nagle",
    says="Clearing TCP_CORK without TCP_NODELAY leaves Nagle's rule: while earlier small data is not "
    "acknowledged, what was corked still waits.",
    needs=[VETH],
)
def test_uncorked_data_still_waits_for_an_acknowledgement(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"first")
        sender.tcp_cork = True
        sender.send(b"corked")
        sender.tcp_cork = False

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"corked")


@claim(
    "defacto/TCP_CORK/uncorking-with-nodelay-sends",
    says="Clearing TCP_CORK with TCP_NODELAY set sends what was corked, though earlier data is not "
    "acknowledged.",
    needs=[VETH],
)
def test_uncorked_data_does_not_wait_with_nodelay(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        sender.send(b"first")
        sender.tcp_cork = True
        sender.send(b"corked")
        sender.tcp_cork = False

        assert observe("unsent", sender.tcp_info.notsent_bytes) == 0


@claim(
    "defacto/TCP_CORK/shutdown-sends",
    says="Shutting a corked connection down for writing sends what waits.",
    needs=[VETH],
)
def test_shutting_down_sends_what_is_corked(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"corked")
        corked = sender.tcp_info.notsent_bytes
        sender.shutdown(socket.SHUT_WR)

        assert observe("unsent", [corked, sender.tcp_info.notsent_bytes]) == [len(b"corked"), 0]


@claim(
    "defacto/TCP_NODELAY/leaves-cork",
    says="Setting TCP_NODELAY on a corked socket sends what waits once: later data is corked again.",
    needs=[VETH],
)
def test_it_stays_corked(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"flushed")
        sender.tcp_nodelay = True
        sender.send(b"corked")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"corked")


@claim(
    "defacto/TCP_NODELAY/off-first-write-goes",
    says="Without TCP_NODELAY a small write is sent at once while nothing is unacknowledged.",
    needs=[VETH],
)
def test_the_first_small_write_goes_out(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"first")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == 0
