"""TCP_INFO, over IPv6 too: what was received, delivered and agreed on."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.made_peer import MADE, SEGMENT, WITH_SACK, informed, sacked
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.timing import SOON

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
ECN = 8
"""A bit of TCP_INFO.options."""
ESTABLISHED, CLOSE_WAIT, LISTEN = 1, 8, 10


@claim(
    "defacto/TCP_INFO/both-versions",
    says="TCP_INFO of the two ends of a TCP connection, over IPv4 and IPv6, agrees: of the one that "
    "connected, and has sent 5 bytes in one segment and 3 in another, data_segs_out is 2 and bytes_acked 9, "
    "as its SYN counts too; of the other, data_segs_in is 2 and bytes_received 8.",
    since="4.6",
    commit="a44d6eacdaf5",
    needs=[IPV6],
)
@HOSTS
def test_both_ends_count_alike(ns, observe, host):
    with listening(host) as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        server.rcvtimeo = client.rcvtimeo = SOON
        client.send(b"12345")
        server.read_exact(5)
        server.send(b"y")
        client.read_exact(1)
        client.send(b"678")
        server.read_exact(3)
        server.send(b"z")
        client.read_exact(1)
        sent, received = client.tcp_info, server.tcp_info

        seen = [sent.data_segs_out, received.data_segs_in, received.bytes_received, sent.bytes_acked]
        assert [observe("states", [sent.state, received.state]), observe("seen", seen)] == [
            [ESTABLISHED, ESTABLISHED],
            [2, 2, 8, 1 + 8],
        ]


@claim(
    "defacto/TCP_INFO/ecn",
    sentence=("tcp.h/tcpi_options/ecn"),
    says="TCP_INFO.options of both ends of a TCP connection, over IPv4 and IPv6, has 8 where "
    "net.ipv4.tcp_ecn of both is 1, and not where it is 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@HOSTS
@pytest.mark.parametrize(("asked", "agreed"), [(0, 0), (1, ECN)])
def test_ecn_is_agreed_on(ns, observe, host, asked, agreed):
    ns.sysctl["net.ipv4.tcp_ecn"] = asked
    with listening(host) as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        options = [client.tcp_info.options & ECN, server.tcp_info.options & ECN]

        assert observe("options", options) == [agreed, agreed]


@claim(
    "defacto/TCP_INFO/received-segments",
    says="TCP_INFO.rcv_mss of an accepted TCP connection over IPv4 is 536 at first, and the size of the "
    "largest segment that came, of 537 bytes or 1000, after it; one of 535 leaves it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("size", "estimate"), [(535, 536), (537, 537), (SEGMENT, SEGMENT)])
def test_the_size_of_segments_is_estimated(peers, observe, size, estimate):
    with informed(peers) as (sock, peer):
        estimates = [sock.tcp_info.rcv_mss]
        peer.tell(bytes(size))
        sock.read_exact(size)
        estimates.append(sock.tcp_info.rcv_mss)

        assert observe("estimates", estimates) == [536, estimate]


@claim(
    "defacto/TCP_INFO/delivered",
    says="TCP_INFO.delivered of a TCP connection over IPv4 counts each segment that its peer has "
    "acknowledged, also apart (SACK): of five that were sent the first two, and the fourth.",
    since="4.18",
    commit="feb5f2ec6464",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_what_is_delivered_is_counted(peers, observe):
    with informed(peers, WITH_SACK) as (sock, peer):
        before = sock.tcp_info.delivered
        sock.send(bytes(5 * SEGMENT))
        begin = peer.next().sequence
        peer.replies()
        peer.expected += 2 * SEGMENT
        peer.tell(b"y", options=sacked((begin + 3 * SEGMENT, begin + 4 * SEGMENT)))
        sock.read_exact(1)
        info = sock.tcp_info

        seen = [info.unacked, info.sacked, info.delivered - before]
        assert observe("unacked_sacked_and_delivered", seen) == [3, 1, 3]
