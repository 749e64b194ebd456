"""Ways of path MTU discovery, as the comments in include/uapi/linux/in.h and in6.h tell them."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import (
    address6,
    ipv6_packets,
    packet_ending,
    packet_sizes,
    udp6,
    udp6_across,
)
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

PROBE, INTERFACE, OMIT = 3, 4, 5
MTU, PATH_MTU = 1500, 1300
HEADERS, HEADERS6 = 28, 48
"""The sizes of an IP header and one of UDP."""
ICMPV6_TYPE = 40
"""The byte after an IPv6 header."""
PACKET_TOO_BIG = 2
ASKED = {"no-op: close(*": "the socket that asked for the path MTU is not used again"}
ON_THE_WIRE = (VETH, IPV6, Capability.NET_RAW)


def known_path_mtu(host: str) -> int:
    """What a new socket that is connected there has as its IPV6_MTU."""
    with udp6() as sock:
        sock.connect((host, 9))
        return sock.ipv6_mtu


def packet_too_big(arriving: Socket) -> None:
    """Wait until ICMPv6's message of that arrives."""
    arriving.rcvtimeo = SOON
    while arriving.recv(70_000)[ICMPV6_TYPE] != PACKET_TOO_BIG:
        pass


@claim(
    "in.h/IP_MTU_DISCOVER/omit-fragmented",
    sentence="in.h/IP_MTU_DISCOVER/omit-fragmented",
    section="IP_MTU_DISCOVER values",
    says="With IP_PMTUDISC_OMIT a UDP socket sends a packet that is a byte larger than the MTU of the "
    "interface in two, which have no don't-fragment flag; with IP_PMTUDISC_INTERFACE it refuses to.",
    needs=[VETH, Capability.NET_RAW],
)
def test_what_is_larger_is_fragmented(peers, observe):
    with peers.right.entered():
        seen = packets()
    with seen, udp_across(peers) as (sender, receiver):
        seen.rcvtimeo = SOON
        address = peers.right.address, receiver.getsockname()[1]
        sender.ip_mtu_discover = INTERFACE
        with refused():
            sender.sendto(bytes(MTU - HEADERS + 1), address)
        sender.ip_mtu_discover = OMIT
        sender.sendto(bytes(MTU - HEADERS + 1), address)
        headers = [next_header(seen) for _ in range(2)]
        size = len(receiver.recv(2 * MTU))

        shapes = [[header.length, header.whole] for header in headers]
        assert [observe("lengths_and_flags", shapes), observe("received", size)] == [
            [[MTU, False], [21, False]],
            MTU - HEADERS + 1,
        ]


@claim(
    "in6.h/IPV6_MTU_DISCOVER/omit-fragmented",
    sentence="in6.h/IPV6_MTU_DISCOVER/omit-fragmented",
    section="IPV6_MTU_DISCOVER values",
    says="With IPV6_PMTUDISC_OMIT a UDP socket sends a packet that is a byte larger than the MTU of the "
    "interface in two fragments; with IPV6_PMTUDISC_INTERFACE it refuses to.",
    needs=ON_THE_WIRE,
)
def test_what_is_larger_is_fragmented_in_ipv6(peers, observe):
    with peers.right.entered():
        seen = ipv6_packets()
    with seen, udp6_across(peers) as (sender, receiver):
        sender.ipv6_mtu_discover = INTERFACE
        with refused():
            sender.send(bytes(MTU - HEADERS6 + 1))
        sender.ipv6_mtu_discover = OMIT
        sender.send(bytes(MTU - HEADERS6 + 1))
        sizes = packet_sizes(seen)
        size = len(receiver.recv(2 * MTU))

        assert [
            observe("packets", len(sizes)),
            observe("fit", max(sizes) <= MTU),
            observe("received", size),
        ] == [
            2,
            True,
            MTU - HEADERS6 + 1,
        ]


@claim(
    "in6.h/IPV6_MTU_DISCOVER/interface-as-probe",
    sentence="in6.h/IPV6_MTU_DISCOVER/interface-as-probe",
    section="IPV6_MTU_DISCOVER values",
    says="With IPV6_PMTUDISC_INTERFACE, as with IPV6_PMTUDISC_PROBE, a UDP socket sends a packet that is "
    "larger than the path MTU that is known, and as large as the MTU of the interface, in one piece; one "
    "that is a byte larger it refuses to send.",
    needs=ON_THE_WIRE,
    survives=ASKED,
)
@pytest.mark.parametrize("setting", [PROBE, INTERFACE])
def test_the_interface_says_how_large(routed, observe, setting):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=PATH_MTU)
    with routed.router.entered():
        seen = ipv6_packets()
    with seen, udp6_across(routed) as (sender, _):
        sender.send(b"narrow".rjust(MTU - HEADERS6))
        await_error(sender)
        with refused(name="errno_told"):
            sender.send(b"")
        with routed.left.entered():
            known = known_path_mtu(address6(routed.right))
        sender.ipv6_mtu_discover = setting
        with refused():
            sender.send(bytes(MTU - HEADERS6 + 1))
        sender.send(b"whole".rjust(MTU - HEADERS6))

        size = HEADERS6 - 8 + len(packet_ending(seen, b"whole").payload)
        assert observe("known_and_sent", [known, size]) == [PATH_MTU, MTU]


@claim(
    "in6.h/IPV6_MTU_DISCOVER/interface-notifications",
    sentence="in6.h/IPV6_MTU_DISCOVER/interface-notifications",
    section="IPV6_MTU_DISCOVER values",
    says="What a router tells of a packet that was too large is ignored where a UDP socket sent it with "
    "IPV6_PMTUDISC_INTERFACE or OMIT: the path MTU stays as it was. With IPV6_PMTUDISC_PROBE it is taken.",
    expect=differs(
        "the path MTU is taken before the socket that sent is looked for, whatever it asks for",
        since="7.3",
        source="CVE-2026-99076",
        backports=("6.12.117", "7.2.11"),
        observed={"known": [PATH_MTU, PATH_MTU]},
    ),
    needs=ON_THE_WIRE,
    survives=ASKED,
)
@pytest.mark.parametrize("setting", [INTERFACE, OMIT])
def test_what_a_router_tells_is_ignored(routed, observe, setting):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=PATH_MTU)
    routed.router_right.namespace.sysctl["net.ipv6.icmp.ratelimit"] = 0
    with routed.left.entered():
        answers = ipv6_packets()
    with answers, udp6_across(routed) as (sender, _):
        known = []
        sender.ipv6_mtu_discover = setting
        sender.send(bytes(MTU - HEADERS6))
        packet_too_big(answers)
        sender.send(bytes(MTU - HEADERS6))
        packet_too_big(answers)  # it is seen before it is taken, but after the first was
        with routed.left.entered():
            known.append(known_path_mtu(address6(routed.right)))
        sender.ipv6_mtu_discover = PROBE
        sender.send(bytes(MTU - HEADERS6))
        await_error(sender)
        with routed.left.entered():
            known.append(known_path_mtu(address6(routed.right)))

        assert observe("known", known) == [MTU, PATH_MTU]
