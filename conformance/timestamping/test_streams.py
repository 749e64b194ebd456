"""SO_TIMESTAMPING on a stream: which bytes a timestamp is of."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.setups.error_queue import IDENTIFIED, ids, next_timestamp
from conformance.plugin.setups.pairs import TCP_PAIRS, UNACKED_ENDS, unacked_sender
from libsocket import MessageFlag, Timestamping, TimestampingFlag

TCP = pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)
UNCORKED_LATER = {
    "no-op: setsockopt(SOL_TCP, TCP_CORK, ?0?*": "what is held is sent a moment later in any case"
}


@claim(
    "timestamping/bytestream/whole-buffer",
    sentence=("timestamping/bytestream/whole-buffer", "timestamping/bytestream/last-byte"),
    section="1.4 Bytestream Timestamps",
    says="A send on a TCP socket that leaves in several segments has one timestamp of each of TX_SCHED, "
    "TX_SOFTWARE and TX_ACK, all with the offset of its last byte.",
    since="3.17",
    needs=[IPV6],
)
@TCP
def test_a_send_in_segments_has_one_timestamp(ns, observe, pair):
    ns.sysctl["net.ipv4.tcp_early_retrans"] = 0  # a segment that is sent again has timestamps again
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED | TimestampingFlag.TX_SCHED | TimestampingFlag.TX_ACK)
        sender.send(bytes(100_000))
        received = len(receiver.read_exact(100_000))
        stamps = [next_timestamp(sender) for _ in range(3)]
        seen = [[one.type, one.id] for one in stamps]

        assert [
            observe("received", received),
            observe("several_segments", sender.tcp_info.data_segs_out > 1),
            observe("types_and_ids", seen),
            observe("more", ids(sender)),
        ] == [100_000, True, [[1, 99_999], [0, 99_999], [2, 99_999]], []]


@claim(
    "timestamping/bytestream/collapsed",
    sentence=("timestamping/bytestream/one-a-packet", "timestamping/bytestream/collapsed"),
    section="1.4 Bytestream Timestamps",
    says="Of two sends on a TCP socket that TCP_CORK puts into one packet only the last has a timestamp.",
    since="3.17",
    needs=[IPV6],
    survives=UNCORKED_LATER,
)
@TCP
def test_a_packet_has_one_timestamp(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.tcp_cork = True
        sender.send(b"12345")
        sender.send(b"678")
        sender.tcp_cork = False
        receiver.read_exact(8)

        assert observe("ids", ids(sender)) == [7]


@claim(
    "timestamping/bytestream/flushed",
    sentence=("timestamping/bytestream/collapsed", "timestamping/bytestream/flushed"),
    section="1.4 Bytestream Timestamps",
    says="Of two sends on a TCP socket that are made while others are not acknowledged only the last has a "
    "timestamp, and with TCP_NODELAY each has its own.",
    since="3.17",
    needs=[VETH],
    survives=UNACKED_ENDS,
)
def test_what_is_flushed_has_its_timestamp(peers, observe):
    with unacked_sender(peers) as sender:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"unacknowledged")
        sender.send(b"12")
        sender.send(b"345")
        held = ids(sender)
        sender.tcp_nodelay = True
        collapsed = next_timestamp(sender).id
        sender.send(b"12")
        flushed = [next_timestamp(sender).id]
        sender.send(b"345")
        flushed.append(next_timestamp(sender).id)

        assert [observe("held_and_collapsed", [held, collapsed]), observe("flushed", flushed)] == [
            [[13], 18],
            [20, 23],
        ]


@claim(
    "timestamping/bytestream/msg-eor",
    sentence="timestamping/bytestream/msg-eor",
    section="1.4 Bytestream Timestamps",
    says="Of two sends on a TCP socket that TCP_CORK holds both have a timestamp if the first has MSG_EOR.",
    since="4.7",
    needs=[IPV6],
    survives=UNCORKED_LATER,
)
@TCP
def test_a_record_is_stamped_by_itself(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.tcp_cork = True
        sender.send(b"12345", MessageFlag.EOR)
        held = ids(sender)
        sender.send(b"678")
        sender.tcp_cork = False
        receiver.read_exact(8)

        assert observe("held_and_sent", [held, ids(sender)]) == [[], [4, 7]]
