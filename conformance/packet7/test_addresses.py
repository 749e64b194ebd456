"""struct sockaddr_ll: where a packet came in, how, and from whom."""

from __future__ import annotations

from socket import (
    PACKET_BROADCAST,
    PACKET_HOST,
    PACKET_MULTICAST,
    PACKET_OTHERHOST,
    PACKET_OUTGOING,
    SOCK_DGRAM,
    SOCK_RAW,
)

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.setups.filters import ALL, NONE, program
from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER, waiting_frames
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.packet_sockets import (
    ANOTHER,
    ETH_P_ALL,
    LOOPBACK,
    SENDER,
    SOMEBODY,
    TO_ALL,
    TO_GROUP,
    frame,
    hardware_address,
    name_of,
    packet_socket,
    sending_socket,
)
from libsocket import Packet, Socket
from netns import Capability

NEEDS = (Capability.NET_RAW, VETH)
TYPES = pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM], ids=["raw", "dgram"])
ETHERNET, LOOPBACK_TYPE = 1, 772
"""ARPHRD_ETHER and ARPHRD_LOOPBACK."""
CLOSED = {"no-op: close(*": "what was received does not change later"}
FILTERED = {"no-op: setsockopt(*SO_ATTACH_FILTER*": "it keeps out what a host sends of its own accord"}
OF_EXPERIMENT = program(("ld proto",), ("jeq #k", EXPERIMENTAL, 0, 1), ALL, NONE)
ETH_P_802_3, ETH_P_802_2 = 1, 4
LLC = bytes([0xFE, 0xFE, 0x03])
"""The header of an OSI network protocol, which this host does not have."""
LAST = b"last"
DESTINATIONS = pytest.mark.parametrize(
    ("destination", "kind"),
    [
        (hardware_address, PACKET_HOST),
        (lambda _: TO_ALL, PACKET_BROADCAST),
        (lambda _: TO_GROUP, PACKET_MULTICAST),
        (lambda _: SOMEBODY, PACKET_OTHERHOST),
    ],
    ids=["host", "broadcast", "multicast", "otherhost"],
)


def before_the_last(sock: Socket) -> list[str]:
    """The last four bytes of the frames that come, as text, up to one that says LAST."""

    def content() -> str:
        return sock.recv(100)[-len(LAST) :].decode()

    return list(iter(content, LAST.decode()))


@claim(
    "packet.7/sockaddr_ll/pkttype",
    sentence=(
        *("packet.7/sockaddr_ll/pkttype-host", "packet.7/sockaddr_ll/pkttype-broadcast"),
        *("packet.7/sockaddr_ll/pkttype-multicast", "packet.7/sockaddr_ll/pkttype-otherhost"),
        *("packet.7/sockaddr_ll/set-on-received", "if_packet.h/sll_pkttype/host"),
        *("if_packet.h/sll_pkttype/broadcast", "if_packet.h/sll_pkttype/multicast"),
        "if_packet.h/sll_pkttype/otherhost",
    ),
    section="Address types",
    says="sll_pkttype of a frame that comes by a wire to a packet socket, of SOCK_RAW or SOCK_DGRAM, is "
    "PACKET_HOST where it is for the interface's own address, PACKET_BROADCAST where it is for all, "
    "PACKET_MULTICAST where it is for a group, and PACKET_OTHERHOST where it is for another address.",
    needs=NEEDS,
    survives=CLOSED,
)
@DESTINATIONS
@TYPES
def test_the_packet_type_tells_whom_it_is_for(peers, observe, type_, destination, kind):
    with packet_socket(peers.right, type_) as receiver, sending_socket(peers.left) as sender:
        sender.sendto(frame(b"x", to=destination(peers.right)), Packet(index_of(peers.left)))

        data, (_, _, pkttype, *_) = receiver.recvfrom(100)
        assert observe("data_and_pkttype", [data[-1:].decode(), pkttype]) == ["x", kind]


