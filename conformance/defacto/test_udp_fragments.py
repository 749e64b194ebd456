"""UDP datagrams made by hand: in fragments that come twice or in another order, damaged, from nowhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, NEIGHBOURS, VETH
from conformance.plugin.setups.datagrams import (
    MORE_FRAGMENTS,
    Datagram,
    checked,
    ipv4_packet,
)
from conformance.plugin.setups.ipv6 import ETH_P_IPV6, Ipv6Packet, address6, ipv6_packet, syn6
from conformance.plugin.setups.packet_sockets import ETH_P_ALL, hardware_address, packet_socket
from conformance.plugin.setups.served import on, serve
from conformance.plugin.setups.wires import came, coming
from libsocket import Socket
from netns import Capability, Host, Peers

NEEDS = (VETH, Capability.NET_RAW)
EIGHTS = 2
"""How much of a datagram a fragment has, in eights of bytes."""
TEXT = b"0123456789" * 4
"""With the header of a datagram three fragments."""


@contextmanager
def receiving(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """A UDP socket of the right host, and a raw one of the left by which packets are sent as they are."""
    with hosts.left.entered():
        raw = Socket.raw(socket.IPPROTO_RAW)
    with raw, serve(hosts.right, "udp", hosts.right.address) as receiver:
        yield receiver, raw


def send_fragments(raw: Socket, whole: Datagram, hosts: Peers, order: Sequence[int]) -> None:
    """Send a datagram in fragments, in some order of their numbers."""
    octets = bytes(whole)
    pieces = [octets[at : at + 8 * EIGHTS] for at in range(0, len(octets), 8 * EIGHTS)]
    for number in order:
        packet = ipv4_packet(
            pieces[number],
            source=hosts.left.address,
            destination=hosts.right.address,
            protocol=socket.IPPROTO_UDP,
            identification=7,
            fragment=number * EIGHTS | (0 if number == len(pieces) - 1 else MORE_FRAGMENTS),
        )
        raw.sendto(packet, (hosts.right.address, 0))


def text_of(receiver: Socket) -> str:
    return receiver.recv(100).decode()


@claim(
    "defacto/UDP/fragments-in-any-order",
    says="A UDP socket over IPv4 receives a datagram that comes in three fragments once and whole, in "
    "whatever order they come, and where one that is not the last to come comes twice.",
    since="4.20",
    commit="ade446403bfb",
    needs=NEEDS,
)
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 0, 1, 2], [2, 1, 1, 0]])
def test_fragments_come_in_any_order(peers, observe, order):
    with receiving(peers) as (receiver, raw), coming(peers.right) as seen:
        address = receiver.getsockname()
        send_fragments(raw, checked((peers.left.address, 9), address, TEXT), peers, order)
        arrived = [seen.recv(100)[7] // EIGHTS for _ in order]
        raw.sendto(
            ipv4_packet(bytes(Datagram(9, address[1], b"last")), destination=address[0], protocol=17), address
        )

        found = [arrived, text_of(receiver), text_of(receiver)]
        assert observe("arrived_and_received", found) == [order, TEXT.decode(), "last"]


@claim(
    "udp.7/DESCRIPTION/checksum-of-fragments",
    sentence="udp.7/DESCRIPTION/checksums",
    section="DESCRIPTION",
    says="A datagram over IPv4 that comes in fragments is not received where its checksum, of the whole, is "
    "wrong, and is where it is right.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("wrong", "received"), [(0, [TEXT.decode(), "last"]), (1, ["last"])])
def test_the_checksum_is_of_the_whole(peers, observe, wrong, received):
    with receiving(peers) as (receiver, raw), coming(peers.right) as seen:
        address = receiver.getsockname()
        right = checked((peers.left.address, 9), address, TEXT)
        damaged = Datagram(right.source, right.destination, TEXT, right.checksum ^ wrong)
        send_fragments(raw, damaged, peers, [0, 1, 2])
        arrived = [seen.recv(100)[7] // EIGHTS for _ in range(3)]
        raw.sendto(
            ipv4_packet(bytes(Datagram(9, address[1], b"last")), destination=address[0], protocol=17), address
        )

        found = [arrived, [*iter(lambda: text_of(receiver), "last"), "last"]]
        assert observe("arrived_and_received", found) == [[0, 1, 2], received]


@claim(
    "udp.7/DESCRIPTION/checksum-made-for-fragments",
    sentence="udp.7/DESCRIPTION/checksums",
    section="DESCRIPTION",
    says="A datagram over IPv4 of more bytes than the MTU takes, which is sent in fragments, has a checksum "
    "that is right for the whole.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [1473, 4001])
def test_fragments_have_a_checksum(peers, observe, size):
    with (
        serve(peers.right, "udp", peers.right.address) as receiver,
        on(peers.left, "udp") as sender,
        coming(peers.right) as seen,
    ):
        sender.bind((peers.left.address, 0))
        sender.sendto(bytes(size - 1) + b"!", receiver.getsockname())
        first = seen.recv(2000)
        due = checked(sender.getsockname(), receiver.getsockname(), bytes(size - 1) + b"!").checksum

        found = [len(first), int.from_bytes(first[26:28], "big") == due, len(receiver.recv(5000))]
        assert observe("first_right_received", found) == [1500, True, size]


@claim(
    "defacto/UDP/own-source-by-wire",
    says="A datagram over IPv4 that comes by a wire from the receiver's own address and port is not "
    "received where accept_local is 0, one from another host is.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_a_datagram_of_its_own_is_dropped(peers, observe):
    with receiving(peers) as (receiver, raw), coming(peers.right) as seen:
        address = receiver.getsockname()
        own = ipv4_packet(
            bytes(Datagram(address[1], address[1], b"own")),
            source=address[0],
            destination=address[0],
            protocol=17,
        )
        raw.sendto(own, address)
        other = ipv4_packet(bytes(Datagram(9, address[1], b"other")), destination=address[0], protocol=17)
        raw.sendto(other, address)

        found = [came(seen, b"own").source, text_of(receiver)]
        assert observe("source_and_received", found) == [address[0], "other"]


@claim(
    "defacto/IPV6/mapped-source",
    says="A SYN over IPv6 whose source is a mapped IPv4 address is not answered, though it comes; one from "
    "an address of IPv6 is.",
    since="5.4",
    commit="6af1799aaf3f",
    needs=[*NEEDS, IPV6, NEIGHBOURS],
    survives={"no-op: close() = 0": "what has told a link address may stay open"},
)
def test_a_mapped_source_is_dropped(peers, observe):
    know(peers.right, MAPPED, peers.left)
    with (
        serve(peers.right, "tcp6", address6(peers.right)) as listener,
        packet_socket(peers.right, socket.SOCK_DGRAM, ETH_P_ALL) as passing,
        packet_socket(peers.left, socket.SOCK_DGRAM, 0) as sender,
    ):
        port = listener.getsockname()[1]
        where = (peers.left.device, ETH_P_IPV6, 0, 0, hardware_address(peers.right))
        sender.sendto(syn6(MAPPED, address6(peers.right), port), where)
        sender.sendto(syn6(address6(peers.left), address6(peers.right), port), where)
        passed = [tcp_packet(passing) for _ in range(3)]

        found = [[one.source, one.destination] for one in passed]
        here, there = address6(peers.right), address6(peers.left)
        assert observe("from_and_to", found) == [[MAPPED, here], [there, here], [here, there]]


MAPPED = "::ffff:10.0.1.1"


def know(host: Host, address: str, other: Host) -> None:
    """Have a route to an IPv6 address by the wire of a host, and the link address of who has it."""
    with host.namespace.iproute() as netlink:
        [index] = netlink.link_lookup(ifname=host.device)
        netlink.route("add", dst=f"{address}/128", oif=index, family=socket.AF_INET6)
        link = hardware_address(other).hex(":")
        netlink.neigh("replace", dst=address, lladdr=link, ifindex=index, state="permanent")


def tcp_packet(passing: Socket) -> Ipv6Packet:
    """The next packet of TCP over IPv6 that comes or goes."""
    packets = (ipv6_packet(one) for one in iter(lambda: passing.recv(2000), b"") if one[0] >> 4 == 6)
    return next(one for one in packets if one.next_header == socket.IPPROTO_TCP)
