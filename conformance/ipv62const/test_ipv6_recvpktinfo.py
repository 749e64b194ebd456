"""IPV6_RECVPKTINFO: where a datagram came in, and which address it was sent to."""

from __future__ import annotations

import sys
from socket import AF_INET6, inet_pton

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.ipv6 import (
    LOOPBACK,
    address6,
    index_of,
    raw6,
    tcp6,
    udp6,
    udp6_pair,
)
from conformance.plugin.timing import SOON
from libsocket import IPV6_RECVPKTINFO, In6Pktinfo, Ipv6Mreq
from netns import Capability

IPPROTO_IPV6, PKTINFO, SIZE = 41, 50, 20
GROUP = "ff05::1234"


@claim(
    "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/control-message",
    sentence=(
        "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/control-message",
        "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/structure",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="With IPV6_RECVPKTINFO a UDP socket receives with each datagram an IPV6_PKTINFO control message: "
    "the address that it was sent to and the index of the interface that it came by, 20 bytes. Without it, "
    "as at first, none.",
    needs=[IPV6],
)
def test_the_destination_comes_with_a_datagram(ns, observe):
    sender, receiver = udp6_pair()
    with sender, receiver:
        sender.send(b"without")
        without = control_headers(receiver)
        receiver.ipv6_recvpktinfo = True
        sender.send(b"with")
        [(level, kind, data)] = receiver.recvmsg(9, 100)[1]
        index = int.from_bytes(data[16:], sys.byteorder)
        message = [level, kind, len(data), data[:16] == inet_pton(AF_INET6, "::1"), index]

        assert [observe("without", without), observe("message", message)] == [
            [],
            [IPPROTO_IPV6, PKTINFO, SIZE, True, LOOPBACK],
        ]


@claim(
    "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/destinations",
    sentence=(
        "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/control-message",
        "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/structure",
    ),
    section="DESCRIPTION",
    says="With IPV6_RECVPKTINFO a UDP socket bound to :: tells apart which of its addresses a datagram was "
    "sent to, a group, an IPv6 address or a mapped one of IPv4, and by which interface it came.",
    needs=[IPV6, VETH],
    survives={"no-op: setsockopt(*IPV6_ADD_MEMBERSHIP*": "only what is sent to the group needs it"},
)
@pytest.mark.parametrize("kind", ["group", "six", "four"])
def test_destinations_are_told_apart(peers, observe, kind):
    address = {
        "group": GROUP,
        "six": address6(peers.right),
        "four": f"::ffff:{peers.right.address}",
    }[kind]
    index = index_of(peers.right)
    with peers.left.entered():
        sender = udp6()
    with peers.right.entered():
        receiver = udp6()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", 0))
        receiver.ipv6_recvpktinfo = True
        receiver.ipv6_join_group = Ipv6Mreq(GROUP, index)
        sender.sendto(b"hello", (address, receiver.getsockname()[1]))
        [info] = control_messages(receiver, In6Pktinfo)

        assert [observe("destination", info.addr), observe("by_the_wire", info.ifindex == index)] == [
            address,
            True,
        ]


@claim(
    "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/raw",
    sentence="IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/datagrams-only",
    section="DESCRIPTION",
    says="With IPV6_RECVPKTINFO a raw socket receives the control message, too.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_the_destination_comes_with_a_packet(ns, observe):
    with raw6() as sock:
        sock.rcvtimeo = SOON
        sock.ipv6_recvpktinfo = True
        sock.sendto(b"hello", ("::1", 0))
        [info] = control_messages(sock, In6Pktinfo)

        assert observe("destination", [info.addr, info.ifindex]) == ["::1", LOOPBACK]


@claim(
    "IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/tcp",
    sentence="IPV6_RECVPKTINFO.2const/IPV6_RECVPKTINFO/datagrams-only",
    section="DESCRIPTION",
    says="IPV6_RECVPKTINFO cannot be set on a TCP socket.",
    needs=[IPV6],
    expect=differs(
        "it can be set, and reads back",
        since="2.6.14",
        commit="333fad5364d6",
        observed={"errno": None, "on": 1},
    ),
)
def test_it_is_of_datagrams(ns, observe):
    with tcp6() as stream, refused():
        stream.set(IPV6_RECVPKTINFO, True)
        observe("on", int(stream.get(IPV6_RECVPKTINFO)))
