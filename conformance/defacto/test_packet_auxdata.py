"""What PACKET_AUXDATA tells of a packet where packet(7) is silent: checksums, segments, and tags."""

from __future__ import annotations

import errno
import socket
from socket import SOCK_DGRAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.filters import program
from conformance.plugin.setups.packet_senders import remove_link
from conformance.plugin.setups.packet_sockets import (
    ETH_P_ALL,
    LOOPBACK,
    frame,
    name_of,
    packet_socket,
)
from conformance.plugin.setups.packets import ETH_P_IP
from conformance.plugin.setups.states import connected
from libsocket import Auxdata, Packet, PacketStatus, Socket
from netns import Capability

NEEDS = (Capability.NET_RAW,)
EXPERIMENTAL, VLAN = 0x88B5, 0x8100
TAGGED = frame(b"\0\7" + EXPERIMENTAL.to_bytes(2, "big") + b"hello", protocol=VLAN)
"""A frame of VLAN 7."""
TAGGED_ONLY = program(("ld proto",), ("jeq #k", VLAN, 0, 1), ("ret #k", 0xFFFF), ("ret #k", 0))
FILTERED = {"no-op: setsockopt(*SO_ATTACH_FILTER*": "it keeps out what a host sends of its own accord"}
NAMES = {"no-op: ioctl(SIOCGIF*": "the name of the interface is not what is told"}
LATER = {"no-op: close(*": "what was seen does not change later"}
VALID = PacketStatus.VLAN_VALID | PacketStatus.VLAN_TPID_VALID


def auxdata(sock: Socket) -> Auxdata:
    """What comes with the next packet."""
    (found,) = [one for one in sock.recv_message(70_000).control if isinstance(one, Auxdata)]
    return found


@claim(
    "defacto/PACKET_AUXDATA/checksum-not-ready",
    says="tp_status of a UDP datagram that comes by loopback to a packet socket of SOCK_DGRAM has "
    "TP_STATUS_CSUMNOTREADY, as its checksum is left to an adapter; that of a frame of a packet socket has "
    "not.",
    since="2.6.21",
    commit="8dc419447415",
    needs=NEEDS,
    survives={**LATER, **NAMES},
)
def test_a_checksum_is_left(ns, observe):
    with packet_socket(None, SOCK_DGRAM, ETH_P_IP) as seen, packet_socket() as other:
        seen.packet_auxdata = other.packet_auxdata = True
        with Socket.udp() as sender, packet_socket(protocol=0) as raw:
            sender.sendto(b"hello", ("127.0.0.1", 9))
            raw.sendto(frame(b"hello"), Packet(LOOPBACK, EXPERIMENTAL))
        found = [auxdata(one).status & PacketStatus.CSUMNOTREADY for one in (seen, other)]

        assert observe("udp_and_raw", [int(one) for one in found]) == [int(PacketStatus.CSUMNOTREADY), 0]


@claim(
    "defacto/PACKET_AUXDATA/segments",
    says="With an MTU of 1500 tp_status of a packet by loopback that has several segments of a TCP "
    "connection in one has TP_STATUS_GSO_TCP, and that of a packet with one segment has not.",
    since="6.3",
    commit="8e08bb75b60f",
    needs=NEEDS,
    survives=NAMES,
)
@pytest.mark.parametrize(("size", "flag"), [(100, 0), (10_000, 256)], ids=["one", "several"])
def test_segments_are_told(ns, observe, size, flag):
    ns.set_link("lo", mtu=1500)
    with connected("tcp") as (sock, _), packet_socket(None, SOCK_DGRAM, ETH_P_IP) as seen:
        seen.packet_auxdata = True
        sock.send(bytes(size))

        assert observe("flag", int(auxdata(seen).status & PacketStatus.GSO_TCP)) == flag


@claim(
    "defacto/PACKET_AUXDATA/tag-of-dgram",
    says="With PACKET_AUXDATA a packet socket of SOCK_DGRAM with the protocol ETH_P_ALL is told the 802.1Q "
    "tag of a frame that its host sends with the tag in it, and sll_protocol is the Ethernet type behind the "
    "tag.",
    since="6.11",
    commit="79eecf631c14",
    needs=[*NEEDS, VETH],
    survives={**FILTERED, **NAMES},
)
def test_a_tag_is_told_of_what_is_sent(ns, observe):
    ns.add_veth("left", "right")
    ns.set_link("right", up=True)
    ns.set_link("left", up=True)
    with packet_socket(None, SOCK_DGRAM, 0) as seen, packet_socket(protocol=0) as sender:
        seen.packet_auxdata = True
        seen.attach_filter = TAGGED_ONLY
        index = socket.if_nametoindex("left")
        seen.bind(Packet(index, ETH_P_ALL))
        sender.sendto(TAGGED, Packet(index, VLAN))
        message = seen.recv_message(100)
        (told,) = [one for one in message.control if isinstance(one, Auxdata)]

        found = [told.status & VALID, told.vlan_tci, told.vlan_tpid, message.address.protocol]
        assert observe("status_tci_tpid_protocol", [int(one) for one in found]) == [
            int(VALID),
            7,
            VLAN,
            EXPERIMENTAL,
        ]


@claim(
    "defacto/PACKET_AUXDATA/tag-of-removed",
    says="Where the interface is removed before a packet socket of SOCK_DGRAM receives a frame with an "
    "802.1Q tag in it, PACKET_AUXDATA tells no tag.",
    since="6.11",
    commit="79eecf631c14",
    needs=[*NEEDS, VETH],
    survives={**FILTERED, **LATER},
)
def test_no_tag_is_told_of_a_removed_interface(ns, observe):
    ns.add_veth("left", "right")
    ns.set_link("right", up=True)
    ns.set_link("left", up=True)
    with packet_socket(None, SOCK_DGRAM, 0) as seen, packet_socket(protocol=0) as sender:
        seen.packet_auxdata = True
        seen.attach_filter = TAGGED_ONLY
        index = socket.if_nametoindex("left")
        seen.bind(Packet(index, ETH_P_ALL))
        sender.sendto(TAGGED, Packet(index, VLAN))
        remove_link("left")
        error = seen.error
        told = auxdata(seen)

        found = [error, name_of(seen).ifindex, int(told.status & VALID), told.vlan_tci, told.vlan_tpid]
        assert observe("error_interface_status_tag", found) == [errno.ENETDOWN, -1, 0, 0, 0]
