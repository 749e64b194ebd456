"""Sysctls of IPv6 for the headers between that of a packet and its data: options, and routes."""

from __future__ import annotations

from itertools import takewhile
from socket import (
    AF_INET6,
    IPPROTO_DSTOPTS,
    IPPROTO_HOPOPTS,
    IPPROTO_ICMPV6,
    IPPROTO_ROUTING,
    IPPROTO_UDP,
    inet_pton,
)
from typing import Any, Final, NamedTuple

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MOBILE_IPV6, VETH
from conformance.plugin.setups.ipv6 import address6, ipv6_packets, packet_ending, raw6, udp6, udp6_pair
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import IPV6_DSTOPTS, IPV6_HOPOPTS, Socket
from netns import Capability, Peers
from reports.model import Expectation

CLOSED: Final = {"no-op: close(*": "what was received does not change later"}
NEEDS: Final = (IPV6, Capability.NET_RAW)
ACCEPT = "net.ipv6.conf.{}.accept_source_route"
SECTION = "/proc/sys/net/ipv6/* Variables"


class Kind(NamedTuple):
    """One of the two headers of options."""

    protocol: int
    number: str
    """The sysctl that is for how many options it has."""
    length: str


KINDS: Final = {
    "destination": Kind(IPPROTO_DSTOPTS, "net.ipv6.max_dst_opts_number", "net.ipv6.max_dst_opts_length"),
    "hop-by-hop": Kind(IPPROTO_HOPOPTS, "net.ipv6.max_hbh_opts_number", "net.ipv6.max_hbh_length"),
}
SET: Final = {IPPROTO_DSTOPTS: IPV6_DSTOPTS, IPPROTO_HOPOPTS: IPV6_HOPOPTS}
"""What sets the header of a protocol."""
OF_EACH = pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
UNKNOWN: Final = bytes([0x1E, 1, 0])
"""An option that nobody knows and all pass over, RFC 4727."""
ALERT: Final = bytes([5, 2, 0, 0])
"""A router alert, for routers that look for messages of MLD."""
LONGEST: Final = (*[bytes([0x1E, 255, *bytes(255)])] * 7, bytes([0x1E, 237, *bytes(237)]))
"""Eight options that fill the longest header that a socket takes."""


