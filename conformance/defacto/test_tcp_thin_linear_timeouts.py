"""TCP_THIN_LINEAR_TIMEOUTS: even waits between retransmissions while few segments are under way."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import UNANSWERED
from conformance.plugin.setups.pairs import UNACKED_ENDS, unanswered_sender
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.timing import SOON


@claim(
    "defacto/TCP_THIN_LINEAR_TIMEOUTS/no-backoff",
    sentence=("tcp.h/TCP_THIN_LINEAR_TIMEOUTS/linear"),
    says="The wait before a TCP connection over IPv4 with one segment under way, whose congestion control is "
    "reno, sends it again is not doubled at the first retransmissions with TCP_THIN_LINEAR_TIMEOUTS: "
    "TCP_INFO.backoff stays 0 where it counts them without.",
    since="2.6.34",
    commit="36e31b0af587",
    needs=UNANSWERED,
    survives=UNACKED_ENDS
    | {
        "no-op: setsockopt(*TCP_THIN_LINEAR_TIMEOUTS, ?0?*": "it is 0 at first",
        "no-op: setsockopt(*TCP_CONGESTION*": "without the option the wait is doubled by any algorithm",
    },
)
@pytest.mark.parametrize(("linear", "doubled"), [(False, True), (True, False)])
def test_the_wait_is_not_doubled(peers, observe, linear, doubled):
    peers.left.namespace.sysctl["net.ipv4.tcp_early_retrans"] = 0
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        sock.tcp_congestion = "reno"  # others may know no threshold, before which no stream is thin
        sock.tcp_thin_linear_timeouts = linear
        sock.send(b"x")
        copies = [next_segment(arriving).data.decode() for _ in range(3)]
        info = sock.tcp_info

        seen = [info.retransmits >= 2, info.backoff > 0]
        assert [copies, observe("again_and_doubled", seen)] == [["x"] * 3, [True, doubled]]
