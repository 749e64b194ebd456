"""The extensions of classic BPF programs: what they load of a packet that is not in it."""

from __future__ import annotations

import socket
import sys
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.setups.filters import NONE, Step, accumulated, program
from conformance.plugin.setups.frames import EXPERIMENTAL, frames, send_frame
from conformance.plugin.setups.ipv6 import ETH_P_IPV6, index_of
from conformance.plugin.setups.packets import ETH_P_IP
from conformance.plugin.setups.pairs import udp_across, udp_pair
from conformance.plugin.setups.processors import on_one_processor
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers

SECTION: Final = "BPF engine and instruction set"
UDP_HEADER: Final = 8
LOOPBACK: Final = 1
"""Its index."""
SIZE: Final = 300
ON_THE_WIRE: Final = (Capability.NET_RAW, VETH)


def accumulated_by_udp(sender: Socket, receiver: Socket, *steps: Step) -> int:
    """What A has after these instructions for a UDP datagram, up to its size: so many bytes are received."""
    receiver.rcvtimeo = SOON
    receiver.attach_filter = program(*steps, ("add #k", UDP_HEADER), ("ret a",))
    sender.send(bytes(SIZE))
    return len(receiver.recv(SIZE))


def accumulated_by_loopback(*steps: Step, host: str = "127.0.0.1") -> int:
    """The same for one that goes by loopback."""
    sender, receiver = udp_pair(host)
    with sender, receiver:
        return accumulated_by_udp(sender, receiver, *steps)


def accumulated_across(hosts: Peers, *steps: Step, to: str | None = None) -> int:
    """The same for one that comes by a wire, to the right host or to all."""
    with udp_across(hosts) as (sender, receiver):
        if to:
            sender.broadcast = True
        sender.connect((to or hosts.right.address, receiver.getsockname()[1]))
        return accumulated_by_udp(sender, receiver, *steps)


def accumulated_of_frame(hosts: Peers, *steps: Step, vlan: int | None = None) -> int:
    """The same for a frame that comes by a wire."""
    ours = program(("ldh [k]", 12), ("jeq #k", EXPERIMENTAL, 1, 0), NONE, *steps, ("ret a",))
    with hosts.right.entered(), frames(ours) as arriving, hosts.left.entered():
        send_frame(hosts.left, bytes(SIZE), vlan=vlan)
        return len(arriving.recv(2 * SIZE))


@claim(
    "filter/extensions/len",
    sentence="filter/extensions/len",
    section=SECTION,
    says="The extension len loads the length of a UNIX datagram.",
)
@pytest.mark.parametrize("steps", [[("ld len",)], [("ldx len",), ("txa",)]], ids=["a", "x"])
def test_len(observe, steps):
    assert observe("10_less", accumulated(*steps, ("sub #k", 10), data=bytes(77))) == 67


@claim(
    "filter/extensions/proto",
    sentence=("filter/extensions/proto", "filter/extensions/negative"),
    section=SECTION,
    says="The extension proto loads the Ethernet type of what carries a UDP datagram, that of IPv4 or IPv6.",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("host", "proto"), [("127.0.0.1", ETH_P_IP), ("::1", ETH_P_IPV6)], ids=["ip", "ipv6"]
)
def test_proto(ns, observe, host, proto):
    less = accumulated_by_loopback(("ld proto",), ("sub #k", proto - 10), host=host)

    assert observe("proto", proto - 10 + less) == proto


@claim(
    "filter/extensions/type",
    sentence="filter/extensions/type",
    section=SECTION,
    says="The extension type loads 0 for a UDP datagram over IPv4 to this host, and 1 for one to all: "
    "PACKET_HOST and PACKET_BROADCAST.",
    needs=[VETH],
)
@pytest.mark.parametrize(
    ("to", "type_"),
    [(None, socket.PACKET_HOST), ("10.0.1.255", socket.PACKET_BROADCAST)],
    ids=["host", "all"],
)
def test_type(peers, observe, to, type_):
    assert observe("1_more", accumulated_across(peers, ("ld type",), ("add #k", 1), to=to)) == type_ + 1


@claim(
    "filter/extensions/poff",
    sentence="filter/extensions/poff",
    section=SECTION,
    says="The extension poff loads the offset of what a UDP datagram carries over IPv4 or IPv6: a packet "
    "socket of SOCK_DGRAM whose program returns that receives the headers.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("host", "protocol", "offset"), [("127.0.0.1", ETH_P_IP, 28), ("::1", ETH_P_IPV6, 48)], ids=["ip", "ipv6"]
)
def test_poff(ns, observe, host, protocol, offset):
    sender, receiver = udp_pair(host)
    with sender, receiver, Socket.packet(socket.SOCK_DGRAM, protocol) as seen:
        seen.rcvtimeo = SOON
        seen.attach_filter = program(("ld poff",), ("ret a",))
        sender.send(bytes(SIZE))

        assert observe("offset", len(seen.recv(2 * SIZE))) == offset


