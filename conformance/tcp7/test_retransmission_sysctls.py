"""The sysctls of what is sent again, when, how often and how much of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    ACKNOWLEDGED_LATER,
    FIRST,
    MADE,
    OFFERED,
    SEGMENT,
    WITH_SACK,
    MadePeer,
    made_peer,
    made_peers,
    sacked,
    with_timestamp,
)
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.punctual import held_up, punctual
from conformance.plugin.setups.readiness import await_readable, polled
from conformance.plugin.setups.segments import ACK, CWR, ECE, FIN, MSS, SACK, SYN, Segment
from conformance.plugin.timing import SOON
from libsocket import Linger, Socket
from netns import Peers

(
    BASE_MSS,
    COLLAPSE,
    DSACK,
    ECN,
    ECN_FALLBACK,
    EARLY,
    FRTO,
    IDLE,
    MIN_TSO_SEGMENTS,
    NO_METRICS,
    ORPHAN,
    PROBING,
    REORDERING,
    RETRIES1,
    RETRIES2,
    WIN_DIVISOR,
) = (
    f"net.ipv4.tcp_{name}"
    for name in (
        "base_mss",
        "retrans_collapse",
        "dsack",
        "ecn",
        "ecn_fallback",
        "early_retrans",
        "frto",
        "slow_start_after_idle",
        "min_tso_segs",
        "no_metrics_save",
        "orphan_retries",
        "mtu_probing",
        "reordering",
        "retries1",
        "retries2",
        "tso_win_divisor",
    )
)
AFTER_A_TIMEOUT = 0.5
"""Seconds that are longer than a retransmission timeout, of 0.2, by which a connection counts as idle."""
LONG_TRIP, LONG_TIMEOUT = 0.4, 800_000
"""Seconds that a peer takes to acknowledge, and microseconds that one so slow is waited for at least."""
ONE_MORE = differs(
    "the time that so many would take is counted from the first of them on: there is one more",
    since="2.6.32",
    commit="6fa12c850314",
    observed={"all": True, "more": 1},
)


@contextmanager
def sending_to(
    hosts: Peers, options: dict[int, bytes] | None = None, *, window: int = 65_535
) -> Iterator[tuple[Socket, MadePeer]]:
    """A socket of the right host with a made peer; nothing but its retransmission timer sends again."""
    hosts.right.namespace.sysctl[EARLY] = 0
    with made_peer(hosts) as peer:
        peer.window = window
        with accepted(hosts, peer, options) as sock:
            sock.linger = Linger(True, 0)
            sock.rcvtimeo = SOON
            yield sock, peer


@contextmanager
def accepted(hosts: Peers, peer: MadePeer, options: dict[int, bytes] | None = None) -> Iterator[Socket]:
    """A socket of the right host to which a made peer has connected."""
    with hosts.right.entered(), listening(hosts.right.address) as listener:
        peer.sequence = FIRST
        peer.connect(listener, options)
        await_readable(listener)
        with listener.accept()[0] as sock:
            yield sock


def sent_twice(hosts: Peers, writes: str) -> list[str]:
    """What is sent for writes of one byte each, and what is sent after that, as nothing is acknowledged."""
    with sending_to(hosts) as (sock, peer):
        sock.tcp_nodelay = True
        sent = []
        for one in writes:
            sock.send(one.encode())
            sent.append(peer.next().data.decode())
        return [*sent, peer.next().data.decode()]


@claim(
    "tcp.7/tcp_retrans_collapse/full-sized",
    sentence=("tcp.7/tcp_retrans_collapse/tries", "ip-sysctl/tcp_retrans_collapse/larger"),
    section="/proc interfaces",
    says="Three small segments of a TCP connection over IPv4 that are not acknowledged are sent again as "
    "one where tcp_retrans_collapse is 1, and only the first of them where it is 0.",
    since="2.2",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("value", "again"), [(0, "a"), (1, "abc")])
def test_small_segments_are_collapsed(peers, observe, value, again):
    peers.right.namespace.sysctl[COLLAPSE] = value

    assert observe("sent_and_again", sent_twice(peers, "abc")) == ["a", "b", "c", again]


@claim(
    "tcp.7/tcp_retrans_collapse/default",
    sentence=("tcp.7/tcp_retrans_collapse/default", "ip-sysctl/tcp_retrans_collapse/default"),
    section="/proc interfaces",
    says="In a new network namespace two small segments of a TCP connection over IPv4 that are not "
    "acknowledged are sent again as one.",
    since="2.2",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_small_segments_are_collapsed_at_first(peers, observe):
    assert observe("sent_and_again", sent_twice(peers, "ab")) == ["a", "b", "ab"]


def after_timeout(hosts: Peers, options: dict[int, bytes] | None = None) -> list[str]:
    """What is sent after a timeout has sent the first of three segments again, and that one was acknowledged.

    There is more to send, and the peer's window has room for it only then. On a slow machine the first is
    sent again once more before.
    """
    with sending_to(hosts, options, window=3 * SEGMENT) as (sock, peer):
        for one in (b"1", b"2", b"3", b"4"):
            sock.send(one * SEGMENT)
        first = [peer.next() for _ in range(3)]
        again = peer.next()
        peer.take(first[0])
        peer.send()
        following = next(one for one in iter(peer.next, None) if one.data != again.data)
        return [*(chr(one.data[0]) for one in first), chr(again.data[0]), chr(following.data[0])]


@claim(
    "tcp.7/tcp_frto/enabled",
    sentence=(
        "tcp.7/tcp_frto/f-rto",
        "tcp.7/tcp_frto/zero",
        "tcp.7/tcp_frto/one",
        "tcp.7/tcp_frto/two",
        "ip-sysctl/tcp_frto/enables",
        "ip-sysctl/tcp_frto/sender",
    ),
    section="/proc interfaces",
    says="A TCP connection over IPv4, without selective acknowledgements or with them, whose retransmission "
    "after a timeout is acknowledged, sends new data next (F-RTO) where tcp_frto is 1 or 2, and sends the "
    "next segment again where it is 0.",
    since="2.6.24",
    needs=MADE,
    survives={
        **UNACKED_ENDS,
        "no-op: sendto(*444*": "where nothing new follows, nothing need be there",
    },
)
@pytest.mark.parametrize("options", [OFFERED, WITH_SACK], ids=["plain", "sack"])
@pytest.mark.parametrize(("value", "following"), [(0, "2"), (1, "4"), (2, "4")])
def test_new_data_follows_a_timeout(peers, observe, value, following, options):
    peers.right.namespace.sysctl[FRTO] = value

    assert observe("sent", after_timeout(peers, options)) == ["1", "2", "3", "1", following]


@claim(
    "tcp.7/tcp_frto/default",
    sentence=("tcp.7/tcp_frto/default", "ip-sysctl/tcp_frto/default"),
    section="/proc interfaces",
    says="In a new network namespace a TCP connection over IPv4 whose retransmission after a timeout is "
    "acknowledged sends new data next (F-RTO).",
    since="2.6.24",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_new_data_follows_a_timeout_at_first(peers, observe):
    assert observe("sent", after_timeout(peers)) == ["1", "2", "3", "1", "4"]


def duplicate_answered(hosts: Peers) -> list[int]:
    """Where the block that the answer to repeated data names begins and ends, from its first byte on."""
    with sending_to(hosts, WITH_SACK) as (sock, peer):
        begin = peer.sequence
        peer.tell(b"data")
        sock.read_exact(4)
        peer.replies()
        peer.send(data=b"data", sequence=begin)
        block = peer.replies()[-1].options.get(SACK, b"")
        return [int.from_bytes(block[at : at + 4], "big") - begin for at in range(0, len(block), 4)]


@claim(
    "tcp.7/tcp_dsack/enabled",
    sentence=("tcp.7/tcp_dsack/enables", "ip-sysctl/tcp_dsack/allows"),
    section="/proc interfaces",
    says="A TCP connection over IPv4 with selective acknowledgements answers data that it has already with "
    "the block that came twice (RFC 2883) where tcp_dsack is 1, and without one where it is 0.",
    since="2.4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("value", "block"), [(0, []), (1, [0, 4])])
def test_a_duplicate_is_named(peers, observe, value, block):
    peers.right.namespace.sysctl[DSACK] = value

    assert observe("block", duplicate_answered(peers)) == block


@claim(
    "tcp.7/tcp_dsack/default",
    sentence=("tcp.7/tcp_dsack/default", "ip-sysctl/tcp_dsack/default"),
    section="/proc interfaces",
    says="In a new network namespace a TCP connection over IPv4 with selective acknowledgements answers "
    "data that it has already with the block that came twice.",
    since="2.4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_a_duplicate_is_named_at_first(peers, observe):
    assert observe("block", duplicate_answered(peers)) == [0, 4]


def requests(hosts: Peers, number: int) -> list[bool]:
    """Whether the first SYNs of a socket of the right host, to nobody, ask for ECN."""
    with made_peer(hosts) as peer, hosts.right.entered(), Socket.tcp() as sock:
        sock.setblocking(False)
        sock.connect_ex(("10.0.9.1", peer.port))
        return [peer.next().flags == SYN | ECE | CWR for _ in range(number)]


@claim(
    "tcp.7/tcp_ecn_fallback/sent-again",
    sentence=("tcp.7/tcp_ecn_fallback/cleared", "ip-sysctl/tcp_ecn_fallback/falls-back"),
    section="/proc interfaces",
    says="A SYN over IPv4 that asks for Explicit Congestion Notification and is not answered is sent again "
    "without doing so (the flags CWR and ECE) where tcp_ecn_fallback is 1, and as it was where it is 0.",
    since="4.1",
    needs=MADE,
    survives={"no-op: ioctl(FIONBIO*": "a connect that waits sends the same"},
)
@pytest.mark.parametrize(("value", "again"), [(0, True), (1, False)])
def test_a_syn_falls_back(peers, observe, value, again):
    peers.right.namespace.sysctl.update({ECN: 1, ECN_FALLBACK: value})

    assert observe("asks", requests(peers, 2)) == [True, again]


@claim(
    "tcp.7/tcp_ecn_fallback/default",
    sentence=("tcp.7/tcp_ecn_fallback/default", "ip-sysctl/tcp_ecn_fallback/default"),
    section="/proc interfaces",
    says="In a new network namespace with a tcp_ecn of 1 a SYN over IPv4 that asks for Explicit Congestion "
    "Notification and is not answered is sent again without doing so.",
    since="4.1",
    needs=MADE,
    survives={"no-op: ioctl(FIONBIO*": "a connect that waits sends the same"},
)
def test_a_syn_falls_back_at_first(peers, observe):
    peers.right.namespace.sysctl[ECN] = 1

    assert observe("asks", requests(peers, 2)) == [True, False]


@claim(
    "tcp.7/tcp_retries2/times",
    sentence=("tcp.7/tcp_retries2/times", "ip-sysctl/tcp_retries2/first-after"),
    section="/proc interfaces",
    says="Data of a TCP connection over IPv4 that is not acknowledged is sent again tcp_retries2 times, 1 "
    "or 2, before the connection is given up with ETIMEDOUT.",
    since="2.2",
    needs=MADE,
    expect=ONE_MORE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("times", [1, 2])
def test_data_is_sent_again(peers, observe, times):
    peers.right.namespace.sysctl.update({RETRIES2: times, EARLY: 0})
    with made_peer(peers) as peer:

        def send_until_given_up() -> tuple[bool, list[str]]:
            with accepted(peers, peer) as sock:
                sock.send(b"x")
                late = held_up(SOON, lambda: bool(polled(sock, 0)))
                ends = answer(lambda: sock.recv(1, socket.MSG_DONTWAIT))
                return late, [ends, *(one.data.decode() for one in peer.replies())]

        ends, *copies = punctual(send_until_given_up)

    alike = [ends, *copies] == ["ETIMEDOUT", *["x"] * len(copies)]
    assert [observe("all", alike), observe("more", len(copies) - 1 - times)] == [True, 0]


LARGE, BASE, TIMESTAMP = 1400, 700, 12
"""Bytes of the segments that the peer takes, of those that are sent instead, and of a timestamp."""


def full_copies(hosts: Peers, number: int) -> list[bool]:
    """Whether the first copies of a segment that is sent to no avail are as large as the peer takes them."""
    with sending_to(hosts, {MSS: LARGE.to_bytes(2, "big")}) as (sock, peer):
        sock.send(bytes(LARGE))
        return [len(peer.next().data) == LARGE for _ in range(number)]


def begun_with(hosts: Peers) -> int:
    """How large the segments are with which a client begins (TCP_INFO)."""
    with made_peer(hosts) as peer, hosts.right.entered(), Socket.tcp() as sock:
        sock.linger = Linger(True, 0)
        peer.answer(sock, {MSS: LARGE.to_bytes(2, "big"), **with_timestamp(1)})
        return sock.tcp_info.snd_mss


@claim(
    "tcp.7/tcp_mtu_probing/black-hole",
    sentence=("tcp.7/tcp_mtu_probing/one", "tcp.7/tcp_mtu_probing/zero", "ip-sysctl/tcp_mtu_probing/values"),
    section="/proc interfaces",
    says="A segment of a TCP connection over IPv4 that is not acknowledged is sent again in part, where it "
    "was sent in full three times, with a tcp_retries1 of 1 and a tcp_mtu_probing of 1; in full where "
    "tcp_mtu_probing is 0.",
    since="2.6.17",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("probing", "full"), [(0, True), (1, False)])
def test_a_black_hole_is_found(peers, observe, probing, full):
    peers.right.namespace.sysctl.update({PROBING: probing, BASE_MSS: BASE, RETRIES1: 1})

    assert observe("full", full_copies(peers, 4)) == [True, True, True, full]


@claim(
    "tcp.7/tcp_retries1/times",
    sentence="tcp.7/tcp_retries1/normally",
    section="/proc interfaces",
    says="A segment of a TCP connection over IPv4 that is not acknowledged is sent again in full "
    "tcp_retries1 times, 0 or 1, and in part after that, where tcp_mtu_probing is 1.",
    since="2.6.17",
    needs=MADE,
    expect=differs(
        "the time that so many would take is counted from the first of them on: there is one more",
        since="2.6.32",
        commit="6fa12c850314",
        observed={"last": [True, True, False]},
    ),
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("times", [0, 1])
def test_so_many_are_normal(peers, observe, times):
    peers.right.namespace.sysctl.update({PROBING: 1, BASE_MSS: BASE, RETRIES1: times})

    assert observe("last", full_copies(peers, times + 3)[-3:]) == [True, False, False]


@claim(
    "tcp.7/tcp_mtu_probing/always",
    sentence=(
        "tcp.7/tcp_mtu_probing/two",
        "tcp.7/tcp_base_mss/initial",
        "ip-sysctl/tcp_mtu_probing/values",
        "ip-sysctl/tcp_base_mss/initial",
    ),
    section="/proc interfaces",
    says="A TCP client over IPv4 begins with segments no larger than tcp_base_mss (TCP_INFO) where "
    "tcp_mtu_probing is 2, and with full ones where it is 0 or 1.",
    since="2.6.17",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("probing", "size"), [(0, LARGE - TIMESTAMP), (1, LARGE - TIMESTAMP), (2, BASE)])
def test_it_is_always_on(peers, observe, probing, size):
    peers.right.namespace.sysctl.update({PROBING: probing, BASE_MSS: BASE})

    assert observe("size", begun_with(peers)) == size


@claim(
    "tcp.7/tcp_mtu_probing/default",
    sentence=("tcp.7/tcp_mtu_probing/zero", "tcp.7/tcp_mtu_probing/default"),
    section="/proc interfaces",
    says="In a new network namespace, with a tcp_retries1 of 1, a segment of a TCP connection over IPv4 "
    "that is not acknowledged is sent in full four times.",
    since="2.6.17",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_it_is_off_at_first(peers, observe):
    peers.right.namespace.sysctl.update({RETRIES1: 1, BASE_MSS: BASE})

    assert observe("full", full_copies(peers, 4)) == [True] * 4


@claim(
    "tcp.7/tcp_base_mss/default",
    sentence="tcp.7/tcp_base_mss/default",
    section="/proc interfaces",
    says="In a new network namespace with a tcp_mtu_probing of 2 a TCP client over IPv4 begins with "
    "segments of 512 bytes (TCP_INFO).",
    since="2.6.17",
    needs=MADE,
    expect=differs("they have 1024 bytes", since="4.1", commit="dcd8fb8533ce", observed={"size": 1024}),
    survives=UNACKED_ENDS,
)
def test_the_size_at_first(peers, observe):
    peers.right.namespace.sysctl[PROBING] = 2

    assert observe("size", begun_with(peers)) == 512


@claim(
    "tcp.7/tcp_orphan_retries/times",
    sentence=("tcp.7/tcp_orphan_retries/attempts", "ip-sysctl/tcp_orphan_retries/timeout"),
    section="/proc interfaces",
    says="The end of a closed TCP connection over IPv4 that is not acknowledged is sent again "
    "tcp_orphan_retries times, 1 or 2, and not once more when that would be due.",
    since="2.4",
    needs=MADE,
    expect=ONE_MORE,
)
@pytest.mark.parametrize("times", [1, 2])
def test_an_orphan_tries(peers, observe, times):
    peers.right.namespace.sysctl.update({ORPHAN: times, EARLY: 0})
    with made_peer(peers) as peer:

        def close_and_wait() -> tuple[bool, list[Segment]]:
            with accepted(peers, peer) as sock:
                sock.close()
                return held_up(0.2 * 2 ** (times + 2)), peer.replies()

        ends = punctual(close_and_wait)

    alike = all(one.flags & FIN for one in ends)
    assert [observe("all", alike), observe("more", len(ends) - 1 - times)] == [True, 0]


@claim(
    "tcp.7/tcp_reordering/most",
    sentence=(
        "tcp.7/tcp_reordering/most",
        "tcp.7/tcp_reordering/default",
        "ip-sysctl/tcp_reordering/initial",
        "ip-sysctl/tcp_reordering/default",
    ),
    section="/proc interfaces",
    says="A TCP socket begins with a reordering (TCP_INFO) of 3 in a new network namespace, and with "
    "another that tcp_reordering says.",
    since="2.4",
)
@pytest.mark.parametrize(("settings", "most"), [({}, 3), ({REORDERING: 7}, 7)], ids=["at-first", "7"])
def test_a_reordering_to_begin_with(ns, observe, settings, most):
    ns.sysctl.update(settings)
    with Socket.tcp() as sock:
        assert observe("reordering", sock.tcp_info.reordering) == most


def _sent_one_by_one(sock: Socket, peer: MadePeer, number: int) -> list[int]:
    """Send so many segments, each when the one before has arrived; their sequence numbers."""
    found = []
    for _ in range(number):
        sock.send(bytes(SEGMENT))
        found.append(peer.next().sequence)
    return found


def sent_again(hosts: Peers, repeated: range) -> list[bool]:
    """Whether a segment is sent again once so many later ones arrived."""
    with sending_to(hosts) as (sock, peer):
        lost = _sent_one_by_one(sock, peer, repeated.stop)[0]
        for _ in range(repeated.start - 1):
            peer.send()
        found = [any(one.sequence == lost for one in peer.replies())]
        for _ in repeated:
            peer.send()
            found.append(found[-1] or any(one.sequence == lost for one in peer.replies()))
        return found


@claim(
    "tcp.7/tcp_reordering/not-lost",
    sentence=(
        "tcp.7/tcp_reordering/most",
        "tcp.7/tcp_reordering/default",
    ),
    section="/proc interfaces",
    says="A TCP connection over IPv4 without selective acknowledgements does not send a segment again where "
    "so many later ones arrived before it as tcp_reordering says, 3 in a new network namespace, or 7, and "
    "does where it is one more.",
    since="2.4",
    needs=MADE,
    expect=differs(
        "that many are taken for its loss: no more than one fewer may arrive before it",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"sent_again": [False, True, True]},
    ),
    survives={
        **UNACKED_ENDS,
        r"no-op: sendto(*\3\351*, 40, 0*": "the next acknowledges too, or enough have come",
    },
)
@pytest.mark.parametrize(("settings", "most"), [({}, 3), ({REORDERING: 7}, 7)], ids=["at-first", "7"])
def test_a_segment_is_not_taken_for_lost(peers, observe, settings, most):
    peers.right.namespace.sysctl.update(settings)

    assert observe("sent_again", sent_again(peers, range(most, most + 2))) == [False, False, True]


INITIAL = 10
"""Segments of the congestion window with which a connection begins."""


def windows(hosts: Peers) -> list[bool]:
    """Whether a congestion window is larger than at first, once it has grown, and after an idle time."""
    with sending_to(hosts) as (sock, peer):
        sock.tcp_congestion = "reno"
        sock.send(bytes(INITIAL * SEGMENT))
        peer.replies()
        peer.expected += INITIAL * SEGMENT
        peer.tell(b"y")
        sock.read_exact(1)
        grown = sock.tcp_info.snd_cwnd
        peer.during(AFTER_A_TIMEOUT)
        sock.send(b"x")
        peer.next()
        return [grown > INITIAL, sock.tcp_info.snd_cwnd > INITIAL]


@claim(
    "tcp.7/tcp_slow_start_after_idle/times-out",
    sentence=(
        "tcp.7/tcp_slow_start_after_idle/enabled",
        "tcp.7/tcp_slow_start_after_idle/disabled",
        "ip-sysctl/tcp_slow_start_after_idle/idle",
        "ip-sysctl/tcp_slow_start_after_idle/timeout",
        "ip-sysctl/tcp_slow_start_after_idle/disabled",
    ),
    section="/proc interfaces",
    says="The congestion window (TCP_INFO) of a TCP connection over IPv4 with the algorithm reno, which was "
    "larger than the 10 segments that it begins with, is so no more when it sends after it was idle for "
    "longer than a retransmission timeout, where tcp_slow_start_after_idle is 1, and still is where it is 0.",
    since="2.6.18",
    needs=MADE,
    survives={
        **UNACKED_ENDS,
        "no-op: setsockopt(*TCP_CONGESTION*": "where the window stays, any algorithm keeps it",
    },
)
@pytest.mark.parametrize(("value", "kept"), [(0, True), (1, False)])
def test_a_window_times_out(peers, observe, value, kept):
    peers.right.namespace.sysctl[IDLE] = value

    assert observe("grown_and_kept", windows(peers)) == [True, kept]


@claim(
    "tcp.7/tcp_slow_start_after_idle/default",
    sentence=(
        "tcp.7/tcp_slow_start_after_idle/default",
        "tcp.7/tcp_slow_start_after_idle/idle",
        "ip-sysctl/tcp_slow_start_after_idle/default",
    ),
    section="/proc interfaces",
    says="In a new network namespace the congestion window (TCP_INFO) of a TCP connection over IPv4 with "
    "the algorithm reno that was idle for longer than a retransmission timeout is no larger than the 10 "
    "segments that it begins with.",
    since="2.6.18",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_a_window_times_out_at_first(peers, observe):
    assert observe("grown_and_kept", windows(peers)) == [True, False]


def slow_at_first(hosts: Peers) -> list[bool]:
    """Whether two connections begin with a long retransmission timeout: one from far away, and the next."""
    with made_peers(hosts, 2) as ends, hosts.right.entered(), listening(hosts.right.address) as listener:
        slow = []
        for end, away in zip(ends, (LONG_TRIP, 0), strict=True):
            end.ask(listener)
            end.during(away)
            end.send()
            await_readable(listener)
            with listener.accept()[0] as sock:
                slow.append(sock.tcp_info.rto > LONG_TIMEOUT)
            end.take(end.next())
            end.send(FIN | ACK)
            end.replies()
        return slow


@claim(
    "tcp.7/tcp_no_metrics_save/saves",
    sentence=(
        "tcp.7/tcp_no_metrics_save/saves",
        "tcp.7/tcp_no_metrics_save/enabled",
        "ip-sysctl/tcp_no_metrics_save/saves",
    ),
    section="/proc interfaces",
    says="A TCP connection over IPv4 begins with the long retransmission timeout (TCP_INFO) that one with "
    "the same host had learnt before it closed where tcp_no_metrics_save is 0, and with a short one of its "
    "own where it is 1.",
    since="2.6.6",
    needs=MADE,
    survives=ACKNOWLEDGED_LATER,
)
@pytest.mark.parametrize(("value", "slow"), [(0, True), (1, False)])
def test_metrics_are_saved(peers, observe, value, slow):
    peers.right.namespace.sysctl[NO_METRICS] = value

    assert observe("slow", slow_at_first(peers)) == [True, slow]


@claim(
    "tcp.7/tcp_no_metrics_save/default",
    sentence=(
        "tcp.7/tcp_no_metrics_save/default",
        "tcp.7/tcp_no_metrics_save/saves",
        "ip-sysctl/tcp_no_metrics_save/default",
    ),
    section="/proc interfaces",
    says="In a new network namespace a TCP connection over IPv4 begins with the long retransmission timeout "
    "(TCP_INFO) that one with the same host had learnt before it closed.",
    since="2.6.6",
    needs=MADE,
    survives=ACKNOWLEDGED_LATER,
)
def test_metrics_are_saved_at_first(peers, observe):
    assert observe("slow", slow_at_first(peers)) == [True, True]


def forward_acknowledged(hosts: Peers) -> list[int]:
    """Segments that are acknowledged apart, and up to the last of those (TCP_INFO): the last of six is."""
    with sending_to(hosts, WITH_SACK) as (sock, peer):
        begin = _sent_one_by_one(sock, peer, 6)[0]
        peer.tell(b"y", options=sacked((begin + 5 * SEGMENT, begin + 6 * SEGMENT)))
        sock.read_exact(1)
        info = sock.tcp_info
        return [info.sacked, info.fackets]


@claim(
    "tcp.7/tcp_fack/enabled",
    sentence=("tcp.7/tcp_fack/enables", "tcp.7/tcp_fack/default"),
    section="/proc interfaces",
    says="In a new network namespace, and with a tcp_fack of 1, a TCP connection over IPv4 that is told "
    "that the last of six segments has arrived counts six as gone (TCP_INFO.fackets).",
    since="2.2",
    needs=MADE,
    expect=differs(
        "forward acknowledgement is gone: tcp_fack has no effect and none are counted",
        since="4.15",
        commit="713bafea9292",
        observed={"sacked_and_up_to_the_last": [1, 0]},
    ),
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("settings", [{}, {"net.ipv4.tcp_fack": 1}], ids=["at-first", "1"])
def test_what_is_before_a_gap_counts(peers, observe, settings):
    peers.right.namespace.sysctl.update(settings)

    assert observe("sacked_and_up_to_the_last", forward_acknowledged(peers)) == [1, 6]


def largest_frame(hosts: Peers, settings: dict[str, int]) -> int:
    """Segments of the largest frame of the first congestion window, where each may be as large as that."""
    hosts.right.namespace.sysctl.update({MIN_TSO_SEGMENTS: INITIAL, **settings})
    with sending_to(hosts) as (sock, peer):
        sock.tcp_congestion = "reno"
        sock.send(bytes(2 * INITIAL * SEGMENT))
        return max(len(one.data) // SEGMENT for one in peer.replies())


@claim(
    "tcp.7/tcp_tso_win_divisor/share",
    sentence=(
        "tcp.7/tcp_tso_win_divisor/percentage",
        "ip-sysctl/tcp_tso_win_divisor/part",
        "ip-sysctl/tcp_tso_win_divisor/default",
    ),
    section="/proc interfaces",
    says="Of the congestion window with which a TCP connection over IPv4 with the algorithm reno begins, 10 "
    "segments, one frame for segmentation by hardware takes no more than a third in a new network namespace, "
    "and no more than a fifth with a tcp_tso_win_divisor of 5.",
    since="2.6.9",
    needs=MADE,
    expect=differs(
        "a frame takes half of it, whatever tcp_tso_win_divisor is, which only says when to wait for more",
        since="3.18",
        commit="d649a7a81f3b",
        observed={"segments": 5},
    ),
    survives={
        **UNACKED_ENDS,
        "no-op: setsockopt(*TCP_CONGESTION*": "few algorithms ask for smaller frames; reno does not",
    },
)
@pytest.mark.parametrize(("settings", "most"), [({}, 3), ({WIN_DIVISOR: 5}, 2)], ids=["at-first", "5"])
def test_a_frame_takes_a_share(peers, observe, settings, most):
    assert observe("segments", largest_frame(peers, settings)) <= most
