"""Raw IPv6 sockets: the control messages they send and receive, and checksums in fragments."""

from __future__ import annotations

import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.datagrams import internet_sum, pseudo_header
from conformance.plugin.setups.ipv6 import (
    LOOPBACK,
    OPTIONS,
    address6,
    ipv6_packets,
    packet_ending,
    raw6,
)
from conformance.plugin.timing import SOON
from libsocket import DestinationOptions, HopLimit, HopOptions, Socket, TrafficClass
from netns import Capability

NEEDS = (IPV6, Capability.NET_RAW)
EXPERIMENT = 253
"""The protocol of raw6()."""
RECEIVED_OPTIONS = bytes([EXPERIMENT]) + OPTIONS[1:]
INFO = socket.inet_pton(socket.AF_INET6, "::1") + LOOPBACK.to_bytes(4, sys.byteorder)
SEVEN = (7).to_bytes(4, sys.byteorder)
PKTINFO_2292, HOPOPTS_2292, DSTOPTS_2292, HOPLIMIT_2292 = 2, 3, 4, 8


@claim(
    "defacto/IPV6_RECVHOPOPTS/delivers-raw",
    says="With IPV6_RECVHOPOPTS, IPV6_RECVDSTOPTS, IPV6_RECVHOPLIMIT or IPV6_RECVTCLASS, which reads as set, "
    "a raw socket over IPv6 receives the header, the hop limit or the traffic class with each packet that "
    "has it. Without it, none.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("option", "message", "received"),
    [
        (Socket.ipv6_recvhopopts, HopOptions(OPTIONS), HopOptions(RECEIVED_OPTIONS)),
        (Socket.ipv6_recvdstopts, DestinationOptions(OPTIONS), DestinationOptions(RECEIVED_OPTIONS)),
        (Socket.ipv6_recvhoplimit, HopLimit(7), HopLimit(7)),
        (Socket.ipv6_recvtclass, TrafficClass(9), TrafficClass(9)),
    ],
    ids=["hop-options", "destination-options", "hop-limit", "traffic-class"],
)
def test_headers_come_with_a_packet(ns, observe, option, message, received):
    with raw6() as sender, raw6() as receiver:
        receiver.rcvtimeo = SOON
        sender.connect(("::1", 0))
        before = receiver.get(option)
        sender.send_message(b"without", message)
        without_it = control_headers(receiver)
        receiver.set(option, True)
        sender.send_message(b"with", message)
        [came] = receiver.recv_message(9).control

        found = [before, receiver.get(option)]
        assert [observe("set", found), observe("without", without_it), observe("received", repr(came))] == [
            [False, True],
            [],
            repr(received),
        ]


@claim(
    "defacto/IPV6_2292PKTINFO/delivers-raw",
    says="With IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_2292HOPOPTS or IPV6_2292DSTOPTS a raw socket over "
    "IPv6 receives a control message of that type with each packet that has it. Without it, none.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("option", "message", "received"),
    [
        (Socket.ipv6_2292pktinfo, HopLimit(7), (PKTINFO_2292, INFO)),
        (Socket.ipv6_2292hoplimit, HopLimit(7), (HOPLIMIT_2292, SEVEN)),
        (Socket.ipv6_2292hopopts, HopOptions(OPTIONS), (HOPOPTS_2292, RECEIVED_OPTIONS)),
        (Socket.ipv6_2292dstopts, DestinationOptions(OPTIONS), (DSTOPTS_2292, RECEIVED_OPTIONS)),
    ],
    ids=["info", "hop-limit", "hop-options", "destination-options"],
)
def test_older_messages_come_with_a_packet(ns, observe, option, message, received):
    with raw6() as sender, raw6() as receiver:
        receiver.rcvtimeo = SOON
        sender.connect(("::1", 0))
        sender.send_message(b"without", message)
        without_it = control_headers(receiver)
        receiver.set(option, True)
        sender.send_message(b"with", message)
        [(level, kind, data)] = receiver.recvmsg(9, 200)[1]

        found = [level, kind, data.hex()]
        assert [observe("without", without_it), observe("received", found)] == [
            [],
            [socket.IPPROTO_IPV6, received[0], received[1].hex()],
        ]


@claim(
    "defacto/IPV6_TCLASS/control-message-raw",
    says="The control messages IPV6_TCLASS and IPV6_HOPLIMIT set the traffic class and the hop limit of the "
    "packet of a raw socket over IPv6 that it is sent with, and of that one only.",
    since="2.6.14",
    commit="41a1f8ea4fbf",
    needs=NEEDS,
)
@pytest.mark.parametrize(("traffic", "hops"), [(0, 0), (4, 7), (255, 255)])
def test_a_control_message_sets_them(ns, observe, traffic, hops):
    with raw6() as sender, ipv6_packets() as seen:
        sender.ipv6_tclass = 8
        sender.ipv6_unicast_hops = 99
        sender.connect(("::1", 0))
        sender.send_message(b"with", TrafficClass(traffic), HopLimit(hops))
        sender.send(b"after")
        packets = [packet_ending(seen, end) for end in (b"with", b"after")]

        found = [[one.traffic_class, one.hop_limit] for one in packets]
        assert observe("with_and_after", found) == [[traffic, hops], [8, 99]]


@claim(
    "defacto/IPV6_CHECKSUM/in-fragments",
    says="What a raw socket over IPv6 with IPV6_CHECKSUM sends in fragments has the checksum of the whole at "
    "that offset.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, VETH],
)
@pytest.mark.parametrize("offset", [2, 1600])
def test_fragments_have_a_checksum(peers, observe, offset):
    here, there = address6(peers.left), address6(peers.right)
    with peers.right.entered():
        receiver, seen = raw6(), ipv6_packets()
    with receiver, seen, peers.left.entered(), raw6() as sender:
        receiver.rcvtimeo = seen.rcvtimeo = SOON
        sender.ipv6_checksum = offset
        sender.sendto(bytes(1999) + b"!", (there, 0))
        fragment = packet_ending(seen, b"!").next_header == socket.IPPROTO_FRAGMENT
        whole = receiver.recv(3000)
        source, destination = (socket.inet_pton(socket.AF_INET6, one) for one in (here, there))
        header = pseudo_header(source, destination, len(whole), protocol=EXPERIMENT)

        found = [fragment, whole[offset : offset + 2] != bytes(2), hex(internet_sum(header + whole))]
        assert observe("fragment_filled_sum", found) == [True, True, "0xffff"]