@claim(
    "filter/extensions/ifidx",
    sentence=("filter/extensions/ifidx", "filter/examples/interface"),
    section=SECTION,
    says="The extension ifidx loads the index of the interface by which a UDP datagram over IPv4 comes, "
    "loopback or a wire.",
    needs=[VETH],
)
def test_ifidx(peers, observe):
    with peers.right.entered():
        of_loopback = accumulated_by_loopback(*ten_if_interface(LOOPBACK))
    of_wire = accumulated_across(peers, *ten_if_interface(index_of(peers.right)))

    assert observe("10_if_right", [of_loopback, of_wire]) == [10, 10]


def ten_if_interface(index: int) -> list[Step]:
    return [("ld ifidx",), ("sub #k", index), ("add #k", 10)]


@claim(
    "filter/extensions/hatype",
    sentence="filter/extensions/hatype",
    section=SECTION,
    says="The extension hatype loads 772 for a UDP datagram over IPv4 that comes by loopback, and 1 for one "
    "that comes by Ethernet: ARPHRD_LOOPBACK and ARPHRD_ETHER.",
    needs=[VETH],
)
def test_hatype(peers, observe):
    with peers.right.entered():
        of_loopback = accumulated_by_loopback(("ld hatype",), ("sub #k", 700))

    assert observe("types", [700 + of_loopback, accumulated_across(peers, ("ld hatype",))]) == [772, 1]


@claim(
    "filter/extensions/mark",
    sentence="filter/extensions/mark",
    section=SECTION,
    says="The extension mark loads the mark of a UDP datagram that comes by loopback: the sender's SO_MARK.",
    needs=[Capability.NET_ADMIN],
)
@pytest.mark.parametrize("mark", [7, 42])
def test_mark(ns, observe, mark):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.mark = mark

        assert observe("mark", accumulated_by_udp(sender, receiver, ("ld mark",))) == mark


@claim(
    "filter/extensions/cpu",
    sentence="filter/extensions/cpu",
    section=SECTION,
    says="The extension cpu loads the number of the processor on which a UDP datagram comes by loopback.",
)
def test_cpu(ns, observe):
    with on_one_processor() as processor:
        number = accumulated_by_loopback(("ld cpu",), ("add #k", 1)) - 1

    assert observe("same", number == processor) is True


@claim(
    "filter/extensions/rand",
    sentence="filter/extensions/rand",
    section=SECTION,
    says="The extension rand loads another number for each UNIX datagram: the lowest 7 bits are not alike "
    "for 20.",
    survives={"no-op: setsockopt(*SO_ATTACH_FILTER*": "a datagram that is not cut has another length too"},
)
def test_rand(observe):
    numbers = {accumulated(("ld rand",), ("and #k", 127), ("add #k", 1)) for _ in range(20)}

    assert observe("differ", len(numbers) > 1) is True


NUMBERS: Final = (12, 1, 8, 3, 0, 0, 12, 2, 8, 3, 0, 0, 8, 2, 0, 0)
ATTRIBUTES: Final = b"".join(number.to_bytes(2, sys.byteorder) for number in NUMBERS)
"""One of type 1 and one of type 2 that have one of type 3 within, and another of type 2."""


@claim(
    "filter/extensions/nla",
    sentence=("filter/extensions/nla", "filter/extensions/nlan"),
    section=SECTION,
    says="The extension nla loads the offset of the first netlink attribute of the type X that is at the "
    "offset A or after it in a UNIX datagram, and nlan that of one within the attribute at the offset A.",
)
@pytest.mark.parametrize(
    ("extension", "type_", "start", "offset"),
    [("ld nla", 2, 0, 12), ("ld nla", 2, 24, 24), ("ld nlan", 3, 0, 4), ("ld nlan", 3, 12, 16)],
    ids=["nla", "nla-further-on", "nlan", "nlan-further-on"],
)
def test_attributes(observe, extension, type_, start, offset):
    steps = [("ldx #k", type_), ("ld #k", start), (extension,)]

    assert observe("offset", accumulated(*steps, data=ATTRIBUTES)) == offset


@claim(
    "filter/extensions/vlan",
    sentence=(
        "filter/extensions/vlan_tci",
        "filter/extensions/vlan_avail",
        "filter/extensions/vlan_tpid",
        "filter/examples/vlan",
    ),
    section=SECTION,
    says="Of a frame with the tag of VLAN 10, that comes by a wire, vlan_tci loads 10, vlan_avail 1 and "
    "vlan_tpid 0x8100; and vlan_avail 0 of one without.",
    needs=ON_THE_WIRE,
    survives={"no-op: close*": "what was sent before arrives"},
)
def test_vlan(peers, observe):
    seen = [
        accumulated_of_frame(peers, ("ld vlan_tci",), vlan=10),
        accumulated_of_frame(peers, ("ld vlan_avail",), vlan=10),
        accumulated_of_frame(peers, ("ld vlan_tpid",), ("sub #k", 0x8000), vlan=10) + 0x8000,
        accumulated_of_frame(peers, ("ld vlan_avail",), ("add #k", 20)),
    ]

    assert observe("tci_avail_tpid_and_without", seen) == [10, 1, 0x8100, 20]