@claim(
    "packet.7/sockaddr_ll/outgoing",
    sentence=("packet.7/sockaddr_ll/pkttype-outgoing", "if_packet.h/sll_pkttype/outgoing"),
    section="Address types",
    says="sll_pkttype of a frame that this host sends by a wire is PACKET_OUTGOING to a packet socket with "
    "the protocol ETH_P_ALL, of SOCK_RAW or SOCK_DGRAM, whomever it is for.",
    needs=NEEDS,
    survives={**FILTERED, **CLOSED},
)
@DESTINATIONS
@TYPES
def test_what_is_sent_is_outgoing(peers, observe, type_, destination, kind):
    with packet_socket(peers.left, type_, ETH_P_ALL) as seen, packet_socket(peers.right) as receiver:
        seen.attach_filter = OF_EXPERIMENT
        waiting_frames(seen)  # what came before the filter
        with sending_socket(peers.left) as sender:
            sender.sendto(frame(b"x", to=destination(peers.right)), Packet(index_of(peers.left)))
        received = [sock.recvfrom(100) for sock in (seen, receiver)]

        kinds = [[data[-1:].decode(), address[2]] for data, address in received]
        assert observe("here_and_there", kinds) == [["x", PACKET_OUTGOING], ["x", kind]]


@claim(
    "packet.7/sockaddr_ll/hatype",
    sentence=("packet.7/sockaddr_ll/hatype", "packet.7/sockaddr_ll/set-on-received"),
    section="Address types",
    says="sll_hatype of what is received on a packet socket of SOCK_RAW is ARPHRD_LOOPBACK from loopback, "
    "and ARPHRD_ETHER from a wire of Ethernet; getsockname(2) of a socket that is bound there gives the "
    "same.",
    needs=NEEDS,
    survives=CLOSED,
)
def test_the_hardware_type_is_that_of_the_interface(peers, observe):
    with packet_socket(peers.right) as receiver, sending_socket(peers.right) as looped:
        looped.sendto(frame(b"x", to=bytes(6)), Packet(LOOPBACK))
        received = [receiver.recvfrom(100)[1][3]]
        with sending_socket(peers.left) as sender:
            sender.sendto(frame(b"x"), Packet(index_of(peers.left)))
        received.append(receiver.recvfrom(100)[1][3])
        receiver.bind(Packet(LOOPBACK, EXPERIMENTAL))
        bound = [name_of(receiver).hatype]
        receiver.bind(Packet(index_of(peers.right), EXPERIMENTAL))
        bound.append(name_of(receiver).hatype)

        assert observe("received_and_bound", [received, bound]) == [
            [LOOPBACK_TYPE, ETHERNET],
            [LOOPBACK_TYPE, ETHERNET],
        ]


@claim(
    "packet.7/sockaddr_ll/addr",
    sentence=("packet.7/sockaddr_ll/addr", "packet.7/sockaddr_ll/structure"),
    section="Address types",
    says="sll_addr and sll_halen of what comes by a wire to a packet socket, of SOCK_RAW or SOCK_DGRAM, are "
    "the six bytes from which the Ethernet frame comes; getsockname(2) gives those of the interface.",
    needs=NEEDS,
)
@TYPES
def test_the_address_is_that_of_the_sender(peers, observe, type_):
    with packet_socket(peers.right, type_) as receiver, sending_socket(peers.left) as sender:
        receiver.bind(Packet(index_of(peers.right), EXPERIMENTAL))
        sender.sendto(frame(b"x"), Packet(index_of(peers.left)))
        data, (*_, source) = receiver.recvfrom(100)

        assert [
            observe("data_and_source", [data[-1:].decode(), source.hex(":")]),
            name_of(receiver).address,
        ] == [["x", SENDER.hex(":")], hardware_address(peers.right)]


@claim(
    "packet.7/sockaddr_ll/protocol-received",
    sentence="packet.7/sockaddr_ll/protocol",
    section="Address types",
    says="sll_protocol of what is received on a packet socket with the protocol ETH_P_ALL, of SOCK_RAW or "
    "SOCK_DGRAM, is the Ethernet type of the frame, in network byte order, where it has one and no tag.",
    needs=NEEDS,
    survives=FILTERED,
)
@TYPES
def test_the_protocol_is_that_of_the_frame(peers, observe, type_):
    with packet_socket(peers.right, type_, ETH_P_ALL) as receiver, sending_socket(peers.left) as sender:
        receiver.attach_filter = program(("ld proto",), ("jeq #k", ANOTHER, 0, 1), ALL, NONE)
        waiting_frames(receiver)  # what came before the filter
        sender.sendto(frame(b"x", protocol=ANOTHER), Packet(index_of(peers.left)))

        data, (_, protocol, *_) = receiver.recvfrom(100)
        assert observe("data_and_protocol", [data[-1:].decode(), hex(protocol)]) == ["x", "0x88b6"]


