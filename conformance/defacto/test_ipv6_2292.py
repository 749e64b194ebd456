"""IPV6_2292PKTINFO and the like: the control messages of RFC 2292, which newer ones replaced."""

from __future__ import annotations

import errno
import sys
from socket import AF_INET6, IPPROTO_DSTOPTS, IPPROTO_HOPOPTS, IPPROTO_IPV6, IPPROTO_UDP, inet_pton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.ipv6 import (
    LOOPBACK,
    OPTIONS,
    OPTIONS_IN_UDP,
    ipv6_packets,
    packet_ending,
    packet_options,
    set_and_cleared,
    tcp6,
    udp6,
    udp6_pair,
)
from libsocket import IPV6_2292PKTOPTIONS, DestinationOptions, HopLimit, HopOptions, Socket
from netns import Capability, only, without

PKTINFO, HOPOPTS, DSTOPTS, HOPLIMIT = 2, 3, 4, 8
INFO = inet_pton(AF_INET6, "::1") + LOOPBACK.to_bytes(4, sys.byteorder)
"""A struct in6_pktinfo."""


@claim(
    "defacto/IPV6_2292PKTINFO/delivers",
    says="With IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_2292HOPOPTS or IPV6_2292DSTOPTS a UDP socket "
    "receives with each datagram what the option of RFC 3542 gives, in a control message of the old type. "
    "Without it, as at first, none.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("option", "message", "expected"),
    [
        (Socket.ipv6_2292pktinfo, HopLimit(7), (PKTINFO, INFO)),
        (Socket.ipv6_2292hoplimit, HopLimit(7), (HOPLIMIT, (7).to_bytes(4, sys.byteorder))),
        (Socket.ipv6_2292hopopts, HopOptions(OPTIONS), (HOPOPTS, OPTIONS_IN_UDP)),
        (Socket.ipv6_2292dstopts, DestinationOptions(OPTIONS), (DSTOPTS, OPTIONS_IN_UDP)),
    ],
    ids=["pktinfo", "hoplimit", "hopopts", "dstopts"],
)
def test_messages_of_the_old_types_come(ns, observe, option, message, expected):
    sender, receiver = udp6_pair()
    with sender, receiver:
        sender.send_message(b"without", message)
        without = control_headers(receiver)
        receiver.set(option, True)
        sender.send_message(b"with", message)
        [(level, kind, data)] = receiver.recvmsg(9, 100)[1]
        came = [level, kind, data.hex()]

        assert [observe("without", without), observe("came", came)] == [
            [],
            [int(IPPROTO_IPV6), expected[0], expected[1].hex()],
        ]


@claim(
    "defacto/IPV6_2292PKTOPTIONS/packets",
    says="What a UDP socket sends has the header of options, by hops or at the destination, that is in the "
    "control message to which IPV6_2292PKTOPTIONS is set, until that is set with no byte.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("kind", "header"), [(HOPOPTS, IPPROTO_HOPOPTS), (DSTOPTS, IPPROTO_DSTOPTS)], ids=["hopopts", "dstopts"]
)
def test_all_packets_have_the_header(ns, observe, kind, header):
    packets = set_and_cleared(IPV6_2292PKTOPTIONS, packet_options(kind, OPTIONS))

    assert [
        observe("next_headers", [packet.next_header for packet in packets]),
        observe("headers", [packet.payload[:8].hex() for packet in packets[:2]]),
    ] == [[header, header, IPPROTO_UDP], [OPTIONS_IN_UDP.hex(), OPTIONS_IN_UDP.hex()]]


@claim(
    "defacto/IPV6_2292PKTOPTIONS/privilege",
    says="Setting IPV6_2292PKTOPTIONS of a UDP socket to options by hops or at the destination takes "
    "CAP_NET_RAW, without it is refused with EPERM.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("kind", "header"), [(HOPOPTS, IPPROTO_HOPOPTS), (DSTOPTS, IPPROTO_DSTOPTS)], ids=["hopopts", "dstopts"]
)
def test_options_take_a_capability(ns, observe, kind, header):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        with without(Capability.NET_RAW), refused(errno.EPERM):
            sender.set(IPV6_2292PKTOPTIONS, packet_options(kind, OPTIONS))
        sender.send(b"refused")
        with only(Capability.NET_RAW):
            sender.set(IPV6_2292PKTOPTIONS, packet_options(kind, OPTIONS))
        sender.send(b"allowed")
        headers = [packet_ending(seen, end).next_header for end in (b"refused", b"allowed")]

        assert observe("next_headers", headers) == [IPPROTO_UDP, header]


@claim(
    "defacto/IPV6_2292PKTOPTIONS/read",
    says="IPV6_2292PKTOPTIONS of a new TCP socket over IPv6 reads as no byte, and that of a UDP socket is "
    "refused with ENOPROTOOPT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_only_streams_have_it_to_read(ns, observe):
    with tcp6() as stream, udp6() as datagrams:
        with refused(errno.ENOPROTOOPT):
            datagrams.get(IPV6_2292PKTOPTIONS)

        assert observe("of_stream", stream.get(IPV6_2292PKTOPTIONS).hex()) == ""
