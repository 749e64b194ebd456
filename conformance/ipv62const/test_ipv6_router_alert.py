"""IPV6_ROUTER_ALERT: packets that a router is to look at."""

from __future__ import annotations

import os

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import raw6, tcp6, udp6, udp6_across
from conformance.plugin.timing import SOON
from libsocket import HopOptions
from netns import Capability, Namespace

IPPROTO_RAW = 255
ROUTER_ALERT, PADDING = 5, 1
RARE = 1000 + os.getpid() % 60_000
"""A value of alerts that no other test has, nor another process that runs this one: it would take theirs."""


ISOLATED = {"no-op: setsockopt(*IPV6_ROUTER_ALERT_ISOLATE*": "it matters while other tests run beside it"}
"""For the claims that are tried with an :func:`alerted` socket."""


def alerted():
    """A raw socket that can take router alerts, of its own network namespace only: others run tests too."""
    sock = raw6(IPPROTO_RAW)
    sock.rcvtimeo = SOON
    sock.ipv6_router_alert_isolate = True
    return sock


def alert(value):
    """Hop-by-hop options of a router alert."""
    return bytes([0, 0, ROUTER_ALERT, 2, *value.to_bytes(2, "big"), PADDING, 0])


@claim(
    "IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/passes",
    sentence=(
        "IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/passes",
        "IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/not-forwarded",
        "IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/value",
        "IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/delivered",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="A raw socket of IPPROTO_RAW on a router receives packets to others with a router alert of the "
    "value that IPV6_ROUTER_ALERT is set to, and they are not forwarded. Those of another value are.",
    needs=[IPV6, VETH, Capability.NET_RAW],
    survives=ISOLATED,
)
@pytest.mark.parametrize("value", [1, 7, 65_534])
def test_packets_with_the_alert_are_passed(routed, observe, value):
    with udp6_across(routed) as (sender, receiver), routed.router.entered(), alerted() as sock:
        receiver.ipv6_recvhopopts = True
        sock.ipv6_router_alert = value
        sender.ipv6_hopopts = alert(value + 1)
        sender.send(b"other")
        sender.ipv6_hopopts = alert(value)
        sender.send(b"taken")
        sender.ipv6_hopopts = b""
        sender.send(b"end")
        forwarded = [receiver.recv_message(9), receiver.recv_message(9)]
        alerts = [bytes(message.find(HopOptions) or b"")[4:6].hex() for message in forwarded]

        assert [
            observe("forwarded", [message.data.decode() for message in forwarded]),
            observe("alerts", alerts),
            observe("taken", sock.recv(100)[-5:].decode()),
        ] == [["other", "end"], [f"{value + 1:04x}", ""], "taken"]


@claim(
    "IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/negative",
    sentence="IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/negative",
    section="DESCRIPTION",
    says="Set to a negative number, IPV6_ROUTER_ALERT ends that: the packets are forwarded again.",
    needs=[IPV6, VETH, Capability.NET_RAW],
    survives=ISOLATED,
)
@pytest.mark.parametrize("negative", [-1, -7])
def test_a_negative_number_ends_it(routed, observe, negative):
    with udp6_across(routed) as (sender, receiver), routed.router.entered(), alerted() as sock:
        sock.ipv6_router_alert = 7
        sender.ipv6_hopopts = alert(7)
        sender.send(b"taken")
        taken = sock.recv(100)[-5:].decode()
        sock.ipv6_router_alert = negative
        sender.send(b"again")

        assert [observe("taken", taken), observe("forwarded", receiver.recv(9).decode())] == [
            "taken",
            "again",
        ]


@claim(
    "IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/raw-only",
    sentence="IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/raw-only",
    section="DESCRIPTION",
    says="IPV6_ROUTER_ALERT cannot be set on a TCP or UDP socket, as it can on a raw one of IPPROTO_RAW.",
    needs=[IPV6, Capability.NET_RAW],
    survives=ISOLATED,
)
def test_it_is_of_raw_sockets(ns):
    with udp6() as datagrams, tcp6() as stream, alerted() as sock:
        with refused(name="errno_udp"):
            datagrams.ipv6_router_alert = 1
        with refused(name="errno_tcp"):
            stream.ipv6_router_alert = 1
        sock.ipv6_router_alert = 1
        with refused(name="errno_again"):
            sock.ipv6_router_alert = 1


@claim(
    "IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/raw",
    sentence="IPV6_ROUTER_ALERT.2const/IPV6_ROUTER_ALERT/raw-only",
    section="DESCRIPTION",
    says="IPV6_ROUTER_ALERT can be set on a raw socket of any protocol.",
    needs=[IPV6, Capability.NET_RAW],
    expect=differs(
        "on one of IPPROTO_RAW only (older than the history in git, which began with EINVAL)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENOPROTOOPT"},
    ),
)
def test_it_is_of_every_raw_socket(ns):
    with raw6() as sock:
        sock.ipv6_router_alert = 1


@claim(
    "defacto/IPV6_ROUTER_ALERT_ISOLATE/other-namespaces",
    says="A raw socket with IPV6_ROUTER_ALERT takes packets with that router alert of every network "
    "namespace; with IPV6_ROUTER_ALERT_ISOLATE it takes none of another one, where they are forwarded.",
    since="5.1",
    commit="9036b2fe092a",
    needs=[IPV6, VETH, Capability.NET_RAW],
)
def test_alerts_of_other_namespaces_are_left_alone(routed, observe):
    with udp6_across(routed) as (sender, receiver), Namespace(), raw6(IPPROTO_RAW) as sock:
        sock.rcvtimeo = SOON
        sock.ipv6_router_alert = RARE
        sender.ipv6_hopopts = alert(RARE)
        sender.send(b"taken")
        taken = sock.recv(100)[-5:].decode()
        sock.ipv6_router_alert_isolate = True
        sender.send(b"passed")

        seen = [observe("taken", taken), observe("forwarded", receiver.recv(9).decode())]
        assert seen == ["taken", "passed"]