@claim(
    "defacto/sockaddr_ll/unbound",
    says="getsockname(2) of a packet socket of SOCK_RAW or SOCK_DGRAM that is not bound gives its protocol, "
    "the interface 0, and a link-layer address of no bytes.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives={"*": "a default by definition"},
)
@TYPES
def test_an_unbound_socket_has_a_protocol(ns, observe, type_):
    with Socket.packet(type_, EXPERIMENTAL) as sock:
        ifindex, *numbers, address = name_of(sock)

        assert observe("ifindex_numbers_address", [ifindex, numbers, address.hex()]) == [
            0,
            [EXPERIMENTAL, 0, 0],
            "",
        ]


@claim(
    "packet.7/NOTES/received-802-3",
    sentence=("packet.7/NOTES/received-802-3", "packet.7/NOTES/llc", "packet.7/NOTES/bind-802-3"),
    section="NOTES",
    says="An 802.3 frame with an LLC header, and with a length instead of an Ethernet type, is received on a "
    "packet socket with the protocol ETH_P_802_2, of SOCK_RAW or SOCK_DGRAM, as that protocol and with that "
    "header; not on one with ETH_P_802_3.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("type_", "header"), [(SOCK_RAW, HEADER), (SOCK_DGRAM, 0)], ids=["raw", "dgram"])
def test_an_802_3_frame_is_an_802_2_packet(peers, observe, type_, header):
    receiver, other = (packet_socket(peers.right, type_, one) for one in (ETH_P_802_2, ETH_P_802_3))
    with receiver, other, sending_socket(peers.left) as sender:
        sender.sendto(frame(LLC + b"hello", protocol=len(LLC) + 5), Packet(index_of(peers.left)))
        data, (_, protocol, *_) = receiver.recvfrom(100)
        other.bind(Packet(0, ETH_P_802_2))
        sender.sendto(frame(LLC + b"later", protocol=len(LLC) + 5), Packet(index_of(peers.left)))
        later = other.recv(100)

    seen = [protocol, data[header:].hex(" "), later[-5:].decode()]
    assert observe("protocol_packet_and_other", seen) == [ETH_P_802_2, "fe fe 03 68 65 6c 6c 6f", "later"]


@claim(
    "packet.7/NOTES/received-raw-802-3",
    sentence=("packet.7/NOTES/received-802-3", "packet.7/NOTES/bind-802-3"),
    section="NOTES",
    says="An 802.3 frame without an LLC header, whose data begins with ff ff as that of IPX does, is "
    "received on a packet socket with the protocol ETH_P_802_2, of SOCK_RAW or SOCK_DGRAM, and not on one "
    "with ETH_P_802_3.",
    needs=NEEDS,
    expect=differs(
        "it is received as ETH_P_802_3, on a socket with that (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"by_802_2_and_802_3": [[], ["data"]]},
    ),
)
@TYPES
def test_a_raw_802_3_frame_is_an_802_2_packet(peers, observe, type_):
    receiver, other = (packet_socket(peers.right, type_, one) for one in (ETH_P_802_2, ETH_P_802_3))
    all_ = packet_socket(peers.right, protocol=ETH_P_ALL)
    with receiver, other, all_, sending_socket(peers.left) as sender:
        sender.sendto(frame(b"\xff\xffdata", protocol=6), Packet(index_of(peers.left)))
        while not all_.recv(100).endswith(b"data"):
            continue
        other.bind(Packet(0, ETH_P_802_2))
        sender.sendto(frame(LLC + LAST, protocol=len(LLC + LAST)), Packet(index_of(peers.left)))

        assert observe("by_802_2_and_802_3", [before_the_last(receiver), before_the_last(other)]) == [
            ["data"],
            [],
        ]


@claim(
    "packet.7/NOTES/sent-802-3",
    sentence=("packet.7/NOTES/eth-p-802-3", "packet.7/NOTES/llc"),
    section="NOTES",
    says="What is sent on a packet socket of SOCK_DGRAM to an address with the protocol ETH_P_802_3 has the "
    "number of its bytes in place of an Ethernet type, and no LLC header of the kernel's.",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize("size", [5, 1500])
def test_an_802_3_frame_has_a_length(peers, observe, size):
    with packet_socket(peers.right, SOCK_RAW, ETH_P_802_2) as receiver:
        with sending_socket(peers.left, SOCK_DGRAM) as sender:
            sender.sendto(LLC.ljust(size, b"x"), Packet(index_of(peers.left), ETH_P_802_3, address=SOMEBODY))
        received = receiver.recv(2000)

    seen = [int.from_bytes(received[12:HEADER], "big"), len(received) - HEADER, received[14:19].hex(" ")]
    assert observe("length_size_and_data", seen) == [size, size, "fe fe 03 78 78"]
