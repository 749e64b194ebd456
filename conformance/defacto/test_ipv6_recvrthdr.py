"""IPV6_RECVRTHDR: the routing header that a datagram came with."""

from __future__ import annotations

from dataclasses import replace
from socket import IPPROTO_IPV6, IPPROTO_ROUTING, IPPROTO_UDP

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.datagrams import Datagram, internet_sum, pseudo_header
from conformance.plugin.setups.ipv6 import raw6, udp6, udp6_pair
from conformance.plugin.timing import SOON
from libsocket import IPV6_2292RTHDR, IPV6_RECVRTHDR
from netns import Capability

LOOPBACK = bytes(15) + b"\1"
EXPERIMENT = 253
"""A type of routing headers that nobody has (RFC 4727)."""


def routing_header(kind, left):
    """A routing header with one address, before a UDP header."""
    return bytes([IPPROTO_UDP, 2, kind, left, 0, 0, 0, 0]) + LOOPBACK


def udp_to(receiver, data):
    """A UDP header with its checksum, and the data."""
    bare = Datagram(9, receiver.getsockname()[1], data)
    pseudo = pseudo_header(LOOPBACK, LOOPBACK, len(bytes(bare)), protocol=IPPROTO_UDP)
    return bytes(replace(bare, checksum=0xFFFF - internet_sum(pseudo + bytes(bare))))


@claim(
    "defacto/IPV6_RECVRTHDR/delivers",
    says="With IPV6_RECVRTHDR, or IPV6_2292RTHDR, a UDP socket receives with a datagram that came with one "
    "routing header, of the type 0 or of one that is not known, 253, of which no segment is left, a "
    "control message of IPPROTO_IPV6 of the type IPV6_RTHDR, or IPV6_2292RTHDR, that is the header; "
    "with a datagram without it, or without the option, none.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("kind", [0, EXPERIMENT])
@pytest.mark.parametrize(
    ("option", "type"), [(IPV6_RECVRTHDR, 57), (IPV6_2292RTHDR, 5)], ids=["RECVRTHDR", "2292RTHDR"]
)
def test_the_routing_header_comes_with_a_datagram(ns, observe, option, type, kind):
    sender, receiver = udp6_pair()
    header = routing_header(kind, 0)
    with sender, receiver, raw6(IPPROTO_ROUTING) as raw:
        raw.sendto(header + udp_to(receiver, b"off"), ("::1", 0))
        received = [receiver.recvmsg(9, 200)[:2]]
        receiver.set(option, True)
        raw.sendto(header + udp_to(receiver, b"on"), ("::1", 0))
        received.append(receiver.recvmsg(9, 200)[:2])
        sender.send(b"no header")
        received.append(receiver.recvmsg(9, 200)[:2])

        seen = [
            [data.decode(), [[int(level), number, octets.hex()] for level, number, octets in control]]
            for data, control in received
        ]
        assert observe("received", seen) == [
            ["off", []],
            ["on", [[int(IPPROTO_IPV6), type, header.hex()]]],
            ["no header", []],
        ]


@claim(
    "defacto/IPV6_RECVRTHDR/segments-left",
    says="A datagram to a UDP socket at a unicast address of IPv6, with a routing header of a type that is "
    "not known, 253, is dropped where segments are left, and received where none is.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_a_routing_header_with_segments_left_is_not_ignored(ns, observe):
    with udp6() as receiver, raw6(IPPROTO_ROUTING) as raw:
        receiver.rcvtimeo = raw.rcvtimeo = SOON
        receiver.bind(("::1", 0))
        for left in (1, 0):
            datagram = udp_to(receiver, b"%d left" % left)
            raw.sendto(routing_header(EXPERIMENT, left) + datagram, ("::1", 0))
        arrived = [raw.recv(100)[3] for _ in range(2)]

        assert [observe("arrived", arrived), observe("received", receiver.recv(20).decode())] == [
            [1, 0],
            "0 left",
        ]
