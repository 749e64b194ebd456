"""Timestamps of the bytes of a stream."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.transmit_timestamps import IDENTIFIED, ask, identifiers, kinds_and_identifiers
from conformance.plugin.timing import SOON
from libsocket import Socket, TimestampingFlag

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])


@claim(
    "timestamping/bytestream/all-bytes",
    sentence=("timestamping/bytestream/all-bytes", "timestamping/bytestream/last-byte"),
    section="1.4 Bytestream Timestamps",
    says="A send on a TCP socket that leaves in several segments gets one timestamp of each of TX_SCHED, "
    "TX_SOFTWARE and TX_ACK, all with the offset of its last byte.",
    since="3.17",
    survives={"no-op: setsockopt(*SO_SNDBUF*": "it only lets the send return before all is read"},
)
@FAMILIES
def test_a_send_in_segments_has_one_timestamp(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.sndbuf = 400_000
        ask(sender, IDENTIFIED | TimestampingFlag.TX_SOFTWARE | TimestampingFlag.TX_ACK)
        sender.send(bytes(200_000))
        receiver.read_exact(200_000)
        stamps = kinds_and_identifiers(sender, 3)

        assert [
            observe("several_segments", sender.tcp_info.data_segs_out > 1),
            observe("stamps", [*stamps, sender.recv_error() is None]),
        ] == [True, [["SCHED", 199_999], ["SND", 199_999], ["ACK", 199_999], True]]


@claim(
    "timestamping/bytestream/collapsed",
    sentence=("timestamping/bytestream/one-a-buffer", "timestamping/bytestream/missed"),
    section="1.4 Bytestream Timestamps",
    says="Of two sends on a TCP socket that are collapsed into a segment (TCP_CORK) the first gets no "
    "timestamp, and the second one with the offset of its last byte.",
    since="3.17",
    survives={"no-op: setsockopt(SOL_TCP, TCP_CORK, ?0?*": "what is corked is sent after 200 ms anyway"},
)
@FAMILIES
def test_collapsed_sends_have_one_timestamp(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED)
        sender.tcp_cork = True
        sender.send(b"12")
        sender.send(b"345")
        sender.tcp_cork = False
        stamps = identifiers(sender, 1)

        assert observe("identifiers", [*stamps, sender.recv_error() is None]) == [4, True]


@claim(
    "timestamping/bytestream/eor",
    sentence="timestamping/bytestream/eor",
    section="1.4 Bytestream Timestamps",
    says="Sends with MSG_EOR on a corked TCP socket are not collapsed: each gets its timestamp.",
    since="4.7",
    survives={"no-op: setsockopt(SOL_TCP, TCP_CORK, ?0?*": "what is corked is sent after 200 ms anyway"},
)
@FAMILIES
def test_the_end_of_a_record_prevents_it(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED)
        sender.tcp_cork = True
        sender.send(b"12", socket.MSG_EOR)
        unsent = sender.recv_error() is None
        sender.send(b"345", socket.MSG_EOR)
        sender.tcp_cork = False

        assert observe("unsent_and_identifiers", [unsent, identifiers(sender, 2)]) == [True, [1, 4]]


@claim(
    "timestamping/bytestream/flushed",
    sentence="timestamping/bytestream/flushed",
    section="1.4 Bytestream Timestamps",
    says="Each of two small sends on a TCP socket with TCP_NODELAY, and without TCP_CORK, gets its "
    "timestamp.",
    since="3.17",
    survives={"no-op: setsockopt(SOL_TCP, TCP_NODELAY*": "nothing is unacknowledged by then"},
)
@FAMILIES
def test_what_is_flushed_has_its_timestamp(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        sender.tcp_nodelay = True
        ask(sender, IDENTIFIED)
        sender.send(b"12")
        sender.send(b"345")

        assert observe("identifiers", identifiers(sender, 2)) == [1, 4]
