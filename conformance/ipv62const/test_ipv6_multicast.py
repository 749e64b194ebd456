"""IPV6_ADD_MEMBERSHIP, IPV6_MULTICAST_IF and IPV6_MULTICAST_LOOP: groups."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import LOOPBACK, address6, index_of, raw6, tcp6, udp6
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import Ipv6Mreq
from netns import Capability

GROUP, PORT = "ff05::1234", 4321


@pytest.fixture
def hearing(peers):
    """A sender to the group on the left, and receivers at its port on the left and on the right."""
    with peers.left.entered():
        sender, left = udp6(), udp6()
    with peers.right.entered():
        right = udp6()
    with sender, left, right:
        for receiver in (left, right):
            receiver.rcvtimeo = SOON
            receiver.bind(("::", PORT))
        yield sender, left, right


@contextmanager
def member(host):
    """A receiver at the port of a host that joined the group there."""
    with host.entered():
        receiver = udp6()
    with receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", PORT))
        receiver.ipv6_join_group = Ipv6Mreq(GROUP, index_of(host))
        yield receiver


@claim(
    "IPV6_ADD_MEMBERSHIP.2const/IPV6_ADD_MEMBERSHIP/joins",
    sentence=(
        "IPV6_ADD_MEMBERSHIP.2const/IPV6_ADD_MEMBERSHIP/joins",
        "IPV6_ADD_MEMBERSHIP.2const/IPV6_ADD_MEMBERSHIP/leaves",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="A UDP socket receives what another host sends to a group once it has joined with "
    "IPV6_ADD_MEMBERSHIP, whose newer name is IPV6_JOIN_GROUP, and no longer once it has left with "
    "IPV6_DROP_MEMBERSHIP, now IPV6_LEAVE_GROUP.",
    needs=[IPV6, VETH],
)
def test_a_group_is_joined_and_left(peers, hearing, observe):
    sender, left, right = hearing
    left.ipv6_join_group = Ipv6Mreq(GROUP, index_of(peers.left))
    mine = Ipv6Mreq(GROUP, index_of(peers.right))
    sender.sendto(b"before", (GROUP, PORT))
    sender.sendto(b"not yet", (address6(peers.right), PORT))
    heard = received_until("not yet", right)
    right.ipv6_join_group = mine
    sender.sendto(b"joined", (GROUP, PORT))
    heard += received_until("joined", right)
    right.ipv6_leave_group = mine
    sender.sendto(b"after", (GROUP, PORT))
    sender.sendto(b"end", (GROUP, PORT))
    sender.sendto(b"no more", (address6(peers.right), PORT))
    heard += received_until("no more", right)

    assert [observe("sent", received_until("end", left)), observe("heard", heard)] == [
        ["before", "joined", "after", "end"],
        ["not yet", "joined", "no more"],
    ]


@claim(
    "IPV6_MULTICAST_IF.2const/IPV6_MULTICAST_IF/device",
    sentence=(
        "IPV6_MULTICAST_IF.2const/IPV6_MULTICAST_IF/device",
        "IPV6_MULTICAST_IF.2const/IPV6_MULTICAST_IF/index",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="What a UDP socket sends to a group leaves by the interface whose index IPV6_MULTICAST_IF is set "
    "to.",
    needs=[IPV6, VETH],
)
def test_packets_leave_by_the_interface(routed, observe):
    with routed.router.entered():
        sender = udp6()
    with sender, member(routed.left) as left, member(routed.right) as right:
        sender.ipv6_multicast_if = index_of(routed.router_right)
        sender.sendto(b"to the right", (GROUP, PORT))
        sender.ipv6_multicast_if = index_of(routed.router)
        sender.sendto(b"to the left", (GROUP, PORT))
        sender.sendto(b"end", (address6(routed.left), PORT))
        sender.sendto(b"end", (address6(routed.right), PORT))

        assert observe("received", [received_until("end", left), received_until("end", right)]) == [
            ["to the left", "end"],
            ["to the right", "end"],
        ]


@claim(
    "IPV6_MULTICAST_IF.2const/IPV6_MULTICAST_IF/datagrams-only",
    sentence="IPV6_MULTICAST_IF.2const/IPV6_MULTICAST_IF/datagrams-only",
    section="DESCRIPTION",
    says="IPV6_MULTICAST_IF cannot be set on a TCP socket, as it can on a UDP socket or a raw one.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [udp6, raw6], ids=["udp", "raw"])
def test_it_is_of_datagrams(ns, observe, make):
    with tcp6() as stream, make() as sock:
        with refused():
            stream.ipv6_multicast_if = LOOPBACK
        sock.ipv6_multicast_if = LOOPBACK

        assert observe("interface", sock.ipv6_multicast_if) == LOOPBACK


@claim(
    "IPV6_MULTICAST_LOOP.2const/IPV6_MULTICAST_LOOP/own",
    sentence=(
        "IPV6_MULTICAST_LOOP.2const/IPV6_MULTICAST_LOOP/own",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="A UDP socket that joined a group receives what it sends there, as it does at first, unless "
    "IPV6_MULTICAST_LOOP is 0. Others receive it either way.",
    needs=[IPV6, VETH],
)
def test_it_hears_itself_or_not(peers, hearing, observe):
    _, left, right = hearing
    left.ipv6_join_group = Ipv6Mreq(GROUP, index_of(peers.left))
    right.ipv6_join_group = Ipv6Mreq(GROUP, index_of(peers.right))
    left.sendto(b"first", (GROUP, PORT))
    left.ipv6_multicast_loop = False
    left.sendto(b"unheard", (GROUP, PORT))
    left.ipv6_multicast_loop = True
    left.sendto(b"end", (GROUP, PORT))

    assert observe("received", [received_until("end", left), received_until("end", right)]) == [
        ["first", "end"],
        ["first", "unheard", "end"],
    ]
