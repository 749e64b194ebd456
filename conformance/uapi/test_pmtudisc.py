"""Ways of path MTU discovery, as the comments in include/uapi/linux/in.h and in6.h tell them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.icmp import SENT_AND_CLOSED, report_too_large
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
from netns import Capability, Peers

DONT, PROBE, INTERFACE, OMIT = 0, 3, 4, 5
MTU, PATH_MTU = 1500, 1300
HEADERS, HEADERS6 = 28, 48
"""The sizes of an IP header and one of UDP."""
ICMPV6_TYPE = 40
"""The byte after an IPv6 header."""
PACKET_TOO_BIG = 2
TAKEN_FIRST = "the path MTU is taken before the socket that sent is looked for, whatever it asks for"
ASKED = {"no-op: close(*": "the socket that asked for the path MTU is not used again"}
ON_THE_WIRE_4 = (VETH, Capability.NET_RAW)
ON_THE_WIRE = (VETH, IPV6, Capability.NET_RAW)


def known_path_mtu_4(hosts: Peers) -> int:
    """What a new socket on the left that is connected to the right has as its IP_MTU."""
    with hosts.left.entered(), Socket.udp() as sock:
        sock.connect((hosts.right.address, 9))
        return sock.ip_mtu


@contextmanager
def connected_and_told(hosts: Peers) -> Iterator[tuple[Socket, Callable[[], None]]]:
    """A UDP socket on the left, connected to the right, and what lets the right tell it of a path MTU.

    The call returns when the message was taken in: one is seen before it is, but after the one before was.
    """
    with hosts.left.entered():
        seen, sender = Socket.raw(socket.IPPROTO_ICMP), Socket.udp()
    with seen, sender:
        seen.rcvtimeo = SOON
        sender.connect((hosts.right.address, 9))

        def too_large() -> None:
            for _ in range(2):
                with hosts.right.entered():
                    report_too_large(sender, PATH_MTU)
                seen.recv(70_000)

        yield sender, too_large


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
    "in.h/IP_MTU_DISCOVER/interface-notifications",
    sentence="in.h/IP_MTU_DISCOVER/interface-notifications",
    section="IP_MTU_DISCOVER values",
    says="The path MTU that an ICMP message tells a connected UDP socket over IPv4 is ignored with "
    "IP_PMTUDISC_INTERFACE or OMIT: it stays as it was. With IP_PMTUDISC_PROBE it is taken.",
    expect=differs(
        TAKEN_FIRST,
        since="7.3",
        commit="4c3499f79f8c",
        backports=("6.1.191", "6.12.117", "7.2.11"),
        observed={"known": [PATH_MTU, PATH_MTU]},
    ),
    needs=ON_THE_WIRE_4,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize("setting", [INTERFACE, OMIT])
def test_a_path_mtu_that_is_told_is_ignored(peers, observe, setting):
    known = []
    with connected_and_told(peers) as (sender, too_large):
        sender.ip_mtu_discover = setting
        too_large()
        known.append(known_path_mtu_4(peers))
        sender.ip_mtu_discover = PROBE
        too_large()
        known.append(known_path_mtu_4(peers))

        assert observe("known", known) == [MTU, PATH_MTU]


@claim(
    "in.h/IP_MTU_DISCOVER/interface-not-told",
    sentence="in.h/IP_MTU_DISCOVER/interface-notifications",
    section="IP_MTU_DISCOVER values",
    says="With IP_PMTUDISC_INTERFACE or OMIT an ICMP message that a packet was too large is ignored by a "
    "connected UDP socket over IPv4 in all: as with IP_PMTUDISC_DONT, the socket has no error.",
    expect=differs(
        "only the path MTU is ignored: the error is the socket's, as with IP_PMTUDISC_WANT, DO and PROBE",
        since="3.13",
        commit="482fc6094afa",
        observed={"errors": ["0", "EMSGSIZE"]},
    ),
    needs=ON_THE_WIRE_4,
    survives=SENT_AND_CLOSED,
)
@pytest.mark.parametrize("setting", [INTERFACE, OMIT])
def test_what_is_told_is_no_error(peers, observe, setting):
    with connected_and_told(peers) as (sender, too_large):
        sender.ip_mtu_discover = DONT
        too_large()
        errors = [errno_name(sender.error)]
        sender.ip_mtu_discover = setting
        too_large()
        errors.append(errno_name(sender.error))

        assert observe("errors", errors) == ["0", "0"]


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
        TAKEN_FIRST,
        since="7.3",
        commit="ac76cab50e89",
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
