"""IPV6_UNICAST_HOPS and IPV6_MULTICAST_HOPS: how far packets go."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.setups.ipv6 import (
    address6,
    ipv6_packets,
    packet_ending,
    queued_error,
    udp6,
    udp6_across,
    udp6_pair,
)
from conformance.plugin.setups.readiness import await_error
from netns import Capability

GROUP, PORT = "ff05::1234", 4321
HOP_LIMIT = "net.ipv6.conf.lo.hop_limit"


@claim(
    "IPV6_UNICAST_HOPS.2const/IPV6_UNICAST_HOPS/packets",
    sentence=(
        "IPV6_UNICAST_HOPS.2const/IPV6_UNICAST_HOPS/hops",
        "IPV6_UNICAST_HOPS.2const/IPV6_UNICAST_HOPS/range",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="The packets to a unicast address that a UDP socket sends have the hop limit that it is set to, "
    "0 too.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("hops", [0, 1, 33, 255])
def test_packets_have_the_hop_limit(ns, observe, hops):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.ipv6_unicast_hops = hops
        sender.send(b"hello")

        assert observe("hop_limit", packet_ending(seen, b"hello").hop_limit) == hops


@claim(
    "IPV6_UNICAST_HOPS.2const/IPV6_UNICAST_HOPS/stops",
    sentence="IPV6_UNICAST_HOPS.2const/IPV6_UNICAST_HOPS/hops",
    section="DESCRIPTION",
    says="A packet of a UDP socket passes a router if its hop limit is 2, and does not if it is 1.",
    needs=[IPV6, VETH],
)
def test_a_router_counts_the_hops(routed, observe):
    with udp6_across(routed) as (sender, receiver):
        sender.ipv6_recverr = True
        sender.ipv6_unicast_hops = 1
        sender.send(b"lost")
        await_error(sender)
        error = queued_error(sender)
        sender.ipv6_unicast_hops = 2
        sender.send(b"arrives")

        assert [
            observe("lost", errno.errorcode[error.errno]),
            observe("arrived", receiver.recv(9).decode()),
        ] == ["EHOSTUNREACH", "arrives"]


@claim(
    "IPV6_UNICAST_HOPS.2const/IPV6_UNICAST_HOPS/route-default",
    sentence=(
        "IPV6_UNICAST_HOPS.2const/IPV6_UNICAST_HOPS/route-default",
        "ip-sysctl/hop_limit/default-limit",
    ),
    section="DESCRIPTION",
    says="The packets of a UDP socket whose option is -1, as it is on a new one, have the hop limit of the "
    "interface that the route leads to, where the route carries none itself. It reads as that too, once the "
    "socket is connected.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_minus_one_is_the_default_of_the_route(ns, observe):
    ns.sysctl[HOP_LIMIT] = 99
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.send(b"new")
        sender.ipv6_unicast_hops = 7
        sender.send(b"set")
        sender.ipv6_unicast_hops = -1
        sender.send(b"again")
        limits = [packet_ending(seen, end).hop_limit for end in (b"new", b"set", b"again")]

        assert observe("sent_and_read", [*limits, sender.ipv6_unicast_hops]) == [99, 7, 99, 99]


@claim(
    "IPV6_MULTICAST_HOPS.2const/IPV6_MULTICAST_HOPS/packets",
    sentence=(
        "IPV6_MULTICAST_HOPS.2const/IPV6_MULTICAST_HOPS/hops",
        "IPV6_MULTICAST_HOPS.2const/IPV6_MULTICAST_HOPS/range",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="The packets to a group that a UDP socket sends have the hop limit that it is set to, and those to "
    "a unicast address have not.",
    needs=[IPV6, VETH, Capability.NET_RAW],
)
@pytest.mark.parametrize("hops", [2, 33, 255])
def test_multicast_packets_have_the_hop_limit(peers, observe, hops):
    with peers.left.entered(), udp6() as sender, peers.right.entered(), ipv6_packets() as seen:
        sender.ipv6_multicast_hops = hops
        sender.ipv6_unicast_hops = 77
        sender.sendto(b"to the group", (GROUP, PORT))
        sender.sendto(b"to one", (address6(peers.right), PORT))
        limits = [packet_ending(seen, b"group").hop_limit, packet_ending(seen, b"one").hop_limit]

        assert observe("hop_limits", limits) == [hops, 77]


@claim(
    "IPV6_MULTICAST_HOPS.2const/IPV6_MULTICAST_HOPS/minus-one",
    sentence="IPV6_MULTICAST_HOPS.2const/IPV6_MULTICAST_HOPS/route-default",
    section="DESCRIPTION",
    says="With -1 the packets to a group that a UDP socket sends have the hop limit that those of a new "
    "socket have by a route which carries none: 1.",
    needs=[IPV6, VETH, Capability.NET_RAW],
)
def test_minus_one_is_the_default_of_multicast(peers, observe):
    with peers.left.entered(), udp6() as sender, peers.right.entered(), ipv6_packets() as seen:
        sender.sendto(b"first", (GROUP, PORT))
        sender.ipv6_multicast_hops = 7
        sender.sendto(b"second", (GROUP, PORT))
        sender.ipv6_multicast_hops = -1
        sender.sendto(b"third", (GROUP, PORT))
        limits = [packet_ending(seen, end).hop_limit for end in (b"first", b"second", b"third")]

        assert observe("hop_limits", limits) == [1, 7, 1]
