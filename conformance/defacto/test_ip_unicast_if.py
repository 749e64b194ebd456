"""IP_UNICAST_IF: the interface that unicast packets leave by. No page describes it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import ETH_P_IP, next_header, packets
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import SO_BINDTOIFINDEX, Socket
from netns import Capability, Peers

LOOPBACK: Final = 1
NO_INTERFACE: Final = 77
PORT: Final = 4321
NO_ANSWERS: Final = {
    "no-op: bind(?sa_family=AF_PACKET*": "it keeps out what the right host answers, if it does"
}
DATAGRAMS = pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])


def index(hosts: Peers) -> int:
    """Of the left host's interface towards the right one."""
    with hosts.left.namespace.rtnetlink() as netlink:
        return netlink.index(hosts.left.device)


def prefer_loopback(hosts: Peers) -> None:
    """Route what is for the right host by loopback, where nobody takes it; the wire has a route still."""
    hosts.left.namespace.add_route(f"{hosts.right.address}/32", dev="lo")


@contextmanager
def seen_by_both(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """Packet sockets: for what comes back to the left host by loopback, and for what the right one gets."""
    with hosts.left.entered():
        back = packets()
    with hosts.right.entered():
        there = packets()
    with back, there:
        back.bind(("lo", ETH_P_IP))  # and not what the right host answers
        back.rcvtimeo = there.rcvtimeo = SOON
        yield back, there


@claim(
    "defacto/IP_UNICAST_IF/leaves-by-it",
    says="A datagram that a UDP or raw socket sends to a unicast address leaves by the interface of "
    "IP_UNICAST_IF, though there is a better route by another; with 0 by that of the better route.",
    since="3.4",
    commit="76e21053b5bf",
    needs=[VETH, Capability.NET_RAW],
)
@DATAGRAMS
def test_datagrams_leave_by_it(peers, observe, make):
    wire = index(peers)
    prefer_loopback(peers)
    with seen_by_both(peers) as (back, there), peers.left.entered(), make() as sock:
        sock.sendto(b"before", (peers.right.address, PORT))
        sock.ip_unicast_if = wire
        sock.sendto(b"with", (peers.right.address, PORT))
        sock.ip_unicast_if = 0
        sock.sendto(b"after", (peers.right.address, PORT))
        arrived = [back.recv(100)[-6:], back.recv(100)[-5:], there.recv(100)[-4:]]

        assert observe("back_and_there", [one.decode() for one in arrived]) == ["before", "after", "with"]


@claim(
    "defacto/IP_UNICAST_IF/connected",
    says="A UDP socket that connected sends by the interface that IP_UNICAST_IF had then, though there is a "
    "better route by another, and though the option is 0 since.",
    since="6.1",
    backports=("5.19.17", "6.0.3"),
    commit="0e4d354762ce",
    needs=[VETH, Capability.NET_RAW],
    survives=NO_ANSWERS,
)
def test_a_connected_socket_sends_by_it(peers, observe):
    wire = index(peers)
    prefer_loopback(peers)
    with seen_by_both(peers) as (_, there), peers.left.entered(), Socket.udp() as sock:
        sock.ip_unicast_if = wire
        sock.connect((peers.right.address, PORT))
        sock.ip_unicast_if = 0
        sock.send(b"hello")
        arrived = there.recv(100)[-5:].decode()

        assert observe("option_and_there", [sock.ip_unicast_if, arrived]) == [0, "hello"]


@claim(
    "defacto/IP_UNICAST_IF/not-of-streams",
    says="A TCP socket with IP_UNICAST_IF connects by the interface of the better route all the same.",
    since="3.4",
    commit="76e21053b5bf",
    needs=[VETH, Capability.NET_RAW],
    survives=NO_ANSWERS,
)
def test_a_stream_does_not_leave_by_it(peers, observe):
    wire = index(peers)
    prefer_loopback(peers)
    with seen_by_both(peers) as (back, _), peers.left.entered(), Socket.tcp() as client:
        client.ip_unicast_if = wire
        client.setblocking(False)
        client.connect_ex((peers.right.address, PORT))
        chosen = client.ip_unicast_if == wire

        assert observe("chosen_and_back", [chosen, next_header(back).protocol]) == [True, client.protocol]


@claim(
    "defacto/IP_UNICAST_IF/receives-by-others",
    says="A UDP socket receives what arrives by another interface than that of IP_UNICAST_IF.",
    since="3.4",
    commit="76e21053b5bf",
    needs=[VETH],
)
def test_it_receives_by_others(peers, observe):
    with udp_across(peers) as (sender, receiver):
        receiver.ip_unicast_if = LOOPBACK
        sender.sendto(b"by the wire", (peers.right.address, receiver.getsockname()[1]))
        received = receiver.recv(20).decode()

        assert observe("chosen_and_received", [receiver.ip_unicast_if, received]) == [LOOPBACK, "by the wire"]


@claim(
    "defacto/IP_UNICAST_IF/no-interface",
    says="Setting IP_UNICAST_IF of a TCP, UDP or raw socket to the index of no interface is refused with "
    "EADDRNOTAVAIL.",
    since="3.4",
    commit="76e21053b5bf",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, raw_socket], ids=["tcp", "udp", "raw"])
def test_it_must_be_there(ns, observe, make):
    with make() as sock:
        sock.ip_unicast_if = LOOPBACK
        with refused(errno.EADDRNOTAVAIL):
            sock.ip_unicast_if = NO_INTERFACE

        assert observe("kept", sock.ip_unicast_if) == LOOPBACK


@claim(
    "defacto/IP_UNICAST_IF/bound-to-an-interface",
    says="Setting IP_UNICAST_IF of a UDP socket that is bound to an interface to the same one, or to "
    "another, is refused with EINVAL, to 0 not.",
    since="3.4",
    commit="76e21053b5bf",
    needs=[VETH, Capability.NET_RAW],
)
@pytest.mark.parametrize("same", [True, False], ids=["same", "another"])
def test_it_is_not_for_bound_sockets(peers, observe, same):
    wire = index(peers)
    with peers.left.entered(), Socket.udp() as sock:
        sock.ip_unicast_if = LOOPBACK
        sock.set(SO_BINDTOIFINDEX, wire)
        with refused(errno.EINVAL):
            sock.ip_unicast_if = wire if same else LOOPBACK
        kept = sock.ip_unicast_if
        sock.ip_unicast_if = 0

        assert observe("kept_and_cleared", [kept, sock.ip_unicast_if]) == [LOOPBACK, 0]
