"""TCP_INFO, field by field, against what a test did."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    MADE,
    OFFERED,
    SEGMENT,
    WITH_SACK,
    WITH_SCALE,
    informed,
    made_peer,
    sacked,
    with_timestamp,
)
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.readiness import await_readable
from libsocket import Socket

HAS_TIMESTAMPS, HAS_SACK, HAS_SCALE = 1, 2, 4
"""Bits of TCP_INFO.options."""
SYN_SENT, LOSS = 2, 4
"""A state, and one of congestion control."""
CLOCK = 1_000_000


@claim(
    "defacto/TCP_INFO/options",
    says="TCP_INFO.options says what was agreed on when a TCP connection over IPv4 was made: 1 timestamps, "
    "2 selective acknowledgements, 4 window scaling.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(
    ("options", "agreed"),
    [
        (OFFERED, 0),
        ({**OFFERED, **with_timestamp(CLOCK)}, HAS_TIMESTAMPS),
        (WITH_SACK, HAS_SACK),
        (WITH_SCALE, HAS_SCALE),
    ],
    ids=["none", "timestamps", "sack", "scale"],
)
def test_the_options_that_were_agreed_on(peers, observe, options, agreed):
    with informed(peers, options) as (sock, _):
        assert observe("options", sock.tcp_info.options & 7) == agreed


@claim(
    "defacto/TCP_INFO/under-way",
    says="TCP_INFO says of a TCP connection over IPv4 whose peer takes 1000 bytes a segment, and has "
    "acknowledged the first of three: snd_mss 1000, unacked 2, sacked 0, lost 0, notsent_bytes 0.",
    since="4.6",
    commit="cd9b266095f4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_what_is_under_way(peers, observe):
    with informed(peers) as (sock, peer):
        sock.send(bytes(3 * SEGMENT))
        peer.expected += SEGMENT
        peer.replies()
        peer.tell(b"y")
        sock.read_exact(1)
        info = sock.tcp_info

        seen = [info.snd_mss, info.unacked, info.sacked, info.lost, info.notsent_bytes]
        assert observe("seen", seen) == [SEGMENT, 2, 0, 0, 0]


@claim(
    "defacto/TCP_INFO/sacked",
    says="TCP_INFO.sacked is how many segments of a TCP connection over IPv4 its peer has acknowledged "
    "apart, of those that are unacked.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("number", [1, 2])
def test_what_is_acknowledged_apart(peers, observe, number):
    with informed(peers, WITH_SACK) as (sock, peer):
        sock.send(bytes(5 * SEGMENT))
        begin = peer.next().sequence
        peer.replies()
        peer.tell(b"y", options=sacked((begin + SEGMENT, begin + (1 + number) * SEGMENT)))
        sock.read_exact(1)
        info = sock.tcp_info

        assert observe("unacked_and_sacked", [info.unacked, info.sacked]) == [5, number]


@claim(
    "defacto/TCP_INFO/retransmitted",
    sentence=("tcp.h/tcpi_ca_state/loss", "tcp.h/tcpi_bytes_sent/sent"),
    says="TCP_INFO says of a TCP connection over IPv4 that has sent 5 bytes and, after a timeout, sent "
    "them again: retransmits 1, backoff 1, total_retrans 1, bytes_sent 10, bytes_retrans 5, the state of "
    "loss (4) and a congestion window of 1 segment.",
    since="4.19",
    commit="fb31c9b9f6c8",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_what_is_sent_again(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_retries2"] = 15
    with informed(peers) as (sock, peer):
        sock.send(b"12345")
        copies = [peer.next().data.decode(), peer.next().data.decode()]
        info = sock.tcp_info

        seen = [info.retransmits, info.backoff, info.total_retrans, info.bytes_sent, info.bytes_retrans]
        more = [info.ca_state, info.snd_cwnd]
        assert [copies, observe("seen", [*seen, *more])] == [["12345"] * 2, [1, 1, 1, 10, 5, LOSS, 1]]


@claim(
    "defacto/TCP_INFO/segments",
    sentence=("tcp.h/tcpi_data_segs/in-and-out"),
    says="TCP_INFO counts for an accepted TCP connection over IPv4 the data that it received and sent: two "
    "segments of 3 bytes in, one of 5 out, which was acknowledged.",
    since="4.6",
    commit="a44d6eacdaf5",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_segments_and_bytes_are_counted(peers, observe):
    with informed(peers) as (sock, peer):
        peer.tell(b"abc")
        sock.read_exact(3)
        sock.send(b"12345")
        peer.replies()
        peer.expected += 5
        peer.tell(b"def")
        sock.read_exact(3)
        info = sock.tcp_info

        seen = [info.data_segs_in, info.bytes_received, info.data_segs_out, info.bytes_acked]
        assert observe("seen", seen) == [2, 6, 1, 5]


@claim(
    "defacto/TCP_INFO/round-trip",
    says="TCP_INFO.rtt and min_rtt of an accepted TCP connection over IPv4 whose peer took 0.3 seconds to "
    "acknowledge the SYN-ACK are as many microseconds, or more.",
    since="4.6",
    commit="cd9b266095f4",
    needs=MADE,
)
def test_the_round_trip_is_measured(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        peer.ask(listener)
        peer.during(0.31)
        peer.send()
        await_readable(listener)
        with listener.accept()[0] as sock:
            info = sock.tcp_info

            slow = [info.rtt >= 300_000, info.min_rtt >= 300_000]
            assert observe("slow", slow) == [True, True]


@claim(
    "defacto/TCP_INFO/connecting",
    sentence=("tcp.h/tcpi_segs/out-and-in"),
    says="TCP_INFO.state of a TCP socket over IPv4 whose SYN is not answered is SYN-SENT (2), and its SYN "
    "is the one segment that is unacked and the one that was sent (segs_out).",
    since="4.2",
    commit="2efd055c53c0",
    needs=MADE,
)
def test_a_request_is_counted(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as sock:
        sock.setblocking(False)
        sock.connect_ex(("10.0.9.1", peer.port))
        peer.next()
        info = sock.tcp_info

        assert observe("seen", [info.state, info.unacked, info.segs_out]) == [SYN_SENT, 1, 1]
