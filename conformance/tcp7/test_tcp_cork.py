"""TCP_CORK: partial segments wait for more.

Where timers rest (see ``unacked_sender``) only the option decides what is sent, and the kernel itself
says how much it has not sent.
"""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.pairs import unacked_sender
from conformance.plugin.timing import timed
from libsocket import Socket

HALF_THE_CEILING = 0.1
"""Seconds. A timer may strike up to a clock tick before its 200 milliseconds are over."""


@claim(
    "tcp.7/TCP_CORK/holds-partial-frames",
    section="Socket options",
    says="With the option a partial segment is not sent.",
    since="2.2",
    needs=[VETH],
)
def test_a_partial_segment_is_held(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"partial")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"partial")


@claim(
    "tcp.7/TCP_CORK/sends-full-frames",
    section="Socket options",
    says="The option holds back partial segments only: a full one is sent.",
    since="2.2",
    needs=[VETH],
)
def test_a_full_segment_is_sent(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(bytes(sender.tcp_info.snd_mss))
        sender.send(b"rest")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"rest")


@claim(
    "tcp.7/TCP_CORK/uncorking-sends",
    section="Socket options",
    says="Clearing the option sends all partial segments that wait.",
    since="2.2",
    needs=[VETH],
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
    "tcp.7/TCP_CORK/ceiling",
    section="Socket options",
    says="What is corked does not wait for ever: after 200 milliseconds it is sent, still corked.",
    since="2.2",
)
def test_corked_data_is_sent_in_the_end(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.tcp_cork = True
        with timed() as took:
            sender.send(b"corked")
            received = receiver.recv(9)

        assert observe("sent_late", [received == b"corked", took.lasted(HALF_THE_CEILING)]) == [True, True]


@claim(
    "tcp.7/TCP_CORK/with-nodelay",
    section="Socket options",
    says="The option and TCP_NODELAY can both be set.",
    since="2.5.71",
)
def test_both_can_be_set(ns, observe):
    with Socket.tcp() as sock:
        sock.tcp_nodelay = True
        sock.tcp_cork = True

        assert observe("set", [sock.tcp_nodelay, sock.tcp_cork]) == [True, True]
