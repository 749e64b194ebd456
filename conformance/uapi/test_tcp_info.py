"""Fields of TCP_INFO, as the comments in include/uapi/linux/tcp.h tell them."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, ROUTE_TIMERS, VETH, tcp_info
from conformance.plugin.setups.fast_open import COOKIE_KEPT, early_data, fast_client, fast_listener
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.made_peer import (
    ACKNOWLEDGED_LATER,
    ADDRESS,
    MADE,
    OFFERED,
    SEGMENT,
    WITH_SACK,
    MadePeer,
    echoed,
    informed,
    made_peer,
    sacked,
    with_timestamp,
)
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.segments import ACK, CWR, ECE, SYN, WINDOW_SCALE
from conformance.plugin.timing import SOON, TICK, timed
from libsocket import Linger, Socket
from netns import Capability, Peers

SECTION = "TCP_INFO"
OPEN, DISORDER, CWR_STATE, RECOVERY = range(4)
"""enum tcp_ca_state"""
ECN_SEEN, USEC_TS, TFO_CHILD = 16, 64, 128
"""Bits of its options."""
SYN_RETRANSMITTED = 3
"""TFO_SYN_RETRANSMITTED"""
WITHOUT_COOKIE = 0x1 | 0x4
"""Of net.ipv4.tcp_fastopen: clients may send data in a SYN, without a cookie."""
ECT_0, CE = 2, 3
"""Codepoints of ECN, in the TOS of a packet."""
WAIT = 0.11
ALMOST = (WAIT - TICK) * 1_000_000
"""Microseconds that a wait is at least, in ticks of the kernel."""


def rest_timers(hosts: Peers) -> None:
    """Let nothing be sent again by a timeout while a test lasts."""
    right = hosts.right
    right.namespace.add_route(f"{ADDRESS}/32", via=hosts.left.address, dev=right.device, rto_min=100)


def acknowledge_again(peer: MadePeer, number: int) -> None:
    """Send so many acknowledgements of what was acknowledged before."""
    for _ in range(number):
        peer.send()


@claim(
    "tcp.h/tcpi_ca_state/duplicates",
    sentence=("tcp.h/tcpi_ca_state/open", "tcp.h/tcpi_ca_state/disorder", "tcp.h/tcpi_ca_state/recovery"),
    section=SECTION,
    says="TCP_INFO.ca_state of a TCP connection over IPv4 without selective acknowledgements, five of whose "
    "segments are under way, is TCP_CA_Open (0) before a duplicate acknowledgement, TCP_CA_Disorder (1) "
    "after one or two, and TCP_CA_Recovery (3) after three, when the first is sent again.",
    needs=[*MADE, ROUTE_TIMERS],
    survives={**UNACKED_ENDS, "no-op: sendto(*, 40, 0*": "one of two has the state that both have"},
)
@pytest.mark.parametrize(
    ("number", "state", "again"), [(0, OPEN, 0), (1, DISORDER, 0), (2, DISORDER, 0), (3, RECOVERY, 1)]
)
def test_duplicate_acknowledgements_are_disorder(peers, observe, number, state, again):
    rest_timers(peers)
    with informed(peers) as (sock, peer):
        sock.send(bytes(5 * SEGMENT))
        first = peer.next().sequence
        peer.replies()
        acknowledge_again(peer, number)
        peer.tell(b"y")
        sock.read_exact(1)
        copies = [segment.sequence for segment in peer.replies() if segment.data].count(first)

        assert observe("state_and_copies", [sock.tcp_info.ca_state, copies]) == [state, again]


@claim(
    "tcp.h/tcpi_ca_state/marked",
    sentence="tcp.h/tcpi_ca_state/cwr",
    section=SECTION,
    says="TCP_INFO.ca_state of a TCP connection over IPv4 with ECN, three of whose segments are under way, "
    "is TCP_CA_CWR (2) once the first is acknowledged with ECE, and TCP_CA_Open (0) if without.",
    needs=[*MADE, ROUTE_TIMERS],
    survives={**UNACKED_ENDS, **ACKNOWLEDGED_LATER},
)
@pytest.mark.parametrize(("flags", "state"), [(ACK, OPEN), (ACK | ECE, CWR_STATE)])
def test_marks_reduce_the_window(peers, observe, flags, state):
    rest_timers(peers)
    peers.right.namespace.sysctl["net.ipv4.tcp_ecn"] = 1
    with informed(peers, flags=SYN | ECE | CWR) as (sock, peer):
        sock.send(bytes(3 * SEGMENT))
        peer.expected = peer.next().sequence + SEGMENT
        peer.send(flags)
        peer.tell(b"y")
        sock.read_exact(1)
        info = sock.tcp_info

        assert observe("state_and_under_way", [info.ca_state, info.unacked]) == [state, 2]


@claim(
    "tcp.h/tcpi_options/ecn-seen",
    sentence="tcp.h/tcpi_options/ecn-seen",
    section=SECTION,
    says="TCP_INFO.options of an accepted TCP connection, over IPv4 and IPv6, has TCPI_OPT_ECN_SEEN (16) "
    "once data has come, and not before, where net.ipv4.tcp_ecn of both is 1, and not where it is 0.",
    needs=[IPV6],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("asked", "seen"), [(0, [0, 0]), (1, [0, ECN_SEEN])])
def test_marked_packets_are_seen(ns, observe, host, asked, seen):
    ns.sysctl["net.ipv4.tcp_ecn"] = asked
    with listening(host) as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        server.rcvtimeo = SOON
        before = server.tcp_info.options & ECN_SEEN
        client.send(b"data")
        data = server.read_exact(4).decode()
        options = [before, server.tcp_info.options & ECN_SEEN]

        assert [observe("data", data), observe("options", options)] == ["data", seen]


@claim(
    "tcp.h/tcpi_options/usec-ts",
    sentence="tcp.h/tcpi_options/usec-ts",
    section=SECTION,
    says="TCP_INFO.options of a TCP connection over IPv4 with timestamps has TCPI_OPT_USEC_TS (64) where "
    "the lowest bit of the TCP_TIMESTAMP is 1 that it was given under repair: what it sends a tenth of a "
    "second later has a timestamp that is 100000 larger, or more. Where the bit is 0 it is not.",
    since="6.7",
    needs=[*MADE, Capability.NET_ADMIN, ROUTE_TIMERS],
    survives={**UNACKED_ENDS, "no-op: setsockopt(*TCP_TIMESTAMP, ?1000?*": "it is as without one"},
)
@pytest.mark.parametrize(("stamp", "option", "large"), [(1000, 0, False), (1001, USEC_TS, True)])
def test_timestamps_are_in_microseconds(peers, observe, stamp, option, large):
    rest_timers(peers)
    with informed(peers, {**OFFERED, **with_timestamp(1)}) as (sock, peer):
        sock.tcp_nodelay = True
        sock.tcp_repair = 1
        sock.tcp_timestamp = stamp
        sock.tcp_repair = -1
        sock.send(b"first")
        first = echoed(peer.next())
        peer.during(WAIT)
        sock.send(b"second")
        grown = (echoed(peer.next()) - first) % 2**32

        assert [
            observe("option", sock.tcp_info.options & USEC_TS),
            observe("large", grown >= ALMOST),
        ] == [option, large]


@claim(
    "tcp.h/tcpi_options/tfo-child",
    sentence="tcp.h/tcpi_options/tfo-child",
    section=SECTION,
    says="TCP_INFO.options of an accepted TCP connection over IPv4 has TCPI_OPT_TFO_CHILD (128) where its "
    "SYN had data and a cookie of Fast Open, and neither has its client's, nor that of a connection that "
    "asked for the cookie.",
    since="6.16",
    needs=[VETH],
    survives=COOKIE_KEPT,
)
def test_a_connection_is_of_fast_open(peers, observe):
    with fast_listener(peers) as listener, fast_client(peers, listener) as first:
        first.connect(listener.getsockname())
        with listener.accept()[0] as asked, early_data(peers, listener) as (client, accepted):
            data = accepted.read_exact(5).decode()
            options = [sock.tcp_info.options & TFO_CHILD for sock in (asked, client, accepted)]

            assert [observe("data", data), observe("options", options)] == ["early", [0, 0, TFO_CHILD]]


@claim(
    "tcp.h/tcpi_fastopen_client_fail/retransmitted",
    sentence="tcp.h/tcpi_fastopen_client_fail/retransmitted",
    section=SECTION,
    says="TCP_INFO.fastopen_client_fail of a TCP client over IPv4 is TFO_SYN_RETRANSMITTED (3) where its SYN "
    "with data is not answered, and a second later the SYN without data is, which it sends then.",
    since="5.5",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_the_syn_was_sent_again(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_fastopen"] = WITHOUT_COOKIE
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as client:
        client.tcp_fastopen_connect = True
        client.linger = Linger(True, 0)
        client.connect((ADDRESS, peer.port))
        client.setblocking(False)
        client.send(b"early")
        data = [peer.next().data.decode()]
        again = peer.next()
        data.append(peer.take(again).data.decode())
        peer.send(SYN | ACK, options=OFFERED)
        data.append(next(one.data.decode() for one in iter(peer.next, None) if not one.flags & SYN))

        assert [observe("data", data), observe("reason", client.tcp_info.fastopen_client_fail)] == [
            ["early", "", "early"],
            SYN_RETRANSMITTED,
        ]


@claim(
    "tcp.h/tcpi_last_ack_sent/not-remembered",
    sentence="tcp.h/tcpi_last_ack_sent/not-remembered",
    section=SECTION,
    says="TCP_INFO.last_ack_sent of a TCP connection over IPv4 is 0 a tenth of a second after it "
    "acknowledged data, while last_data_recv is as many milliseconds.",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_the_last_acknowledgement_is_not_remembered(peers, observe):
    with informed(peers) as (sock, peer):
        peer.tell(b"data")
        acknowledged = peer.next().acknowledged == peer.sequence
        peer.during(WAIT)
        info = sock.tcp_info

        seen = [acknowledged, info.last_ack_sent, info.last_data_recv * 1000 >= ALMOST]
        assert observe("seen", seen) == [True, 0, True]


@claim(
    "tcp.h/tcpi_busy_time/microseconds",
    sentence="tcp.h/tcpi_busy_time/microseconds",
    section=SECTION,
    says="TCP_INFO.busy_time of a TCP connection over IPv4 is 0 before it sends, and 100000 or more a tenth "
    "of a second after it sent what is not acknowledged.",
    since="4.10",
    needs=[*MADE, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_it_is_busy_while_data_is_under_way(peers, observe):
    rest_timers(peers)
    with informed(peers) as (sock, peer):
        peer.during(WAIT)
        before = sock.tcp_info.busy_time
        sock.send(b"data")
        peer.during(WAIT)

        assert observe("before_and_busy", [before, sock.tcp_info.busy_time >= ALMOST]) == [0, True]


@claim(
    "tcp.h/tcpi_rwnd_limited/microseconds",
    sentence="tcp.h/tcpi_rwnd_limited/microseconds",
    section=SECTION,
    says="TCP_INFO.rwnd_limited of a TCP connection over IPv4 is 100000 or more, a tenth of a second after "
    "it was given more to send than its peer's window takes, and 0 where the window takes it.",
    since="4.10",
    needs=[*MADE, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("segments", "limited"), [(2, False), (3, True)])
def test_the_window_limits_it(peers, observe, segments, limited):
    rest_timers(peers)
    with informed(peers, window=2 * SEGMENT) as (sock, peer):
        sock.send(bytes(segments * SEGMENT))
        peer.during(WAIT)
        info = sock.tcp_info

        seen = [info.unacked, info.rwnd_limited >= ALMOST, info.rwnd_limited > 0]
        assert observe("unacked_and_limited", seen) == [2, limited, limited]


@claim(
    "tcp.h/tcpi_sndbuf_limited/microseconds",
    sentence="tcp.h/tcpi_sndbuf_limited/microseconds",
    section=SECTION,
    says="TCP_INFO.sndbuf_limited of a TCP connection over IPv4 is 100000 or more, a tenth of a second after "
    "its peer's window opened, where SO_SNDBUF did not take all that it was given to send, and 0 where it "
    "did.",
    since="4.10",
    needs=[*MADE, ROUTE_TIMERS],
    survives={
        **UNACKED_ENDS,
        "no-op: ioctl(FIONBIO*": "nothing blocks where the buffer takes all",
        "no-op: setsockopt(*SO_SNDBUF, ?200000?*": "the buffer that it has at first takes all, too",
    },
)
@pytest.mark.parametrize(("buffer", "limited"), [(4000, True), (200_000, False)])
def test_the_buffer_limits_it(peers, observe, buffer, limited):
    rest_timers(peers)
    with informed(peers, window=2 * SEGMENT) as (sock, peer):
        sock.sndbuf = buffer
        sock.setblocking(False)
        sent = sock.send(bytes(9 * SEGMENT))
        peer.window = 50 * SEGMENT
        peer.tell(b"y")
        peer.during(WAIT)
        info = sock.tcp_info

        seen = [sent < 9 * SEGMENT, info.sndbuf_limited >= ALMOST, info.sndbuf_limited > 0]
        assert [
            observe("more_than_before", info.unacked > 2),
            observe("fewer_and_limited", seen),
        ] == [True, [limited] * 3]


@claim(
    "tcp.h/tcpi_dsack_dups/duplicates",
    sentence="tcp.h/tcpi_dsack_dups/events",
    section=SECTION,
    says="TCP_INFO.dsack_dups of a TCP connection over IPv4 is 1 after its peer has acknowledged a segment, "
    "that was sent twice, with a selective acknowledgement of what is acknowledged already, and 0 without.",
    since="4.19",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("number", [0, 1])
def test_duplicates_are_counted(peers, observe, number):
    with informed(peers, WITH_SACK) as (sock, peer):
        sock.send(bytes(SEGMENT))
        begin = peer.next().sequence
        again = peer.next().sequence == begin
        peer.expected = begin + SEGMENT
        peer.tell(b"y", options=sacked((begin, begin + SEGMENT)) if number else None)
        sock.read_exact(1)

        assert observe("again_and_duplicates", [again, sock.tcp_info.dsack_dups]) == [True, number]


@claim(
    "tcp.h/tcpi_reord_seen/events",
    sentence="tcp.h/tcpi_dsack_dups/events",
    section=SECTION,
    says="TCP_INFO.reord_seen of a TCP connection over IPv4 without selective acknowledgements, two of whose "
    "segments are under way, is 0 after one duplicate acknowledgement, and 1 after two: one of them cannot "
    "be lost, then.",
    since="4.19",
    needs=[*MADE, ROUTE_TIMERS],
    survives={**UNACKED_ENDS, "no-op: sendto(*, 40, 0*": "one is no reordering, as none is not"},
)
@pytest.mark.parametrize(("number", "events"), [(0, 0), (1, 0), (2, 1)])
def test_reorderings_are_counted(peers, observe, number, events):
    rest_timers(peers)
    with informed(peers) as (sock, peer):
        sock.send(bytes(2 * SEGMENT))
        peer.next()
        peer.replies()
        acknowledge_again(peer, number)
        peer.tell(b"y")
        sock.read_exact(1)

        assert observe("unacked_and_events", [sock.tcp_info.unacked, sock.tcp_info.reord_seen]) == [2, events]


@claim(
    "tcp.h/tcpi_rcv_ooopack/events",
    sentence="tcp.h/tcpi_dsack_dups/events",
    section=SECTION,
    says="TCP_INFO.rcv_ooopack of a TCP connection over IPv4 is how many segments came before those ahead of "
    "them: 0 of two that come in order, 1 if they do not.",
    since="5.4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("order", "number"), [("ab", 0), ("ba", 1)])
def test_segments_out_of_order_are_counted(peers, observe, order, number):
    with informed(peers) as (sock, peer):
        begin = peer.sequence
        peer.send(data=order[0].encode(), sequence=begin + "ab".index(order[0]))
        peer.send(data=order[1].encode(), sequence=begin + "ab".index(order[1]))

        assert [
            observe("data", sock.read_exact(2).decode()),
            observe("out_of_order", sock.tcp_info.rcv_ooopack),
        ] == ["ab", number]


@claim(
    "tcp.h/tcpi_snd_wnd/peer",
    sentence="tcp.h/tcpi_snd_wnd/scaled",
    section=SECTION,
    says="TCP_INFO.snd_wnd of a TCP connection over IPv4 whose peer advertises 1000 is 1000 where its window "
    "is not scaled, and 8000 where it is by 3.",
    since="5.4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("options", "window"), [(OFFERED, 1000), ({**OFFERED, WINDOW_SCALE: b"\3"}, 8000)])
def test_the_window_of_the_peer_is_scaled(peers, observe, options, window):
    with informed(peers, options) as (sock, peer):
        peer.tell(b"x")
        peer.window = 1000
        peer.tell(b"y")
        sock.read_exact(2)

        assert observe("window", sock.tcp_info.snd_wnd) == window


@claim(
    "tcp.h/tcpi_rcv_wnd/own",
    sentence="tcp.h/tcpi_snd_wnd/scaled",
    section=SECTION,
    says="TCP_INFO.rcv_wnd of a TCP connection over IPv4 is the window that its last segment has, scaled as "
    "it offered in its SYN-ACK, by 7, or not where its peer did not.",
    since="6.2",
    needs=[*MADE, tcp_info("rcv_wnd")],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("options", "scale"), [(OFFERED, 0), ({**OFFERED, WINDOW_SCALE: b"\3"}, 7)])
def test_the_own_window_is_scaled(peers, observe, options, scale):
    peers.right.namespace.sysctl["net.ipv4.tcp_rmem"] = f"4096 131072 {65_535 << 7}"
    with informed(peers, options) as (sock, peer):
        peer.tell(b"y")
        window = peer.next().window
        sock.read_exact(1)
        info = sock.tcp_info

        seen = [info.rcv_wscale, window > 0, info.rcv_wnd == window << scale]
        assert observe("scale_and_window", seen) == [scale, True, True]


@claim(
    "tcp.h/tcpi_rehash/attempts",
    sentence="tcp.h/tcpi_rehash/attempts",
    section=SECTION,
    says="TCP_INFO.rehash of a TCP connection over IPv4 is 0 before a timeout, and 1 after it, and 0 then "
    "too where SO_TXREHASH is 0.",
    since="6.2",
    needs=[*MADE, tcp_info("rehash")],
    survives={**UNACKED_ENDS, "no-op: setsockopt(*TXREHASH_ENABLED*": "it is on at first"},
)
@pytest.mark.parametrize("wanted", [0, 1])
def test_another_path_is_tried(peers, observe, wanted):
    with informed(peers) as (sock, peer):
        sock.txrehash = wanted
        before = sock.tcp_info.rehash
        sock.send(b"data")
        copies = [peer.next().data.decode() for _ in range(2)]

        seen = [before, sock.tcp_info.rehash]
        assert [observe("copies", copies), observe("rehash", seen)] == [["data", "data"], [0, wanted]]


def next_data(peer: MadePeer) -> str:
    """That of the next segment which has some."""
    return next(one.data.decode() for one in iter(peer.next, None) if one.data)


@claim(
    "tcp.h/tcpi_total_rto/recurring",
    sentence=(
        "tcp.h/tcpi_total_rto/count",
        "tcp.h/tcpi_total_rto_recoveries/count",
        "tcp.h/tcpi_total_rto_time/milliseconds",
    ),
    section=SECTION,
    says="TCP_INFO of a TCP connection over IPv4 counts timeouts (total_rto) and recoveries from them "
    "(total_rto_recoveries): 1 and 1 after the first, 2 and 1 after the second for the same data, 3 and 2 "
    "after that was acknowledged, and other data was sent again; total_rto_time is the milliseconds between "
    "the first and the second or more.",
    since="6.7",
    needs=[*MADE, tcp_info("total_rto")],
    survives=UNACKED_ENDS,
)
def test_timeouts_are_counted(peers, observe):
    with informed(peers) as (sock, peer):
        sock.send(b"data")
        peer.next()
        peer.next()
        counts = [[sock.tcp_info.total_rto, sock.tcp_info.total_rto_recoveries]]
        with timed() as took:
            peer.take(peer.next())
        info = sock.tcp_info
        counts.append([info.total_rto, info.total_rto_recoveries])
        peer.tell(b"y")
        sock.read_exact(1)
        sock.send(b"more")
        more = [next_data(peer), next_data(peer)]
        counts.append([sock.tcp_info.total_rto, sock.tcp_info.total_rto_recoveries])

        assert [
            observe("more", more),
            observe("counts", counts),
            observe("time", info.total_rto_time >= (took.seconds - 2 * TICK) * 1000 > 100),
        ] == [["more", "more"], [[1, 1], [2, 1], [3, 2]], True]


@claim(
    "tcp.h/tcpi_total_rto/connecting",
    sentence="tcp.h/tcpi_total_rto/count",
    section=SECTION,
    says="TCP_INFO.total_rto of a TCP socket over IPv4 whose SYN is not answered is 0 at first, and 1 once "
    "it was sent again.",
    since="6.7",
    needs=[*MADE, tcp_info("total_rto")],
)
def test_timeouts_of_a_syn_are_counted(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as sock:
        sock.setblocking(False)
        sock.connect_ex((ADDRESS, peer.port))
        first = peer.next().sequence
        counts = [sock.tcp_info.total_rto]
        again = peer.next().sequence == first
        counts.append(sock.tcp_info.total_rto)

        assert observe("again_and_counts", [again, *counts]) == [True, 0, 1]


@claim(
    "tcp.h/tcpi_received_ce/segments",
    sentence="tcp.h/tcpi_received_ce/count",
    section=SECTION,
    says="TCP_INFO.received_ce of an accepted TCP connection over IPv4 with ECN counts the segments that "
    "came with CE: 0 of two that have ECT(0), 1 where the second has CE, and 2 where both have.",
    since="6.18",
    needs=[*MADE, tcp_info("received_ce")],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("marks", "number"), [([ECT_0, ECT_0], 0), ([ECT_0, CE], 1), ([CE, CE], 2)])
def test_congestion_is_counted(peers, observe, marks, number):
    peers.right.namespace.sysctl["net.ipv4.tcp_ecn"] = 1
    with informed(peers, flags=SYN | CWR | ECE) as (sock, peer):
        first, second = marks
        peer.tell(b"1", tos=first)
        peer.tell(b"2", tos=second)
        data = sock.read_exact(2).decode()

        assert [observe("data", data), observe("number", sock.tcp_info.received_ce)] == ["12", number]
