"""TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL: how often and when a silent peer is probed."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import UNANSWERED
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import UNACKED_ENDS, unanswered_sender
from conformance.plugin.setups.segments import next_segment, segments, waiting_segments
from conformance.plugin.timing import SOON, timed


@claim(
    "tcp.7/TCP_KEEPCNT/as-many-probes",
    sentence=("tcp.7/TCP_KEEPCNT/drops", "tcp.h/TCP_KEEPCNT/number"),
    section="Socket options",
    says="A TCP connection over IPv4 whose peer is silent sends exactly TCP_KEEPCNT keepalive probes before "
    "it is dropped: a receive that waits fails.",
    since="2.4",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("count", [1, 2])
def test_so_many_probes_are_sent(peers, observe, count):
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        sock.rcvtimeo = SOON
        sock.tcp_keepidle = sock.tcp_keepintvl = 1
        sock.tcp_keepcnt = count
        sock.keepalive = True
        with refused():
            sock.recv(1)

        probes = [one for one in waiting_segments(arriving) if not one.reset]
        assert observe("probes", len(probes)) == count


@claim(
    "tcp.7/TCP_KEEPIDLE/not-before",
    sentence=("tcp.7/TCP_KEEPIDLE/seconds", "tcp.h/TCP_KEEPIDLE/starts"),
    section="Socket options",
    says="A TCP connection over IPv4 sends its first keepalive probe once it has been idle for TCP_KEEPIDLE "
    "seconds and not before, where SO_KEEPALIVE is set.",
    since="2.4",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_an_idle_connection_is_not_probed_before(peers, observe, seconds):
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with timed() as took:
            sock.tcp_keepidle = seconds
            sock.keepalive = True
            probe = next_segment(arriving)

        assert observe("data_and_late", [probe.data.decode(), took.lasted(seconds)]) == ["", True]


@claim(
    "tcp.7/TCP_KEEPINTVL/apart",
    sentence=("tcp.7/TCP_KEEPINTVL/seconds", "tcp.h/TCP_KEEPINTVL/interval"),
    section="Socket options",
    says="A TCP connection over IPv4 with a TCP_KEEPIDLE of a second sends the second keepalive probe to a "
    "silent peer TCP_KEEPINTVL seconds after the first, and not before.",
    since="2.4",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_probes_are_so_far_apart(peers, observe, seconds):
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with timed() as took:
            sock.tcp_keepidle = 1
            sock.tcp_keepintvl = seconds
            sock.keepalive = True
            first = next_segment(arriving)
            second = next_segment(arriving)

        same = first.sequence == second.sequence
        assert observe("same_probe_and_late", [same, took.lasted(1 + seconds)]) == [True, True]
