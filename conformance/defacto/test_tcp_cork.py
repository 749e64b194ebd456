"""TCP_CORK and TCP_NODELAY where tcp(7) is silent."""

from __future__ import annotations

import socket

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTE_TIMERS, VETH
from conformance.plugin.setups.pairs import unacked_sender


@claim(
    "defacto/TCP_CORK/uncorking-with-nodelay-sends",
    says="Clearing TCP_CORK with TCP_NODELAY set sends what was corked, though earlier data is not "
    "acknowledged.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
)
def test_uncorked_data_does_not_wait_with_nodelay(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        sender.send(b"first")
        sender.tcp_cork = True
        sender.send(b"corked")
        corked = sender.tcp_info.notsent_bytes
        sender.tcp_cork = False

        assert observe("unsent", [corked, sender.tcp_info.notsent_bytes]) == [len(b"corked"), 0]


@claim(
    "defacto/TCP_CORK/shutdown-sends",
    says="Shutting a TCP connection down for writing sends what TCP_CORK holds back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
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
    says="Setting TCP_NODELAY on a corked socket sends what waits only once: later data is held back again.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
)
def test_it_stays_corked(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"flushed")
        unsent = [sender.tcp_info.notsent_bytes]
        sender.tcp_nodelay = True
        unsent.append(sender.tcp_info.notsent_bytes)
        sender.send(b"corked")
        unsent.append(sender.tcp_info.notsent_bytes)

        assert observe("unsent", unsent) == [len(b"flushed"), 0, len(b"corked")]


@claim(
    "defacto/TCP_NODELAY/off-first-write-goes",
    says="Without TCP_NODELAY a small write on a TCP connection is sent at once while nothing is "
    "unacknowledged.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, ROUTE_TIMERS],
)
def test_the_first_small_write_goes_out(peers, observe):
    with unacked_sender(peers) as sender:
        before = sender.tcp_info
        sender.send(b"first")
        after = sender.tcp_info

        assert observe("unacked_unacked_unsent", [before.unacked, after.unacked, after.notsent_bytes]) == [
            0,
            1,
            0,
        ]