def header(*options: bytes) -> bytes:
    """A header of options, padded to eights of bytes."""
    octets = bytes(2) + b"".join(options)
    short = -len(octets) % 8
    padding = bytes([1, short - 2]).ljust(short, b"\0") if short > 1 else bytes(short)
    return bytes([0, (len(octets) + short) // 8 - 1]) + (octets + padding)[2:]


def sent_and_received(kind: Kind, *headers: bytes) -> list[list[Any]]:
    """Datagrams that have these headers, each of which carries its number, and a last one without.

    Whether each comes as it should, and what a UDP socket receives.
    """
    texts = *(b"number %d" % number for number in range(len(headers))), b"last"
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        came: list[int | None] = []
        for text, one in zip(texts, (*headers, b""), strict=True):
            sender.set(SET[kind.protocol], one)
            sender.send(text)
            packet = packet_ending(seen, text)
            begin = bytes([IPPROTO_UDP]) + one[1:] if one else packet.payload
            came.append(packet.next_header if packet.payload.startswith(begin) else None)
        return [came, received_until("last", receiver)]


def of_the_initial_namespace(received: list[Any]) -> list[Expectation]:
    """What a kernel does up to 5.13: a namespace has its own number, but the initial one's counts."""
    return [
        differs(
            "in another network namespace than the initial one it changes nothing",
            since=since,
            until=until,
            commit="47d3d7ac656a",
            observed={"received": received},
        )
        for since, until in [("4.15", "5.10.50"), ("5.11", "5.12.17"), ("5.13", "5.13.2")]
    ]


@claim(
    "ip-sysctl/max_opts_number/most",
    sentence="ip-sysctl/max_opts_number/most",
    section=SECTION,
    says="A UDP socket over IPv6 receives a datagram whose destination or hop-by-hop header has as many "
    "options as max_dst_opts_number or max_hbh_opts_number, 3, padded or not, and not one with more.",
    needs=NEEDS,
    survives=CLOSED,
    expect=of_the_initial_namespace(["number 0", "number 1", "number 2", "last"]),
)
@OF_EACH
def test_a_header_has_at_most_so_many_options(ns, observe, kind):
    ns.sysctl[kind.number] = 3
    padded = [bytes([1, 0]), UNKNOWN]
    came, received = sent_and_received(
        kind, header(*[UNKNOWN] * 3), header(*padded * 3), header(*[UNKNOWN] * 4)
    )

    assert [observe("came", came), observe("received", received)] == [
        [*[kind.protocol] * 3, IPPROTO_UDP],
        ["number 0", "number 1", "last"],
    ]


@claim(
    "ip-sysctl/max_opts_number/negative",
    sentence="ip-sysctl/max_opts_number/negative",
    section=SECTION,
    says="With max_hbh_opts_number -2 a UDP socket over IPv6 receives a datagram whose hop-by-hop header has "
    "two router alerts, which are known, and not one with three, nor one with an unknown option; with 2 it "
    "receives that too.",
    needs=NEEDS,
    survives=CLOSED,
    expect=of_the_initial_namespace(["number 0", "number 1", "number 2", "last"]),
)
@pytest.mark.parametrize(
    ("most", "received"), [(-2, ["number 0", "last"]), (2, ["number 0", "number 2", "last"])]
)
def test_unknown_hop_options_are_not_allowed(ns, observe, most, received):
    kind = KINDS["hop-by-hop"]
    ns.sysctl[kind.number] = most
    came, taken = sent_and_received(kind, header(*[ALERT] * 2), header(*[ALERT] * 3), header(UNKNOWN))

    assert [observe("came", came), observe("received", taken)] == [
        [*[kind.protocol] * 3, IPPROTO_UDP],
        received,
    ]


@claim(
    "ip-sysctl/max_opts_number/negative-destination",
    sentence="ip-sysctl/max_opts_number/negative",
    section=SECTION,
    says="With max_dst_opts_number -2 a UDP socket over IPv6 receives a datagram whose destination header "
    "has padding alone, and not one with an unknown option; with 2 it receives that too.",
    needs=NEEDS,
    survives={
        **CLOSED,
        r"no-op: setsockopt(*IPV6_DSTOPTS, *\36\1*": "with 2 both headers are taken, whatever is in them",
    },
    expect=of_the_initial_namespace([["number 0", "number 1", "last"]] * 2),
)
def test_unknown_destination_options_are_not_allowed(ns, observe):
    kind = KINDS["destination"]
    ns.sysctl[kind.number] = -2
    came, unknown = sent_and_received(kind, header(), header(UNKNOWN))
    ns.sysctl[kind.number] = 2
    again, known = sent_and_received(kind, header(), header(UNKNOWN))

    assert [observe("came", came), again == came, observe("received", [unknown, known])] == [
        [kind.protocol, kind.protocol, IPPROTO_UDP],
        True,
        [["number 0", "last"], ["number 0", "number 1", "last"]],
    ]


@claim(
    "ip-sysctl/max_opts_number/default",
    sentence="ip-sysctl/max_opts_number/default",
    section=SECTION,
    says="In a new network namespace a UDP socket over IPv6 receives a datagram whose destination or "
    "hop-by-hop header has 8 options, and not one with 9.",
    needs=NEEDS,
    survives=CLOSED,
)
@OF_EACH
def test_a_header_has_8_options_at_first(ns, observe, kind):
    came, received = sent_and_received(kind, header(*[UNKNOWN] * 8), header(*[UNKNOWN] * 9))

    assert [observe("came", came), observe("received", received)] == [
        [*[kind.protocol] * 2, IPPROTO_UDP],
        ["number 0", "last"],
    ]


@claim(
    "ip-sysctl/max_opts_length/most",
    sentence="ip-sysctl/max_opts_length/most",
    section=SECTION,
    says="A UDP socket over IPv6 receives a datagram whose destination or hop-by-hop header is as long as "
    "max_dst_opts_length or max_hbh_length, 16 bytes, and not one whose header is longer.",
    needs=NEEDS,
    survives=CLOSED,
)
@OF_EACH
@pytest.mark.parametrize(("most", "received"), [(15, ["last"]), (16, ["number 0", "last"])])
def test_a_header_is_at_most_so_long(ns, observe, kind, most, received):
    ns.sysctl[kind.length] = most
    came, taken = sent_and_received(kind, header(bytes([0x1E, 12, *bytes(12)])), header(*[UNKNOWN] * 7))

    assert [observe("came", came), observe("received", taken)] == [
        [*[kind.protocol] * 2, IPPROTO_UDP],
        received,
    ]


@claim(
    "ip-sysctl/max_opts_length/default",
    sentence="ip-sysctl/max_opts_length/default",
    section=SECTION,
    says="In a new network namespace a UDP socket over IPv6 receives a datagram whose destination or "
    "hop-by-hop header is as long as a socket's can be, 2040 bytes.",
    needs=NEEDS,
    survives=CLOSED,
)
@OF_EACH
def test_a_header_is_of_any_length_at_first(ns, observe, kind):
    whole = header(*LONGEST)
    came, received = sent_and_received(kind, whole)

    assert [len(whole), observe("came", came), observe("received", received)] == [
        2040,
        [kind.protocol, IPPROTO_UDP],
        ["number 0", "last"],
    ]


PARAMETER_PROBLEM, UNREACHABLE = 4, 1
ROUTING_TYPE = 8 + 40 + 2
"""Where the type of a routing header is in the ICMPv6 message about it."""


def route(type_: int, host: str) -> bytes:
    """A routing header by which a packet is to go on to a host, and data of a protocol that nobody has."""
    return bytes([253, 2, type_, 1, *bytes(4)]) + inet_pton(AF_INET6, host)


def unknown_routes(hosts: Peers) -> list[int]:
    """The types of routing headers, of 0 and 2, of which the right tells the left that it knows them not."""
    hosts.right.namespace.sysctl["net.ipv6.icmp.ratelimit"] = 0
    host = address6(hosts.right)
    with hosts.left.entered():
        errors, sender, after = Socket.raw(IPPROTO_ICMPV6, AF_INET6), raw6(IPPROTO_ROUTING), udp6()
    with errors, sender, after:
        errors.rcvtimeo = SOON
        sender.sendto(route(0, host), (host, 0))
        sender.sendto(route(2, host), (host, 0))
        after.sendto(b"last", (host, 9))
        messages = takewhile(lambda one: one[0] != UNREACHABLE, iter(lambda: errors.recv(200), None))
        return [one[ROUTING_TYPE] for one in messages if one[0] == PARAMETER_PROBLEM]


@claim(
    "ip-sysctl/ipv6-accept_source_route/type-2",
    sentence="ip-sysctl/ipv6-accept_source_route/type-2",
    section="/proc/sys/net/ipv6/conf/*",
    says="With net.ipv6's accept_source_route 0 or 1 a host answers a packet that is to go on by a routing "
    "header of type 0 with ICMPv6, that it does not know it, and not one by a header of type 2.",
    needs=[*NEEDS, VETH, MOBILE_IPV6],
    survives=CLOSED,
)
@pytest.mark.parametrize("value", [0, 1])
def test_only_routes_of_type_2_are_known(peers, observe, value):
    peers.right.namespace.sysctl.update(
        {ACCEPT.format("all"): value, ACCEPT.format(peers.right.device): value}
    )

    assert observe("unknown", unknown_routes(peers)) == [0]


@claim(
    "ip-sysctl/ipv6-accept_source_route/none",
    sentence="ip-sysctl/ipv6-accept_source_route/none",
    section="/proc/sys/net/ipv6/conf/*",
    says="With net.ipv6's accept_source_route -1, of the interface or of conf/all, a host answers a packet "
    "that is to go on by a routing header of type 0 or 2 with ICMPv6, that it does not know it.",
    needs=[*NEEDS, VETH, MOBILE_IPV6],
    survives=CLOSED,
)
@pytest.mark.parametrize(("everywhere", "here"), [(-1, 0), (0, -1)])
def test_no_routes_are_known(peers, observe, everywhere, here):
    peers.right.namespace.sysctl.update(
        {ACCEPT.format("all"): everywhere, ACCEPT.format(peers.right.device): here}
    )

    assert observe("unknown", unknown_routes(peers)) == [0, 2]


@claim(
    "ip-sysctl/ipv6-accept_source_route/default",
    sentence="ip-sysctl/ipv6-accept_source_route/default",
    section="/proc/sys/net/ipv6/conf/*",
    says="In a new network namespace a host answers a packet that is to go on by a routing header of type 0 "
    "over IPv6 with ICMPv6, that it does not know it, and not one by a header of type 2.",
    needs=[*NEEDS, VETH, MOBILE_IPV6],
    survives=CLOSED,
)
def test_routes_of_type_2_are_known_at_first(peers, observe):
    assert observe("unknown", unknown_routes(peers)) == [0]
