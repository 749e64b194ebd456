"""Addresses with a meaning of their own, and those that have none any more."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import LINK_DOWN, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.timing import SOON
from libsocket import InPktinfo, IpMreqn, Socket
from netns import Peers

LOOPBACK = 1
"""The index of lo in every network namespace."""


def exchanged_with(address: str, hosts: Peers) -> list[str]:
    """What the right host receives at an address of its own, and the answer that comes from there."""
    hosts.right.namespace.add_address(hosts.right.device, f"{address}/32")
    hosts.left.namespace.add_route(f"{address}/32", dev=hosts.left.device)
    with hosts.left.entered():
        left = Socket.udp()
    with hosts.right.entered():
        right = Socket.udp()
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        right.bind((address, 0))
        left.sendto(b"hello", right.getsockname())
        received, source = right.recvfrom(9)
        right.sendto(b"answer", source)
        answer, source = left.recvfrom(9)
        return [received.decode(), answer.decode(), source[0]]


@claim(
    "ip.7/special/loopback",
    sentence=("ip.7/special/loopback", "in.h/INADDR_LOOPBACK/host"),
    section="Special and reserved addresses",
    says="A UDP datagram to 127.0.0.1 comes to this host by the loopback device, whatever default route "
    "there is.",
    needs=[VETH],
)
def test_it_comes_by_the_loopback_device(peers, observe):
    peers.left.namespace.add_route("0.0.0.0/0", via=peers.right.address, dev=peers.left.device)
    with peers.left.entered(), Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.ip_pktinfo = True
        receiver.bind(("0.0.0.0", 0))
        sender.sendto(b"hello", ("127.0.0.1", receiver.getsockname()[1]))
        [info] = control_messages(receiver, InPktinfo)

        assert observe("interface_and_destination", [info.ifindex, info.addr]) == [LOOPBACK, "127.0.0.1"]


@claim(
    "ip.7/special/loopback-down",
    sentence="ip.7/special/loopback",
    section="Special and reserved addresses",
    says="127.0.0.1 is this host by the loopback device even while that is down, whatever default route "
    "there is: a UDP socket that connects there has that address itself, and none of another device.",
    needs=[VETH, LINK_DOWN],
)
def test_it_is_this_host_while_the_device_is_down(peers, observe):
    peers.left.namespace.add_route("0.0.0.0/0", via=peers.right.address, dev=peers.left.device)
    peers.left.namespace.set_link("lo", up=False)
    with peers.left.entered(), Socket.udp() as sock, Socket.udp() as other:
        sock.connect(("127.0.0.1", 9))
        other.connect(("192.0.2.1", 9))

        assert observe("sources", [sock.getsockname()[0], other.getsockname()[0]]) == [
            "127.0.0.1",
            peers.left.address,
        ]


@claim(
    "ip.7/special/highest-takes-the-flag",
    sentence=("ip.7/special/highest", "ip.7/special/highest-assigned", "ip.7/special/highest-flag"),
    section="Special and reserved addresses",
    says="The highest-numbered address of a network on an Ethernet link is a broadcast address: a UDP socket "
    "sends there with SO_BROADCAST only, even to a host that was given that address. The one below is not.",
    needs=[VETH],
)
def test_the_highest_address_is_for_broadcast(peers, observe):
    right = peers.right.namespace
    right.add_address(peers.right.device, "10.0.1.254/24")
    right.add_address(peers.right.device, "10.0.1.255/24")
    with udp_across(peers) as (sender, receiver):
        port = receiver.getsockname()[1]
        sender.sendto(b"below", ("10.0.1.254", port))
        received = [receiver.recv(9).decode()]
        with refused(errno.EACCES):
            sender.sendto(b"without", ("10.0.1.255", port))
        sender.broadcast = True
        sender.sendto(b"with", ("10.0.1.255", port))
        received.append(receiver.recv(9).decode())

        assigned = right.addresses(peers.right.device)[1:3]

        assert [observe("assigned", assigned), observe("received", received)] == [
            ["10.0.1.254/24", "10.0.1.255/24"],
            ["below", "with"],
        ]


@claim(
    "ip.7/special/lowest-is-unicast",
    sentence="ip.7/special/lowest",
    section="Special and reserved addresses",
    says="The lowest-numbered address of a network is a unicast address: a host can have it, and a UDP "
    "socket without SO_BROADCAST sends there.",
    since="5.14",
    needs=[VETH],
)
def test_the_lowest_address_is_a_hosts(peers, observe):
    peers.right.namespace.add_address(peers.right.device, "10.0.1.0/24")
    with udp_across(peers) as (sender, receiver):
        sender.connect(("10.0.1.0", receiver.getsockname()[1]))
        sender.send(b"hello")

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "ip.7/special/lowest-is-broadcast",
    sentence=("ip.7/special/lowest", "ip.7/special/lowest-reserved"),
    section="Special and reserved addresses",
    says="The lowest-numbered address of a network is a broadcast address: a UDP socket sends there with "
    "SO_BROADCAST only.",
    until="5.14",
    needs=[VETH],
)
def test_the_lowest_address_is_for_broadcast(peers, observe):
    with udp_across(peers) as (sender, receiver):
        port = receiver.getsockname()[1]
        with refused(errno.EACCES):
            sender.sendto(b"without", ("10.0.1.0", port))
        sender.broadcast = True
        sender.sendto(b"with", ("10.0.1.0", port))

        assert observe("received", receiver.recv(9).decode()) == "with"


@claim(
    "ip.7/special/zero-network-is-unicast",
    sentence="ip.7/special/zero-unicast",
    section="Special and reserved addresses",
    says="The addresses from 0.0.0.1 to 0.255.255.255 are unicast addresses: a host that has one receives "
    "what another sends there, and answers from it.",
    since="5.3",
    needs=[VETH],
)
@pytest.mark.parametrize("address", ["0.0.0.1", "0.255.255.255"])
def test_a_host_has_an_address_of_network_0(peers, observe, address):
    assert observe("exchanged", exchanged_with(address, peers)) == ["hello", "answer", address]


@claim(
    "ip.7/special/240-is-unicast",
    sentence="ip.7/special/240-unicast",
    section="Special and reserved addresses",
    says="The addresses from 240.0.0.0 to 255.255.255.254 are unicast addresses: a host that has one "
    "receives what another sends there, and answers from it.",
    since="2.6.25",
    needs=[VETH],
)
@pytest.mark.parametrize("address", ["240.0.0.0", "255.255.255.254"])
def test_a_host_has_an_address_above_the_groups(peers, observe, address):
    assert observe("exchanged", exchanged_with(address, peers)) == ["hello", "answer", address]


@claim(
    "ip.7/special/loopback-range",
    sentence="ip.7/special/127-loopback",
    section="Special and reserved addresses",
    says="All addresses from 127.0.0.1 to 127.255.255.254 are this host by the loopback device, whatever "
    "default route there is.",
    needs=[VETH],
)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "127.128.0.0", "127.255.255.254"])
def test_network_127_is_loopback(peers, observe, address):
    peers.left.namespace.add_route("0.0.0.0/0", via=peers.right.address, dev=peers.left.device)
    with peers.left.entered(), Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.ip_pktinfo = True
        receiver.bind((address, 0))
        sender.sendto(b"hello", receiver.getsockname())
        [info] = control_messages(receiver, InPktinfo)

        assert observe("interface_and_destination", [info.ifindex, info.addr]) == [LOOPBACK, address]


@claim(
    "ip.7/special/loopback-range-ends",
    sentence="ip.7/special/127-loopback",
    section="Special and reserved addresses",
    says="The addresses next to 127/8 are no loopback addresses: without a route there a UDP socket cannot "
    "connect to them. Nor is 127.255.255.255, which is for broadcast.",
)
@pytest.mark.parametrize("address", ["126.255.255.255", "128.0.0.0", "127.255.255.255"])
def test_beside_network_127_is_no_loopback(ns, observe, address):
    with Socket.udp() as sock:
        with refused():
            sock.connect((address, 9))
        sock.connect(("127.255.255.254", 9))

        assert observe("peer", sock.getpeername()[0]) == "127.255.255.254"


@claim(
    "ip.7/special/multicast-range",
    sentence="ip.7/special/multicast",
    section="Special and reserved addresses",
    says="The addresses from 224.0.0.0 to 239.255.255.255 are for multicast: a UDP socket joins these groups "
    "and no others, and receives what is sent there.",
)
@pytest.mark.parametrize(
    ("first", "outside"), [("224.0.0.0", "223.255.255.255"), ("239.255.255.255", "240.0.0.0")]
)
def test_groups_are_of_224_to_239(ns, observe, first, outside):
    ns.add_route("224.0.0.0/4", dev="lo")
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((first, 0))
        with refused():
            receiver.ip_add_membership = IpMreqn(outside, ifindex=LOOPBACK)
        receiver.ip_add_membership = IpMreqn(first, ifindex=LOOPBACK)
        sender.sendto(b"hello", receiver.getsockname())

        assert observe("received", receiver.recv(9).decode()) == "hello"
