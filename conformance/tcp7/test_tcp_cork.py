"""TCP_CORK: partial segments wait for more.

Where timers rest (see ``unacked_sender``) only the option decides what is sent, and the kernel itself
says how much it has not sent.
"""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ROUTE_TIMERS, VETH
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import UNACKED_ENDS, unacked_and_unsent, unacked_sender
from conformance.plugin.timing import SOON, timed
from libsocket import Socket


@claim(
    "tcp.7/TCP_CORK/holds-partial-frames",
    sentence=("tcp.7/TCP_CORK/partial-frames", "tcp.h/TCP_CORK/partial"),
    section="Socket options",
    says="With TCP_CORK a partial segment is not sent at once, though nothing sent before it is "
    "unacknowledged.",
    since="2.2",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_a_partial_segment_is_held(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"partial")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"partial")


@claim(
    "tcp.7/TCP_CORK/sends-full-frames",
    sentence="tcp.7/TCP_CORK/partial-frames",
    section="Socket options",
    says="TCP_CORK holds back partial segments only: what waits is sent once it fills a segment, and not "
    "when a byte is missing.",
    since="2.2",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_a_full_segment_is_sent(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        segment = sender.tcp_info.snd_mss
        sender.send(bytes(segment - 1))
        before = sender.tcp_info.notsent_bytes
        sender.send(b"x")

        assert observe("unsent", [before, sender.tcp_info.notsent_bytes]) == [segment - 1, 0]


@claim(
    "tcp.7/TCP_CORK/uncorking-sends",
    sentence=("tcp.7/TCP_CORK/cleared", "ip-sysctl/tcp_autocorking/cork"),
    section="Socket options",
    says="Clearing TCP_CORK sends all partial segments that wait, where nothing sent before is "
    "unacknowledged.",
    since="2.2",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_uncorking_sends_what_waits(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"head")
        sender.send(b"body")
        corked = sender.tcp_info.notsent_bytes
        sender.tcp_cork = False

        assert observe("unsent", [corked, sender.tcp_info.notsent_bytes]) == [len(b"headbody"), 0]


@claim(
    "tcp.7/TCP_CORK/uncorking-sends-despite-nagle",
    sentence="tcp.7/TCP_CORK/cleared",
    section="Socket options",
    says="Clearing TCP_CORK without TCP_NODELAY sends all partial segments that wait, also where data sent "
    "before is unacknowledged.",
    since="2.2",
    needs=[VETH, ROUTE_TIMERS],
    expect=differs(
        "what was corked still waits for the acknowledgement, as Nagle's rule has it (older than the history "
        "in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"unsent": 6},
    ),
    survives=UNACKED_ENDS,
)
def test_uncorking_sends_what_waits_behind_unacknowledged_data(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"first")
        sender.tcp_cork = True
        sender.send(b"corked")
        corked = [sender.tcp_cork]
        sender.tcp_cork = False
        corked.append(sender.tcp_cork)
        unsent = sender.tcp_info.notsent_bytes

        assert [observe("corked", corked), observe("unsent", unsent)] == [[True, False], 0]


@claim(
    "tcp.7/TCP_CORK/ceiling",
    sentence="tcp.7/TCP_CORK/ceiling",
    section="Socket options",
    says="What is corked on a path whose retransmission timeout is its least, 200 milliseconds, is sent in "
    "the end, with TCP_CORK still set.",
    since="2.2",
)
def test_corked_data_is_sent_in_the_end(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.tcp_cork = True
        sender.send(b"corked")
        received = receiver.recv(9).decode()

        assert observe("received_and_still_corked", [received, sender.tcp_cork]) == ["corked", True]


@claim(
    "tcp.7/TCP_CORK/ceiling-of-slow-path",
    sentence="tcp.7/TCP_CORK/ceiling",
    section="Socket options",
    says="What is corked on a path whose retransmission timeout is a second is sent within that second.",
    since="2.2",
    needs=[VETH, ROUTE_TIMERS],
    expect=differs(
        "the retransmission timeout is the ceiling, not 200 milliseconds (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"received_after_a_second": ["corked", True]},
    ),
)
def test_corked_data_is_sent_on_a_slow_path(peers, observe):
    peers.left.namespace.add_route(f"{peers.right.address}/32", dev=peers.left.device, rto_min=1)
    with peers.right.entered(), listening(peers.right.address) as listener:
        with peers.left.entered():
            sender = Socket.tcp()
        sender.connect(listener.getsockname())
        with sender, listener.accept()[0] as receiver:
            receiver.rcvtimeo = SOON
            sender.tcp_cork = True
            with timed() as took:
                sender.send(b"corked")
                received = receiver.recv(9).decode()

            late = [received, took.lasted(1)]
            assert observe("received_after_a_second", late) == ["corked", False]


@claim(
    "tcp.7/TCP_CORK/with-nodelay",
    sentence="tcp.7/TCP_CORK/with-nodelay",
    section="Socket options",
    says="TCP_CORK and TCP_NODELAY can both be set on a TCP socket, over IPv4 and IPv6.",
    since="2.5.71",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_both_can_be_set(ns, observe, family):
    with Socket.tcp(family) as sock:
        sock.tcp_nodelay = True
        sock.tcp_cork = True

        assert observe("set", [sock.tcp_nodelay, sock.tcp_cork]) == [True, True]


@claim(
    "tcp.7/TCP_CORK/uncorking-sends-with-nodelay",
    sentence=("tcp.7/TCP_CORK/cleared", "tcp.7/TCP_CORK/with-nodelay"),
    section="Socket options",
    says="Clearing TCP_CORK with TCP_NODELAY set sends what was corked, though earlier data is not "
    "acknowledged.",
    since="2.5.71",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
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
