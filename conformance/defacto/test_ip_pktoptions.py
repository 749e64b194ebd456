"""IP_PKTOPTIONS and IPV6_2292PKTOPTIONS: what a TCP connection reads of the packets that made it."""

from __future__ import annotations

import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.calls import NOWHERE, option_got
from conformance.plugin.setups.control_messages import messages_in
from conformance.plugin.setups.ipv6 import LOOPBACK, tcp6
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON
from libsocket import Socket

IP_TTL, IP_PKTINFO = 2, 8
PKTINFO_2292, HOPLIMIT_2292, FLOWINFO, PKTINFO, HOPLIMIT, TCLASS = 2, 8, 11, 50, 52, 67
SOL_IP, SOL_IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6


def word(number: int) -> bytes:
    return number.to_bytes(4, sys.byteorder)


@claim(
    "defacto/IP_PKTOPTIONS/of-handshake",
    says="IP_PKTOPTIONS of an accepted TCP connection over IPv4 with IP_PKTINFO and IP_RECVTTL reads as "
    "control messages of its own address and the interface, and of the time to live of its peer's packet "
    "that made it, in an int; without them as no byte.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_connection_tells_of_its_handshake(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.ip_ttl = 77
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            before = messages_in(accepted.ip_pktoptions)
            accepted.ip_pktinfo = accepted.ip_recvttl = True
            after = messages_in(accepted.ip_pktoptions)

            host = socket.inet_aton("127.0.0.1").hex()
            assert [observe("before", before), observe("after", after)] == [
                [],
                [
                    [SOL_IP, IP_PKTINFO, word(LOOPBACK).hex() + host * 2],
                    [SOL_IP, IP_TTL, word(77).hex()],
                ],
            ]


@claim(
    "defacto/IP_PKTOPTIONS/no-memory",
    says="Reading IP_PKTOPTIONS of a TCP connection over IPv4 with IP_RECVTTL into no memory gives no byte, "
    "and with room for fewer than a header of 16 bytes none either; with room for 24 it gives 24.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_message_is_given_where_there_is_room(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        left.ip_recvttl = True
        place = left.fileno(), (socket.IPPROTO_IP, 9)
        sizes = [len(option_got(*place, size)) for size in (0, 15, 24)]

        assert observe("sizes", [len(option_got(*place, 24, NOWHERE)), *sizes]) == [0, 0, 0, 24]


OPTIONS = {
    PKTINFO: Socket.ipv6_recvpktinfo,
    HOPLIMIT: Socket.ipv6_recvhoplimit,
    TCLASS: Socket.ipv6_recvtclass,
    PKTINFO_2292: Socket.ipv6_2292pktinfo,
    HOPLIMIT_2292: Socket.ipv6_2292hoplimit,
    FLOWINFO: Socket.ipv6_flowinfo,
}
INFO = socket.inet_pton(socket.AF_INET6, "::1") + word(LOOPBACK)
VALUES = {
    PKTINFO: INFO,
    HOPLIMIT: word(77),
    TCLASS: word(0x20),
    PKTINFO_2292: INFO,
    HOPLIMIT_2292: word(77),
    FLOWINFO: (0x20 << 20).to_bytes(4, "big"),
}
"""What each message holds of a packet from and to ::1 with that hop limit and traffic class."""


@claim(
    "defacto/IPV6_2292PKTOPTIONS/of-handshake",
    says="IPV6_2292PKTOPTIONS of an accepted TCP connection over IPv6 with IPV6_RECVPKTINFO, "
    "IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_2292PKTINFO, IPV6_2292HOPLIMIT or IPV6_FLOWINFO reads as the "
    "control message that the option gives of its peer's packet that made it; without them as no byte.",
    since="3.14",
    commit="1397ed35f22d",
    needs=[IPV6],
    survives={"no-op: setsockopt(SOL_IPV6, IPV6_*": "each message tells of one field of the packet"},
)
@pytest.mark.parametrize(
    "kind", OPTIONS, ids=["pktinfo", "hoplimit", "tclass", "2292pktinfo", "2292hoplimit", "flowinfo"]
)
def test_a_connection_tells_of_its_handshake_over_ipv6(ns, observe, kind):
    with listening("::1") as listener, tcp6() as client:
        client.ipv6_autoflowlabel = False
        client.ipv6_unicast_hops = 77
        client.ipv6_tclass = 0x20
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            before = messages_in(accepted.ipv6_2292pktoptions)
            accepted.set(OPTIONS[kind], True)
            after = messages_in(accepted.ipv6_2292pktoptions)

            assert [observe("before", before), observe("after", after)] == [
                [],
                [[SOL_IPV6, kind, VALUES[kind].hex()]],
            ]


PACKETS = [(70, 0x20), (80, 0x40), (90, 0)]
"""Hop limits and traffic classes."""


def told_after(sock: Socket, peer: Socket, hops: int, traffic_class: int) -> list[list[int | str]]:
    """What a socket tells after its peer has sent a byte with a hop limit and a traffic class."""
    peer.ipv6_unicast_hops = hops
    peer.ipv6_tclass = traffic_class
    peer.send(b"x")
    sock.read_exact(1)
    return messages_in(sock.ipv6_2292pktoptions)


@claim(
    "defacto/IPV6_2292PKTOPTIONS/of-last-packet",
    says="IPV6_2292PKTOPTIONS of a TCP connection over IPv6 with IPV6_FLOWINFO and IPV6_RECVHOPLIMIT reads "
    "as control messages of the last packet that brought it data, if that had a traffic class: its hop "
    "limit, and the class; of one that had none, nor a flow label, it tells the hop limit, and 0.",
    since="3.14",
    commit="1397ed35f22d",
    needs=[IPV6],
)
def test_a_connection_tells_of_its_last_packet(ns, observe):
    sock, peer = Socket.tcp_pair(socket.AF_INET6)
    with sock, peer:
        sock.rcvtimeo = SOON
        peer.ipv6_autoflowlabel = False
        sock.ipv6_flowinfo = sock.ipv6_recvhoplimit = True
        found = [told_after(sock, peer, *packet) for packet in PACKETS]

        assert observe("found", found) == [
            [
                [SOL_IPV6, HOPLIMIT, word(hops).hex()],
                [SOL_IPV6, FLOWINFO, (traffic_class << 20).to_bytes(4, "big").hex()],
            ]
            for hops, traffic_class in PACKETS
        ]
