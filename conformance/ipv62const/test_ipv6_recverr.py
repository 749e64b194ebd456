"""IPV6_RECVERR: errors that come later."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.ipv6 import (
    address6,
    ipv6_packets,
    packet_ending,
    queued_error,
    udp6,
    udp6_across,
)
from conformance.plugin.setups.readiness import await_error
from libsocket import ExtendedError, Inet6
from netns import Capability

HEADERS = 48
ICMPV6 = 58
LOCAL, ICMP6 = 1, 3
"""Where an error comes from."""
UNREACHABLE, TOO_BIG, TIME_EXCEEDED = 1, 2, 3
"""Types of ICMPv6 messages."""


def fields(error: ExtendedError) -> list[object]:
    """What an error says of itself."""
    return [errno_name(error.errno), int(error.origin), error.type, error.code, error.info]


@claim(
    "IPV6_RECVERR.2const/IPV6_RECVERR/received",
    sentence=(
        "IPV6_RECVERR.2const/IPV6_RECVERR/errors-received",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="With IPV6_RECVERR the error queue of a UDP socket that is not connected gets the errors of what "
    "it sends: what was sent, where to, and the ICMPv6 message with its sender. Without it, it gets none.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_errors_are_queued(ns, observe):
    with ipv6_packets() as seen, udp6() as sock:
        sock.sendto(b"without", ("::1", 9))
        packet_ending(seen, b"without")
        answered = packet_ending(seen, b"without").next_header
        without = sock.recv_error()
        sock.ipv6_recverr = True
        sock.sendto(b"with", ("::1", 9))
        await_error(sock)
        error = queued_error(sock)

        assert [
            observe("answered_and_without", [answered, without]),
            observe("error", fields(error)),
            observe("sent", [error.payload.decode(), error.address, error.offender]),
        ] == [
            [ICMPV6, None],
            ["ECONNREFUSED", ICMP6, UNREACHABLE, 4, 0],
            ["with", Inet6("::1", 9), Inet6("::1", 0)],
        ]


@claim(
    "IPV6_RECVERR.2const/IPV6_RECVERR/router",
    sentence="IPV6_RECVERR.2const/IPV6_RECVERR/errors-received",
    section="DESCRIPTION",
    says="With IPV6_RECVERR a UDP socket receives the error of a router, with the router's address: that "
    "the hop limit was used up (EHOSTUNREACH).",
    needs=[IPV6, VETH],
)
def test_a_router_reports_an_error(routed, observe):
    with udp6_across(routed) as (sender, _):
        sender.ipv6_recverr = True
        sender.ipv6_unicast_hops = 1
        sender.send(b"hello")
        await_error(sender)
        error = queued_error(sender)

        assert [observe("error", fields(error)), observe("offender", error.offender)] == [
            ["EHOSTUNREACH", ICMP6, TIME_EXCEEDED, 0, 0],
            Inet6(address6(routed.router), 0),
        ]


@claim(
    "IPV6_RECVERR.2const/IPV6_RECVERR/mtu",
    sentence="IPV6_RECVERR.2const/IPV6_RECVERR/errors-received",
    section="DESCRIPTION",
    says="With IPV6_RECVERR a UDP socket receives the error of a router that cannot forward what is a byte "
    "larger than the next MTU, with that MTU (EMSGSIZE).",
    needs=[IPV6, VETH],
)
def test_a_router_reports_the_mtu(routed, observe):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1300)
    with udp6_across(routed) as (sender, receiver):
        sender.ipv6_recverr = True
        sender.send(bytes(1300 - HEADERS))
        fitting = len(receiver.recv(2000))
        sender.send(bytes(1301 - HEADERS))
        await_error(sender)

        assert [observe("fitting", fitting), observe("error", fields(queued_error(sender)))] == [
            1300 - HEADERS,
            ["EMSGSIZE", ICMP6, TOO_BIG, 0, 1300],
        ]


@claim(
    "IPV6_RECVERR.2const/IPV6_RECVERR/local",
    sentence="IPV6_RECVERR.2const/IPV6_RECVERR/errors-received",
    section="DESCRIPTION",
    says="With IPV6_RECVERR a UDP socket with IPV6_PMTUDISC_DO receives an error of its own host, with the "
    "MTU of the interface, when it sends a byte more than that (EMSGSIZE).",
    needs=[IPV6, VETH],
)
def test_the_host_reports_the_mtu(peers, observe):
    with udp6_across(peers) as (sender, receiver):
        sender.ipv6_recverr = True
        sender.ipv6_mtu_discover = 2
        sender.send(bytes(1500 - HEADERS))
        with refused(errno.EMSGSIZE):
            sender.send(bytes(1501 - HEADERS))
        received = len(receiver.recv(2000))

        assert [observe("received", received), observe("error", fields(queued_error(sender)))] == [
            1500 - HEADERS,
            ["EMSGSIZE", LOCAL, 0, 0, 1500],
        ]
