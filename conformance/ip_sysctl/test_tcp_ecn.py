"""Explicit Congestion Notification (RFC 3168): what is marked, and what a peer is told of that."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.made_peer import ADDRESS, MADE, SEGMENT, MadePeer, informed, made_peers
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.segments import ACK, CWR, ECE, SYN, next_segment
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Peers

ECN, FALLBACK = "net.ipv4.tcp_ecn", "net.ipv4.tcp_ecn_fallback"
NOT_ECT, ECT_0, CE = 0, 2, 3
"""The marks of an IP header."""


@claim(
    "ip-sysctl/tcp_ecn/marks",
    sentence="ip-sysctl/tcp_ecn/feedback",
    section="TCP variables",
    says="What a TCP connection over IPv4 sends is marked as ECN-capable, ECT(0), where its peer asked for "
    "ECN and tcp_ecn is 1, and is not marked where tcp_ecn is 0.",
    since="2.4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("value", "mark"), [(0, NOT_ECT), (1, ECT_0)])
def test_what_is_sent_is_marked(peers, observe, value, mark):
    peers.right.namespace.sysctl[ECN] = value
    with peers.left.entered():
        seen = packets()
    with seen, informed(peers, flags=SYN | ECE | CWR) as (sock, peer):
        seen.rcvtimeo = SOON
        peer.replies()
        sock.send(b"x")
        peer.next()

        assert observe("mark", mark_of_data(seen)) == mark


def mark_of_data(seen: Socket) -> int:
    """The mark of the first packet with a byte of data."""
    while True:
        header = next_header(seen)
        if header.length == 41:
            return header.tos & CE


@claim(
    "ip-sysctl/tcp_ecn/tells",
    sentence="ip-sysctl/tcp_ecn/feedback",
    section="TCP variables",
    says="A TCP connection over IPv4 with ECN, where tcp_ecn is 1, acknowledges data that comes with the "
    "mark of congestion (CE) with the flag ECE, also what comes then without the mark, until its peer says "
    "by CWR that it sends less.",
    since="2.4",
    needs=MADE,
    survives=UNACKED_ENDS,
)
def test_a_mark_is_told(peers, observe):
    peers.right.namespace.sysctl[ECN] = 1
    with informed(peers, flags=SYN | ECE | CWR) as (_, peer):
        arrive = (ACK, ECT_0), (ACK, CE), (ACK, ECT_0), (ACK | CWR, ECT_0)

        assert observe("told", [told(peer, *one) for one in arrive]) == [0, ECE, ECE, 0]


def told(peer: MadePeer, flags: int, tos: int) -> int:
    """The flag ECE, if it is there, of what acknowledges a segment with flags and a mark."""
    peer.send(flags, bytes(SEGMENT), tos=tos)
    peer.sequence += SEGMENT
    return peer.next().flags & ECE


def requests(hosts: Peers) -> list[list[bool]]:
    """Whether two SYNs of each of two sockets of the right host, to nobody, ask for ECN.

    The first began to connect with a tcp_ecn of 1, the second with one of 0.
    """
    with made_peers(hosts, 2) as ends, hosts.right.entered(), Socket.tcp() as one, Socket.tcp() as other:
        for sock, end, value in zip((one, other), ends, (1, 0), strict=True):
            hosts.right.namespace.sysctl[ECN] = value
            sock.setblocking(False)
            sock.connect_ex((ADDRESS, end.port))
        asks: dict[int, list[bool]] = {end.port: [] for end in ends}
        while min(map(len, asks.values())) < 2:
            syn = next_segment(ends[0].arriving)
            asks[syn.destination].append(bool(syn.flags & (ECE | CWR)))
        return [found[:2] for found in asks.values()]


@claim(
    "ip-sysctl/tcp_ecn_fallback/unused",
    sentence="ip-sysctl/tcp_ecn_fallback/unused",
    section="TCP variables",
    says="A SYN over IPv4 that is not answered is sent again as it was where tcp_ecn is 0, without asking "
    "for ECN, whatever tcp_ecn_fallback is, on which it depends where tcp_ecn is 1.",
    since="4.1",
    needs=MADE,
    survives={"no-op: ioctl(FIONBIO*": "a connect that waits sends the same"},
)
@pytest.mark.parametrize(("value", "again"), [(0, True), (1, False)])
def test_nothing_falls_back(peers, observe, value, again):
    peers.right.namespace.sysctl[FALLBACK] = value

    assert observe("asks", requests(peers)) == [[True, again], [False, False]]
