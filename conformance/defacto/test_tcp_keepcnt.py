"""TCP_KEEPCNT beside data that is not acknowledged."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import UNANSWERED
from conformance.plugin.setups.pairs import UNACKED_ENDS, make_impatient, unanswered_sender
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.timing import SOON, timed


@claim(
    "defacto/TCP_KEEPCNT/not-with-unacknowledged-data",
    says="While data of a TCP connection over IPv4 is not acknowledged it is not probed for keepalive, and "
    "lives on after the 2 seconds in which TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT of 1 would end it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
def test_a_connection_is_not_probed(peers, observe):
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        peers.left.namespace.sysctl["net.ipv4.tcp_early_retrans"] = 0
        make_impatient(sock)
        sock.keepalive = True
        with timed() as took:
            sock.send(b"x")
            copies = [next_segment(arriving).data.decode() for _ in range(5)]

        times = [sock.keepalive, sock.tcp_keepidle, sock.tcp_keepintvl, sock.tcp_keepcnt]
        seen = [copies, took.lasted(2), sock.error, times]
        assert observe("copies_later_error_and_times", seen) == [["x"] * 5, True, 0, [True, 1, 1, 1]]
