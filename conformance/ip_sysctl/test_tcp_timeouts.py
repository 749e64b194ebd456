"""When TCP sends again, how often, and when it gives up: what tcp(7) does not say of it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SHUT_WR

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import UNANSWERED, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import ADDRESS, MADE, MadePeer, made_peer
from conformance.plugin.setups.pairs import UNACKED_ENDS, send_one_by_one, unanswered_sender
from conformance.plugin.setups.readiness import readable_by_select
from conformance.plugin.setups.segments import ACK, SYN, next_segment, segments, waiting_segments
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Peers

LINEAR, THIN, FIN, RETRIES2, EARLY = (
    f"net.ipv4.tcp_{name}"
    for name in (
        "syn_linear_timeouts",
        "thin_linear_timeouts",
        "fin_timeout",
        "retries2",
        "early_retrans",
    )
)
TIME, INTERVAL, PROBES = (f"net.ipv4.tcp_keepalive_{name}" for name in ("time", "intvl", "probes"))
FIN_WAIT_2 = 5
SECOND = 1_000_000
"""In microseconds: the first timeout of a SYN, RFC 6298."""
ALONE = {"no-op: setsockopt(*TCP_NODELAY*": "a single segment is sent without it"}
NO_WAIT = {"no-op: ioctl(FIONBIO*": "a connect that waits sends the same"}


@contextmanager
def connecting(hosts: Peers) -> Iterator[tuple[Socket, MadePeer]]:
    """A TCP socket that is still to connect, and a peer that does not answer its SYNs."""
    with made_peer(hosts) as peer, hosts.right.entered(), Socket.tcp() as sock:
        sock.setblocking(False)
        sock.connect_ex((ADDRESS, peer.port))
        yield sock, peer


def timeouts(sock: Socket, peer: MadePeer, number: int) -> list[int]:
    """The timeout, in seconds (TCP_INFO), after each of the next SYNs."""
    found = []
    for _ in range(number):
        peer.next()
        found.append(sock.tcp_info.rto // SECOND)
    return found


@claim(
    "ip-sysctl/tcp_syn_linear_timeouts/times",
    sentence="ip-sysctl/tcp_syn_linear_timeouts/times",
    section="TCP variables",
    says="The timeout of a SYN of a TCP socket over IPv4 (TCP_INFO), a second, has doubled once it was sent "
    "again with a tcp_syn_linear_timeouts of 0, and has not with one of 1, where it has once it was sent "
    "again twice.",
    since="6.5",
    needs=[*MADE, sysctl(LINEAR)],
    survives=NO_WAIT,
)
@pytest.mark.parametrize(("times", "seconds"), [(0, [1, 2]), (1, [1, 1, 2])])
def test_a_timeout_stays_as_it_is(peers, observe, times, seconds):
    peers.right.namespace.sysctl[LINEAR] = times

    with connecting(peers) as (sock, peer):
        assert observe("seconds", timeouts(sock, peer, times + 2)) == seconds


@claim(
    "ip-sysctl/tcp_syn_linear_timeouts/default",
    sentence=(
        "ip-sysctl/tcp_syn_linear_timeouts/default",
        "ip-sysctl/tcp_syn_linear_timeouts/sequence",
    ),
    section="TCP variables",
    says="In a new network namespace the timeouts of a SYN of a TCP socket over IPv4 (TCP_INFO) are 1, 1, 1, "
    "1, 1 and 2 seconds.",
    since="6.5",
    needs=[*MADE, sysctl(LINEAR)],
    survives=NO_WAIT,
)
def test_four_timeouts_stay_as_they_are_at_first(peers, observe):
    with connecting(peers) as (sock, peer):
        seconds = timeouts(sock, peer, 3)  # a call of more would wait too long
        seconds += timeouts(sock, peer, 3)

        assert observe("seconds", seconds) == [1, 1, 1, 1, 1, 2]


@claim(
    "ip-sysctl/tcp_syn_linear_timeouts/not-synack",
    sentence="ip-sysctl/tcp_syn_linear_timeouts/not-synack",
    section="TCP variables",
    says="With a tcp_syn_linear_timeouts of 4 a TCP listener over IPv4 sends a SYN-ACK that is not "
    "acknowledged a second time after 1 second, and a third time 2 seconds after that, and not before.",
    since="6.5",
    needs=[*MADE, sysctl(LINEAR)],
)
def test_a_synack_doubles_its_timeout(peers, observe):
    peers.right.namespace.sysctl[LINEAR] = 4
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        with timed() as took:
            answers = [peer.ask(listener), peer.next(), peer.next()]

        seen = [[one.flags for one in answers], took.lasted(1 + 2)]
        assert observe("flags_and_late", seen) == [[SYN | ACK] * 3, True]


def linear_timeouts(hosts: Peers, number: int) -> tuple[int, int]:
    """How many segments are under way, and how often the first is sent again before its timeout doubles."""
    hosts.left.namespace.sysctl[EARLY] = 0
    with unanswered_sender(hosts) as sock, hosts.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        sock.tcp_congestion = "reno"  # others may know no threshold, before which no stream is thin
        sock.tcp_nodelay = True
        send_one_by_one(sock, number)
        under_way = sock.tcp_info.unacked
        while not (info := sock.tcp_info).backoff:
            next_segment(arriving)
        return under_way, info.retransmits - info.backoff  # of which each doubles it from then on


@claim(
    "ip-sysctl/tcp_thin_linear_timeouts/linear",
    sentence="ip-sysctl/tcp_thin_linear_timeouts/linear",
    section="TCP variables",
    says="With tcp_thin_linear_timeouts the retransmission timeout of a TCP connection over IPv4 with the "
    "algorithm reno, and with 1 or 3 segments under way, has not doubled once the first was sent again 6 "
    "times, and has after the seventh (TCP_INFO.backoff).",
    since="2.6.34",
    needs=UNANSWERED,
    survives={**UNACKED_ENDS, **ALONE},
)
@pytest.mark.parametrize("number", [1, 3])
def test_six_timeouts_are_linear(peers, observe, number):
    peers.left.namespace.sysctl[THIN] = 1
    under_way, linear = linear_timeouts(peers, number)

    assert [under_way, observe("linear", linear)] == [number, 6]


@claim(
    "ip-sysctl/tcp_thin_linear_timeouts/default",
    sentence=(
        "ip-sysctl/tcp_thin_linear_timeouts/default",
        "ip-sysctl/tcp_thin_linear_timeouts/linear",
    ),
    section="TCP variables",
    says="The retransmission timeout of a TCP connection over IPv4 with the algorithm reno has doubled once "
    "a segment was sent again (TCP_INFO.backoff) in a new network namespace, and, where "
    "tcp_thin_linear_timeouts is 1, with 4 segments under way.",
    since="2.6.34",
    needs=UNANSWERED,
    survives={
        **UNACKED_ENDS,
        **ALONE,
        "no-op: setsockopt(*TCP_CONGESTION*": "where the timeout doubles, it does by any algorithm",
    },
)
@pytest.mark.parametrize(("settings", "number"), [({}, 1), ({THIN: 1}, 4)])
def test_timeouts_double_at_first(peers, observe, settings, number):
    peers.left.namespace.sysctl.update(settings)
    under_way, linear = linear_timeouts(peers, number)

    assert [under_way, observe("linear", linear)] == [number, 0]


@claim(
    "ip-sysctl/tcp_keepalive_intvl/ends",
    sentence="ip-sysctl/tcp_keepalive_intvl/ends",
    section="TCP variables",
    says="With a tcp_keepalive_time of 1, a tcp_keepalive_intvl of 1 and a tcp_keepalive_probes of 2 a TCP "
    "connection over IPv4 with SO_KEEPALIVE, whose peer is silent, ends with ETIMEDOUT twice a second after "
    "its first probe, and not before, and after 2 probes.",
    since="2.4",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
def test_a_silent_peer_ends_a_connection(peers, observe):
    peers.left.namespace.sysctl.update({TIME: 1, INTERVAL: 1, PROBES: 2})
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        sock.rcvtimeo = SOON
        with timed() as took, refused(errno.ETIMEDOUT):
            sock.keepalive = True
            sock.recv(1)

        probes = [one for one in waiting_segments(arriving) if not one.reset]
        assert observe("probes_and_late", [len(probes), took.lasted(3)]) == [2, True]


@claim(
    "ip-sysctl/tcp_fin_timeout/receives",
    sentence="ip-sysctl/tcp_fin_timeout/receives",
    section="TCP variables",
    says="A TCP connection over IPv4 that was shut down for sending, and not closed, still receives 2 "
    "seconds later, though tcp_fin_timeout is 1.",
    since="2.4",
)
def test_a_connection_receives_in_fin_wait_2(ns, observe):
    ns.sysctl[FIN] = 1
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        sock.rcvtimeo = SOON
        sock.shutdown(SHUT_WR)
        readable_by_select(sock, 2.1)
        state = sock.tcp_info.state
        peer.send(b"later")

        assert observe("state_and_received", [state, sock.recv(9).decode()]) == [FIN_WAIT_2, "later"]


@claim(
    "ip-sysctl/tcp_retries2/timeout",
    sentence="ip-sysctl/tcp_retries2/timeout",
    section="TCP variables",
    says="A TCP connection over IPv4 whose data is not acknowledged ends with ETIMEDOUT no sooner than the "
    "timeouts of tcp_retries2 retransmissions and that of the data itself take, which are 0.2 seconds at "
    "first and double: 0.6 with 1, and 1.4 with 2.",
    since="2.6.32",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("retries", "seconds"), [(1, 0.6), (2, 1.4)])
def test_a_connection_is_given_so_long(peers, observe, retries, seconds):
    peers.left.namespace.sysctl[RETRIES2] = retries
    with unanswered_sender(peers) as sock:
        sock.rcvtimeo = SOON
        with timed() as took, refused(errno.ETIMEDOUT):
            sock.send(b"x")
            sock.recv(1)

        assert observe("late", took.lasted(seconds)) is True
