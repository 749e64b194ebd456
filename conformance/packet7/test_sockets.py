"""Packet sockets: who may have one, which packets it receives, and what it sends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from socket import (
    AF_INET,
    AF_PACKET,
    AF_UNSPEC,
    MSG_DONTWAIT,
    MSG_TRUNC,
    PACKET_HOST,
    PACKET_OUTGOING,
    SHUT_RD,
    SOCK_DGRAM,
    SOCK_RAW,
    SOCK_RDM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
    htons,
    if_nameindex,
)

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import NFTABLES, TUN, USER_NAMESPACE, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.datagrams import completed, ipv4_packet
from conformance.plugin.setups.filters import ALL, NONE, program
from conformance.plugin.setups.firewall import RULES_STAY, drop_all_that_arrives, drop_all_that_is_sent
from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER, ethertype, waiting_frames
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.packet_sockets import (
    ANOTHER,
    ETH_P_ALL,
    LOOPBACK,
    SENDER,
    SOMEBODY,
    TO_GROUP,
    frame,
    hardware_address,
    name_of,
    order_of_arrival,
    packet_socket,
    received_until,
    sending_socket,
)
from conformance.plugin.setups.packets import ETH_P_IP
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.processors import on_one_processor
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.tun import NAME, next_sent, tun
from conformance.plugin.timing import SOON
from libsocket import Other, Packet, Socket
from netns import (
    Capability,
    Host,
    Peers,
    effective,
    in_user_namespace,
    in_user_namespace_alone,
    only,
    without,
)

NEEDS = (Capability.NET_RAW, VETH)
IN_NETWORK_ORDER = int.from_bytes(EXPERIMENTAL.to_bytes(2, "big"), sys.byteorder)
"""The protocol as socket(2) takes it."""
SOCK_PACKET = 10
VLAN = 0x8100
TAG_7 = bytes([0, 7]) + EXPERIMENTAL.to_bytes(2, "big")
"""What is behind the type of a tagged frame: the tag, and the type of what it carries."""
TYPES = pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM], ids=["raw", "dgram"])
EVERY_TYPE = pytest.mark.parametrize(
    "type_", [SOCK_RAW, SOCK_DGRAM, SOCK_PACKET], ids=["raw", "dgram", "packet"]
)
UDP_ALONE = program(("ldb [k]", 9), ("jeq #k", 17, 0, 1), ALL, NONE)
"""Of IPv4 packets without their link-layer header."""
EXPERIMENTS = program(("ldh [k]", 12), ("jge #k", EXPERIMENTAL, 0, 1), ALL, NONE)
"""Of frames, those of the types for experiments, and not IP."""
WITHOUT_UDP = program(("ldb [k]", 9), ("jeq #k", 17, 1, 0), ALL, NONE)
"""Of IPv4 packets without their link-layer header, those that are not of UDP."""
TO_SOMEBODY = program(("ld [k]", 2), ("jeq #k", 0x99, 0, 1), ALL, NONE)
"""Of frames, those to an address that no interface has."""
FILTERED = {"no-op: setsockopt(*SO_ATTACH_FILTER*": "it keeps out what a host sends of its own accord"}
CLOSED = {"no-op: close(*": "what was received does not change later"}


def unbound(sock: Socket, host: Host, protocol: int) -> None:
    """Give a socket a protocol, on all interfaces."""
    sock.bind(Packet(0, protocol))


def bound_to_wire(sock: Socket, host: Host, protocol: int) -> None:
    """Give a socket a protocol, on the wire of a host."""
    sock.bind(Packet(index_of(host), protocol))


BOUND = pytest.mark.parametrize("bind", [unbound, bound_to_wire], ids=["unbound", "bound"])


def order_beside_udp(hosts: Peers, protocol: int, bind: Callable[[Socket, Host, int], None]) -> list[str]:
    """Which of a packet socket and a UDP socket on the right a datagram over IPv4 reaches first."""
    with packet_socket(hosts.right, SOCK_DGRAM, 0) as seen, udp_across(hosts) as (sender, receiver):
        seen.attach_filter = UDP_ALONE
        bind(seen, hosts.right, protocol)
        address = (hosts.right.address, receiver.getsockname()[1])
        return order_of_arrival({"packet": seen, "UDP": receiver}, lambda: sender.sendto(b"x", address))


def everything(host: Host | None = None) -> Socket:
    """A packet socket with the protocol ETH_P_ALL, that receives the types for experiments alone."""
    sock = packet_socket(host, SOCK_RAW, ETH_P_ALL)
    sock.attach_filter = EXPERIMENTS
    waiting_frames(sock)  # what came before the filter
    return sock


def type_of(type_: int) -> int:
    """What SO_TYPE says of a fresh packet socket."""
    with Socket.packet(type_, EXPERIMENTAL) as sock:
        return sock.so_type


@claim(
    "packet.7/capability/net-raw",
    sentence=(
        "packet.7/DESCRIPTION/capability",
        "packet.7/errors/eperm",
        "capabilities.7/CAP_NET_RAW/sockets",
    ),
    section="DESCRIPTION",
    says="Making a packet socket of SOCK_RAW, SOCK_DGRAM or SOCK_PACKET takes CAP_NET_RAW: EPERM without, "
    "whatever other capabilities there are; it alone is enough.",
    needs=[Capability.NET_RAW],
)
@EVERY_TYPE
def test_a_packet_socket_takes_the_capability(ns, observe, type_):
    with without(Capability.NET_RAW), refused(errno.EPERM):
        Socket.packet(type_, EXPERIMENTAL)
    with only(Capability.NET_RAW):
        made = type_of(type_)

    assert observe("type", made) == type_


@claim(
    "packet.7/capability/owning-user-namespace",
    sentence=(
        "packet.7/DESCRIPTION/capability",
        "user_namespaces.7/Effect/governed",
        "user_namespaces.7/Interaction/checked",
    ),
    section="DESCRIPTION",
    says="CAP_NET_RAW counts in the user namespace that governs the network namespace: who has it in another "
    "one makes packet sockets, of SOCK_RAW and SOCK_DGRAM, in a network namespace that this one owns, and is "
    "refused them with EPERM where it does not.",
    needs=[USER_NAMESPACE],
    survives={"*": "another process makes the socket"},
)
@TYPES
def test_the_capability_counts_where_the_network_namespace_belongs(observe, type_):
    capable = in_user_namespace_alone(lambda: Capability.NET_RAW in effective())
    with refused(errno.EPERM):
        in_user_namespace_alone(partial(type_of, type_))
    made = in_user_namespace(partial(type_of, type_))

    assert observe("capable_and_type", [capable, made]) == [True, type_]


@claim(
    "packet.7/capability/not-the-user",
    sentence=(
        "packet.7/DESCRIPTION/capability",
        "packet.7/errors/eperm",
        "capabilities.7/CAP_NET_RAW/sockets",
    ),
    section="DESCRIPTION",
    says="The effective user id 0 is not enough to make a packet socket of SOCK_RAW, SOCK_DGRAM or "
    "SOCK_PACKET: without any capability it is EPERM.",
    needs=[Capability.NET_RAW],
)
@EVERY_TYPE
def test_user_0_does_not_suffice(ns, observe, type_):
    euid = observe("euid", os.geteuid())
    with only(), refused(errno.EPERM):
        Socket.packet(type_, EXPERIMENTAL)

    assert [euid, observe("type", type_of(type_))] == [0, type_]


@claim(
    "defacto/packet_socket/kept-without-the-capability",
    says="A packet socket of SOCK_RAW sends, receives and is bound without CAP_NET_RAW, once it is made.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_it_is_used_without_the_capability(peers, observe):
    with (
        packet_socket(peers.right) as receiver,
        sending_socket(peers.left) as sender,
        without(Capability.NET_RAW),
    ):
        with refused(errno.EPERM):
            Socket.packet(SOCK_RAW, EXPERIMENTAL)
        sender.bind(Packet(index_of(peers.left), ANOTHER))
        sender.send(frame(b"hello"))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "hello"


@claim(
    "defacto/packet_socket/type-unsupported",
    says="A socket of AF_PACKET is of SOCK_RAW, SOCK_DGRAM or SOCK_PACKET: for SOCK_STREAM, SOCK_SEQPACKET "
    "and SOCK_RDM there is ESOCKTNOSUPPORT, and without CAP_NET_RAW EPERM.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_RDM, SOCK_SEQPACKET])
def test_other_types_are_refused(ns, observe, type_):
    with refused(errno.ESOCKTNOSUPPORT):
        Socket(AF_PACKET, type_, 0)
    with without(Capability.NET_RAW), refused(errno.EPERM, "errno_without_capability"):
        Socket(AF_PACKET, type_, 0)

    assert observe("type", type_of(SOCK_PACKET)) == SOCK_PACKET


@claim(
    "packet.7/types/header",
    sentence=(
        *("packet.7/DESCRIPTION/raw-packets", "packet.7/DESCRIPTION/types"),
        *(
            "packet.7/SOCK_RAW/unchanged",
            "packet.7/SOCK_RAW/with-header",
            "packet.7/SOCK_RAW/queued-unmodified",
        ),
        "packet.7/SOCK_DGRAM/header-removed",
    ),
    section="DESCRIPTION",
    says="A frame without an 802.1Q tag that is sent on a packet socket of SOCK_RAW, with its Ethernet "
    "header, is received as it is on SOCK_RAW, and without the header on SOCK_DGRAM.",
    needs=NEEDS,
    survives=CLOSED,
)
def test_one_type_has_the_header(peers, observe):
    sent = frame(b"hello", to=SOMEBODY)
    with packet_socket(peers.right) as raw, packet_socket(peers.right, SOCK_DGRAM) as cooked:
        with sending_socket(peers.left) as sender:
            sender.sendto(sent, Packet(index_of(peers.left)))
        received = [raw.recv(100).hex(" "), cooked.recv(100).decode()]

    assert observe("raw_and_cooked", received) == [
        "02 00 00 00 00 99 02 00 00 00 00 11 88 b5 68 65 6c 6c 6f",
        "hello",
    ]


@claim(
    "packet.7/SOCK_RAW/sock-packet",
    sentence=("packet.7/SOCK_RAW/sock-packet", "packet.7/Compatibility/sock-packet"),
    section="DESCRIPTION",
    says="A packet socket of SOCK_PACKET, which AF_INET makes as AF_PACKET does, receives what one of "
    "SOCK_RAW does, but bind(2) does not take the struct sockaddr_ll that SOCK_RAW takes.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("family", [AF_INET, AF_PACKET])
def test_the_old_type_takes_other_addresses(ns, observe, family):
    address = Packet(LOOPBACK, EXPERIMENTAL)
    with (
        packet_socket() as raw,
        Socket(family, SOCK_PACKET, IN_NETWORK_ORDER) as old,
        Socket.packet() as sender,
    ):
        old.rcvtimeo = SOON
        with refused():
            old.bind(address)
        raw.bind(address)
        sender.sendto(frame(b"hello"), address)
        received = [raw.recv(100).hex(" "), old.recv(100).hex(" ")]

        assert [name_of(raw).ifindex, observe("raw_and_old", received)] == [
            LOOPBACK,
            [frame(b"hello").hex(" ")] * 2,
        ]


@claim(
    "packet.7/SOCK_RAW/tagged-unchanged",
    sentence="packet.7/SOCK_RAW/unchanged",
    section="DESCRIPTION",
    says="A frame with an 802.1Q tag that comes by a wire is received unchanged on a packet socket of "
    "SOCK_RAW with the protocol ETH_P_ALL.",
    needs=NEEDS,
    survives=FILTERED,
    expect=differs(
        "the tag is taken out of it: PACKET_AUXDATA has it",
        since="3.0",
        commit="bcc6d4790361",
        observed={"frame": "02 00 00 00 00 99 02 00 00 00 00 11 88 b5 68 65 6c 6c 6f"},
    ),
)
def test_a_tagged_frame_is_received_unchanged(peers, observe):
    with packet_socket(peers.right, SOCK_RAW, ETH_P_ALL) as receiver, sending_socket(peers.left) as sender:
        receiver.attach_filter = TO_SOMEBODY
        waiting_frames(receiver)  # what came before the filter
        tagged = frame(TAG_7 + b"hello", to=SOMEBODY, protocol=VLAN)
        sender.sendto(tagged, Packet(index_of(peers.left)))

        assert observe("frame", receiver.recv(100).hex(" ")) == tagged.hex(" ")


@claim(
    "packet.7/types/address",
    sentence=("packet.7/DESCRIPTION/header-in-address", "packet.7/SOCK_RAW/address"),
    section="DESCRIPTION",
    says="On SOCK_RAW as on SOCK_DGRAM a frame from a wire comes with a struct sockaddr_ll that has the "
    "interface, the protocol, the packet type, the hardware type, and the address of the sender.",
    needs=NEEDS,
)
@TYPES
def test_the_header_is_in_the_address(peers, observe, type_):
    with packet_socket(peers.right, type_) as receiver, sending_socket(peers.left) as sender:
        sender.sendto(frame(b"hello", to=SOMEBODY), Packet(index_of(peers.left)))
        data, (device, *others, address) = receiver.recvfrom(100)

    seen = [data[-5:].decode(), *others, address.hex(":")]
    assert [device, observe("data_protocol_types_and_address", seen)] == [
        peers.right.device,
        ["hello", EXPERIMENTAL, 3, 1, SENDER.hex(":")],
    ]


def made_with_protocol() -> Socket:
    """A packet socket whose protocol is given to socket(2), in network byte order."""
    return Socket(AF_PACKET, SOCK_RAW, IN_NETWORK_ORDER)


def bound_to_protocol() -> Socket:
    """A packet socket whose protocol is given to bind(2), instead of the other that it had."""
    sock = Socket(AF_PACKET, SOCK_RAW, htons(ANOTHER))
    sock.bind(Packet(0, EXPERIMENTAL))
    return sock


@claim(
    "packet.7/protocol/network-order",
    sentence=("packet.7/DESCRIPTION/protocol", "packet.7/sockaddr_ll/protocol"),
    section="DESCRIPTION",
    says="The protocol of a packet socket of SOCK_RAW is the Ethernet type of the frames that it receives, "
    "in network byte order, in socket(2) and in sll_protocol of bind(2): others are not received.",
    needs=NEEDS,
)
@pytest.mark.parametrize("made", [made_with_protocol, bound_to_protocol])
def test_the_protocol_is_in_network_order(peers, observe, made):
    with peers.right.entered():
        receiver = made()
    with (
        receiver,
        packet_socket(peers.right, SOCK_RAW, ANOTHER) as other,
        sending_socket(peers.left) as sender,
    ):
        receiver.rcvtimeo = SOON
        sender.sendto(frame(b"another", protocol=ANOTHER), Packet(index_of(peers.left)))
        sender.sendto(frame(b"this", protocol=EXPERIMENTAL), Packet(index_of(peers.left)))
        received = [received_until("this", receiver), other.recv(100)[HEADER:].decode()]

    assert observe("received_and_by_another", received) == [["this"], "another"]


@claim(
    "packet.7/protocol/all",
    sentence="packet.7/DESCRIPTION/all",
    section="DESCRIPTION",
    says="A packet socket of SOCK_RAW with the protocol ETH_P_ALL receives frames of every Ethernet type "
    "that come by a wire.",
    needs=NEEDS,
    survives=FILTERED,
)
def test_all_protocols_are_received(peers, observe):
    with packet_socket(peers.right, SOCK_RAW, ETH_P_ALL) as receiver, sending_socket(peers.left) as sender:
        receiver.attach_filter = EXPERIMENTS
        waiting_frames(receiver)  # what came before the filter
        address = Packet(index_of(peers.left))
        sent = [sender.sendto(frame(b"x", protocol=one), address) for one in (EXPERIMENTAL, ANOTHER, 0xFFFF)]
        types = [hex(ethertype(receiver.recv(100))) for _ in sent]

        assert observe("types", types) == ["0x88b5", "0x88b6", "0xffff"]


@claim(
    "packet.7/protocol/all-before-the-kernel",
    sentence="packet.7/DESCRIPTION/before-the-kernel",
    section="DESCRIPTION",
    says="A UDP datagram over IPv4 that comes by a wire is passed to a packet socket of SOCK_DGRAM with the "
    "protocol ETH_P_ALL, bound to the interface or not, before it reaches a UDP socket.",
    needs=NEEDS,
    survives=FILTERED,
)
@BOUND
def test_all_protocols_are_seen_before_the_kernel(peers, observe, bind):
    assert observe("order", order_beside_udp(peers, ETH_P_ALL, bind)) == ["packet", "UDP"]


@claim(
    "packet.7/protocol/before-the-kernel",
    sentence="packet.7/DESCRIPTION/before-the-kernel",
    section="DESCRIPTION",
    says="A UDP datagram over IPv4 that comes by a wire is passed to a packet socket of SOCK_DGRAM with the "
    "protocol ETH_P_IP, not bound to an interface, before it reaches a UDP socket.",
    needs=NEEDS,
    survives=FILTERED,
    expect=differs(
        "after it: the kernel's own protocols come first where the packet socket has one protocol",
        since="6.15",
        commit="c353e8983e0d",
        observed={"order": ["UDP", "packet"]},
    ),
)
def test_one_protocol_is_seen_before_the_kernel(peers, observe):
    assert observe("order", order_beside_udp(peers, ETH_P_IP, unbound)) == ["packet", "UDP"]


@claim(
    "packet.7/protocol/before-the-kernel-if-bound",
    sentence="packet.7/DESCRIPTION/before-the-kernel",
    section="DESCRIPTION",
    says="A UDP datagram over IPv4 that comes by a wire is passed to a packet socket of SOCK_DGRAM with the "
    "protocol ETH_P_IP, bound to the interface, before it reaches a UDP socket.",
    needs=NEEDS,
    survives=FILTERED,
    expect=differs(
        "after it: the handlers of one protocol on one interface come after those on all",
        since="4.0",
        commit="7866a621043f",
        observed={"order": ["UDP", "packet"]},
    ),
)
def test_one_protocol_of_one_interface_is_seen_before_the_kernel(peers, observe):
    assert observe("order", order_beside_udp(peers, ETH_P_IP, bound_to_wire)) == ["packet", "UDP"]


@claim(
    "packet.7/protocol/zero",
    sentence=("packet.7/DESCRIPTION/protocol-zero", "packet.7/DESCRIPTION/bind-protocol"),
    section="DESCRIPTION",
    says="A packet socket that was made with the protocol 0, of SOCK_RAW or SOCK_DGRAM, receives nothing "
    "until bind(2) gives it another protocol, on all interfaces or on one.",
    needs=NEEDS,
    survives=CLOSED,
)
@BOUND
@TYPES
def test_protocol_zero_receives_nothing(peers, observe, type_, bind):
    with packet_socket(peers.right, type_, 0) as nothing, packet_socket(peers.right) as receiver:
        with sending_socket(peers.left) as sender:
            address = Packet(index_of(peers.left))
            sender.sendto(frame(b"before"), address)
            received = [receiver.recv(100)[HEADER:].decode()]
            bind(nothing, peers.right, EXPERIMENTAL)
            sender.sendto(frame(b"after"), address)
            received.append(nothing.recv(100)[-5:].decode())

        assert observe("another_and_it", received) == ["before", "after"]


@claim(
    "packet.7/protocol/zero-bound",
    sentence="packet.7/DESCRIPTION/protocol-zero",
    section="DESCRIPTION",
    says="A packet socket of SOCK_RAW with the protocol 0 that is bound to an interface, with the protocol 0 "
    "again, receives nothing that comes there.",
    needs=NEEDS,
    survives=CLOSED,
)
def test_protocol_zero_on_an_interface_receives_nothing(peers, observe):
    with packet_socket(peers.right, SOCK_RAW, 0) as nothing, packet_socket(peers.right) as receiver:
        bound_to_wire(nothing, peers.right, 0)
        bound = name_of(nothing)
        with sending_socket(peers.left) as sender:
            sender.sendto(frame(b"hello"), Packet(index_of(peers.left)))
        received = receiver.recv(100)[HEADER:].decode()
        with refused(errno.EAGAIN):
            nothing.recv(100, MSG_DONTWAIT)

        assert [bound.ifindex, observe("protocol_and_received", [bound.protocol, received])] == [
            index_of(peers.right),
            [0, "hello"],
        ]


@claim(
    "packet.7/bind/one-interface",
    sentence=(
        *("packet.7/bind/every-interface", "packet.7/bind/one-interface", "packet.7/bind/fields"),
        "packet.7/sockaddr_ll/ifindex",
    ),
    section="DESCRIPTION",
    says="A packet socket of SOCK_RAW receives from every interface, also when it is bound to the index 0, "
    "and bound to another index from that interface alone.",
    needs=NEEDS,
    survives=CLOSED,
)
def test_it_receives_from_the_interface_it_is_bound_to(routed, observe):
    router = routed.router
    fresh, bound, anywhere = packet_socket(router), packet_socket(router), packet_socket(router, protocol=0)
    with fresh, anywhere, bound:
        anywhere.bind(Packet(0, EXPERIMENTAL))
        bound.bind(Packet(index_of(router), EXPERIMENTAL))
        with sending_socket(routed.right) as right:
            right.sendto(frame(b"right"), Packet(index_of(routed.right)))
            received = [fresh.recv(100)[HEADER:].decode(), anywhere.recv(100)[HEADER:].decode()]
        with sending_socket(routed.left) as left:
            left.sendto(frame(b"left"), Packet(index_of(routed.left)))
            received += [one.recv(100)[HEADER:].decode() for one in (fresh, anywhere, bound)]

        assert observe("received", received) == ["right", "right", "left", "left", "left"]


@claim(
    "packet.7/bind/family",
    sentence="packet.7/bind/fields",
    section="DESCRIPTION",
    says="bind(2) of a packet socket of SOCK_RAW takes an address with the family AF_PACKET, and refuses "
    "another: AF_INET or AF_UNSPEC.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("family", [AF_UNSPEC, AF_INET])
def test_another_family_is_refused(ns, observe, family):
    address = Packet(LOOPBACK, EXPERIMENTAL)
    with packet_socket() as sock:
        with refused():
            sock.bind(Other(family, address.raw[2:]))
        sock.bind(address)

        assert observe("ifindex", name_of(sock).ifindex) == LOOPBACK


@claim(
    "defacto/packet_socket/short-address",
    says="bind(2) of a packet socket of SOCK_RAW refuses an address of fewer than the 20 bytes of a struct "
    "sockaddr_ll with EINVAL, and takes one of 20 and one that is longer.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("more", [0, 1])
def test_a_short_address_is_refused(ns, observe, more):
    octets = Packet(LOOPBACK, EXPERIMENTAL).raw[2:]
    with packet_socket() as sock:
        with refused(errno.EINVAL):
            sock.bind(Other(AF_PACKET, octets[:-1]))
        before = name_of(sock).ifindex
        sock.bind(Other(AF_PACKET, octets + bytes(more)))

        assert observe("before_and_after", [before, name_of(sock).ifindex]) == [0, LOOPBACK]


@claim(
    "packet.7/bind/other-fields",
    sentence="packet.7/bind/fields",
    section="DESCRIPTION",
    says="bind(2) of a packet socket of SOCK_RAW takes no notice of sll_hatype, sll_pkttype and sll_addr: "
    "what they were is not what getsockname(2) gives.",
    needs=NEEDS,
)
def test_other_fields_are_not_used(peers, observe):
    with packet_socket(peers.right) as sock:
        sock.bind(Packet(index_of(peers.right), EXPERIMENTAL, 4, 0x1234, SOMEBODY))
        bound = name_of(sock)

        assert [bound.ifindex, bound.address, observe("protocol_and_types", list(bound[1:4]))] == [
            index_of(peers.right),
            hardware_address(peers.right),
            [EXPERIMENTAL, 0, 1],
        ]


@claim(
    "packet.7/sockaddr_ll/protocol-kept",
    sentence="packet.7/sockaddr_ll/protocol-default",
    section="Address types",
    says="bind(2) of a packet socket of SOCK_RAW to an address whose sll_protocol is 0 leaves the socket its "
    "protocol: it goes on to receive that.",
    needs=NEEDS,
)
def test_bind_leaves_the_protocol(peers, observe):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left) as sender:
        receiver.bind(Packet(index_of(peers.right), 0))
        sender.sendto(frame(b"hello"), Packet(index_of(peers.left)))
        received = receiver.recv(100)[HEADER:].decode()
        bound = name_of(receiver)

        assert [bound.ifindex, observe("protocol_and_received", [bound.protocol, received])] == [
            index_of(peers.right),
            [EXPERIMENTAL, "hello"],
        ]


@claim(
    "packet.7/sockaddr_ll/protocol-sent",
    sentence="packet.7/sockaddr_ll/protocol-default",
    section="Address types",
    says="What is sent without an address on a packet socket of SOCK_DGRAM that is bound to loopback has the "
    "socket's protocol.",
    needs=[Capability.NET_RAW],
)
def test_the_protocol_is_sent(ns, observe):
    with packet_socket() as receiver, Socket.packet(SOCK_DGRAM) as sender:
        sender.bind(Packet(LOOPBACK, EXPERIMENTAL))
        sender.send(b"hello")
        received = receiver.recv(100)

    assert observe("frame", received.hex(" ")) == f"{bytes(12).hex(' ')} 88 b5 68 65 6c 6c 6f"


@claim(
    "defacto/packet_socket/no-destination",
    says="What is sent without an address on a packet socket of SOCK_DGRAM that is bound to an interface of "
    "Ethernet is refused with EINVAL: there is no link-layer address for it. With one it is sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_on_a_wire_it_takes_an_address(peers, observe):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left, SOCK_DGRAM) as sender:
        sender.bind(Packet(index_of(peers.left), EXPERIMENTAL))
        with refused(errno.EINVAL):
            sender.send(b"without")
        sender.sendto(b"with", Packet(index_of(peers.left), EXPERIMENTAL, address=SOMEBODY))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "with"


@claim(
    "packet.7/sockaddr_ll/protocol-defaults-in-address",
    sentence="packet.7/sockaddr_ll/protocol-default",
    section="Address types",
    says="What is sent on a packet socket of SOCK_DGRAM to an address whose sll_protocol is 0 has the "
    "socket's protocol.",
    needs=NEEDS,
    survives=FILTERED,
    expect=differs(
        "it has the Ethernet type 0 (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"type_and_data": ["0x0", "hello"]},
    ),
)
def test_the_protocol_is_the_default_of_an_address(peers, observe):
    with packet_socket(peers.right, SOCK_RAW, ETH_P_ALL) as receiver:
        receiver.attach_filter = TO_SOMEBODY
        waiting_frames(receiver)
        with packet_socket(peers.left, SOCK_DGRAM) as sender:
            sender.sendto(b"hello", Packet(index_of(peers.left), 0, address=SOMEBODY))
            received = receiver.recv(100)

        assert observe("type_and_data", [hex(ethertype(received)), received[HEADER:].decode()]) == [
            "0x88b5",
            "hello",
        ]


@claim(
    "packet.7/SOCK_DGRAM/header-made",
    sentence=(
        *("packet.7/SOCK_DGRAM/header-made", "packet.7/NOTES/dix", "packet.7/sockaddr_ll/enough-to-send"),
        "packet.7/sockaddr_ll/addr",
    ),
    section="DESCRIPTION",
    says="What is sent on a packet socket of SOCK_DGRAM by a wire gets an Ethernet header: the address of "
    "sll_addr, that of the interface, and sll_protocol.",
    needs=NEEDS,
)
def test_a_header_is_made(peers, observe):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left, SOCK_DGRAM) as sender:
        sender.sendto(b"hello", Packet(index_of(peers.left), EXPERIMENTAL, address=SOMEBODY))
        received = receiver.recv(100)

    assert [
        observe("destination_type_and_data", [received[:6].hex(":"), received[12:].hex(" ")]),
        received[6:12],
    ] == [["02:00:00:00:00:99", "88 b5 68 65 6c 6c 6f"], hardware_address(peers.left)]


@claim(
    "packet.7/sockaddr_ll/types-when-sending",
    sentence="packet.7/sockaddr_ll/pkttype-receiving",
    section="Address types",
    says="sll_pkttype and sll_hatype of the address to which a packet is sent on a packet socket of "
    "SOCK_DGRAM change nothing: it comes to the address of sll_addr, as a packet to another host.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("pkttype", "hatype"), [(0, 0), (1, 0), (4, 0), (0, 772)])
def test_types_do_not_matter_to_what_is_sent(peers, observe, pkttype, hatype):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left, SOCK_DGRAM) as sender:
        sender.sendto(b"hello", Packet(index_of(peers.left), EXPERIMENTAL, pkttype, hatype, SOMEBODY))
        data, (_, _, *received, _) = receiver.recvfrom(100)

    seen = [*received, data[:6].hex(":"), data[HEADER:].decode()]
    assert observe("types_destination_and_data", seen) == [3, 1, "02:00:00:00:00:99", "hello"]


@claim(
    "packet.7/connect/not-supported",
    sentence="packet.7/connect/not-supported",
    section="DESCRIPTION",
    says="connect(2) of a packet socket, of SOCK_RAW or SOCK_DGRAM, to an address to which it can be bound "
    "is refused.",
    needs=[Capability.NET_RAW],
)
@TYPES
def test_it_cannot_be_connected(ns, observe, type_):
    address = Packet(LOOPBACK, EXPERIMENTAL, address=SOMEBODY)
    with Socket.packet(type_) as sock:
        with refused():
            sock.connect(address)
        sock.bind(address)

        assert observe("ifindex", name_of(sock).ifindex) == LOOPBACK


@claim(
    "defacto/packet_socket/no-connections",
    says="A packet socket of SOCK_RAW, bound to an interface, answers EOPNOTSUPP to connect(2), listen(2), "
    "accept(2), shutdown(2) and getpeername(2).",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda sock: sock.connect(Packet(LOOPBACK, EXPERIMENTAL)),
        lambda sock: sock.listen(),
        lambda sock: sock.accept(),
        lambda sock: sock.shutdown(SHUT_RD),
        lambda sock: sock.getpeername(),
    ],
    ids=["connect", "listen", "accept", "shutdown", "getpeername"],
)
def test_it_has_no_connections(ns, observe, call):
    with packet_socket() as sock:
        sock.bind(Packet(LOOPBACK, EXPERIMENTAL))
        with refused(errno.EOPNOTSUPP):
            call(sock)

        assert observe("ifindex", name_of(sock).ifindex) == LOOPBACK


@claim(
    "packet.7/MSG_TRUNC/real-size",
    sentence=("packet.7/MSG_TRUNC/real-size", "recv.2/MSG_TRUNC/real-size"),
    section="DESCRIPTION",
    says="With MSG_TRUNC a receive on a packet socket, of SOCK_RAW with the Ethernet header or of SOCK_DGRAM "
    "without it, returns how long the packet is, also where the buffer is shorter, and without the flag how "
    "much was copied.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("type_", "size"), [(SOCK_RAW, 114), (SOCK_DGRAM, 100)], ids=["raw", "dgram"])
def test_the_size_of_the_packet_is_returned(peers, observe, type_, size):
    with packet_socket(peers.right, type_) as receiver, sending_socket(peers.left) as sender:
        sender.sendto(frame(bytes(100)), Packet(index_of(peers.left)))
        sender.sendto(frame(bytes(100)), Packet(index_of(peers.left)))
        sizes = [receiver.recv_into(bytearray(10), 10, flags) for flags in (MSG_TRUNC, 0)]

    assert observe("sizes", sizes) == [size, 10]


@claim(
    "packet.7/MSG_TRUNC/filtered",
    sentence="packet.7/MSG_TRUNC/real-size",
    section="DESCRIPTION",
    says="With MSG_TRUNC a receive on a packet socket of SOCK_RAW returns how long the packet was on the "
    "wire where a filter cuts it, too.",
    needs=NEEDS,
    expect=differs(
        "it returns how much of the packet the filter has left (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"size": 60},
    ),
)
def test_the_size_of_a_filtered_packet_is_returned(peers, observe):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left) as sender:
        receiver.attach_filter = program(("ret #k", 60))
        sender.sendto(frame(bytes(100)), Packet(index_of(peers.left)))

        assert observe("size", receiver.recv_into(bytearray(10), 10, MSG_TRUNC)) == 114


@claim(
    "defacto/packet_socket/queued-before-bind",
    says="What a packet socket of SOCK_RAW has queued stays there when it is bound to an interface: packets "
    "of others that came before bind(2) are received after it, those that come later are not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives=CLOSED,
)
def test_what_was_queued_before_bind_stays(routed, observe):
    router = routed.router
    sock, anywhere = packet_socket(router), packet_socket(router)
    with sock, anywhere, sending_socket(routed.right) as right:
        right.sendto(frame(b"right"), Packet(index_of(routed.right)))
        await_readable(sock)
        sock.bind(Packet(index_of(router), EXPERIMENTAL))
        right.sendto(frame(b"right again"), Packet(index_of(routed.right)))
        with sending_socket(routed.left) as left:
            left.sendto(frame(b"left"), Packet(index_of(routed.left)))

        received = [received_until("left", one) for one in (anywhere, sock)]
        assert observe("unbound_and_bound", received) == [["right", "right again", "left"], ["right", "left"]]


@claim(
    "defacto/packet_socket/own-packets",
    says="A packet socket of SOCK_RAW with the protocol ETH_P_ALL does not receive what it sends itself by a "
    "wire; another on the same host does.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives=FILTERED,
)
def test_it_does_not_receive_what_it_sends(peers, observe):
    address = Packet(index_of(peers.left))
    with everything(peers.left) as first, everything(peers.left) as second:
        first.sendto(frame(b"first"), address)
        second.sendto(frame(b"second"), address)

        assert observe("received", [received_until("second", first), received_until("first", second)]) == [
            ["second"],
            ["first"],
        ]


@claim(
    "defacto/packet_socket/outgoing-by-protocol",
    says="A packet socket of SOCK_RAW with one protocol does not receive what the host itself sends by a "
    "wire with that protocol, as one with ETH_P_ALL does: it receives what comes in.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={**FILTERED, **CLOSED},
)
def test_one_protocol_is_received_from_others(peers, observe):
    with everything(peers.left) as all_, packet_socket(peers.left) as one:
        with sending_socket(peers.left) as left, sending_socket(peers.right) as right:
            left.sendto(frame(b"out"), Packet(index_of(peers.left)))
            right.sendto(frame(b"in"), Packet(index_of(peers.right)))

        assert observe("received", [received_until("in", all_), received_until("in", one)]) == [
            ["out", "in"],
            ["in"],
        ]


@claim(
    "defacto/packet_socket/loopback-twice",
    says="A frame on loopback is received twice on a packet socket of SOCK_RAW with the protocol ETH_P_ALL, "
    "as PACKET_OUTGOING and as it comes in, and once with a protocol of its own, as it comes in.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives=FILTERED | {"no-op: ioctl(SIOCGIFINDEX*": "its room still holds the number"},
)
def test_on_loopback_it_is_received_twice(ns, observe):
    with everything() as all_, packet_socket() as one, Socket.packet() as sender:
        by_all, by_one = [], []
        for data in (b"first", b"last"):
            sender.sendto(frame(data, to=bytes(6)), Packet(LOOPBACK))
            by_all += [all_.recv_message(100) for _ in range(2)]
            by_one.append(one.recv_message(100))

    kinds = [
        [[one.data[HEADER:].decode(), one.address.pkttype] for one in messages]
        for messages in (by_all, by_one)
    ]
    assert observe("received", kinds) == [
        [
            ["first", PACKET_OUTGOING],
            ["first", PACKET_HOST],
            ["last", PACKET_OUTGOING],
            ["last", PACKET_HOST],
        ],
        [["first", PACKET_HOST], ["last", PACKET_HOST]],
    ]


@claim(
    "packet.7/SOCK_RAW/without-link-layer",
    sentence="packet.7/SOCK_RAW/unchanged",
    section="DESCRIPTION",
    says="A packet socket of SOCK_RAW or SOCK_DGRAM that is bound to an interface of tun(4), which has no "
    "link-layer header, receives packets from their IP header on, and sends what begins with one as it is.",
    needs=[Capability.NET_RAW, TUN],
)
@pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM])
def test_an_interface_without_link_layer(ns, observe, type_):
    with tun(ns) as process, packet_socket(None, type_, ETH_P_IP) as sock:
        sock.bind((NAME, ETH_P_IP))
        whole = completed(
            ipv4_packet(b"hello", source="10.0.5.2", destination="10.0.5.9", protocol=253), ttl=64
        )
        os.write(process, whole)
        received = sock.recv(200)
        sock.sendto(whole, (NAME, ETH_P_IP))
        os.set_blocking(process, False)
        sent = next_sent(process)

        found = [sock.getsockname()[0], received == whole, sent == whole]
        assert observe("bound_received_sent", found) == [NAME, True, True]


def to_all(host: Host, protocol: int) -> Packet:
    """The address by which a packet socket sends to everybody on the wire of a host."""
    return Packet(index_of(host), protocol, address=b"\xff" * 6)


def await_frames_before(hosts: Peers) -> None:
    """Wait until the right is done with what the left has sent, from the processor on which this is."""
    with packet_socket(hosts.right, SOCK_RAW, ANOTHER) as last, sending_socket(hosts.left) as sender:
        sender.sendto(frame(b"last", protocol=ANOTHER), Packet(index_of(hosts.left)))
        last.recv(100)


@claim(
    "packet.7/firewall/input",
    sentence="packet.7/NOTES/firewall",
    section="NOTES",
    says="A chain of nftables at the hook input that drops every IPv4 packet keeps a datagram from a UDP "
    "socket that receives without it, and not from a packet socket of SOCK_RAW or SOCK_DGRAM.",
    needs=[*NEEDS, NFTABLES],
    survives=RULES_STAY,
)
@TYPES
def test_the_input_chain_does_not_keep_packets_out(peers, observe, type_):
    with packet_socket(peers.right, type_, 0) as seen, udp_across(peers) as (sender, receiver):
        address = (peers.right.address, receiver.getsockname()[1])
        sender.sendto(b"without", address)
        before = receiver.recv(20).decode()
        bound_to_wire(seen, peers.right, ETH_P_IP)
        with peers.right.entered():
            drop_all_that_arrives()
        with on_one_processor():
            sender.sendto(b"dropped", address)
            await_frames_before(peers)

        received = [
            before,
            len(waiting_frames(receiver)),
            [one[-7:].decode() for one in waiting_frames(seen)],
        ]
        assert observe("before_udp_and_packet", received) == ["without", 0, ["dropped"]]


@claim(
    "packet.7/firewall/output",
    sentence="packet.7/NOTES/firewall",
    section="NOTES",
    says="A chain of nftables at the hook output that drops every IPv4 packet keeps a UDP socket from "
    "sending, and not a packet socket of SOCK_RAW or SOCK_DGRAM, whose IPv4 packet arrives.",
    needs=[*NEEDS, NFTABLES],
    survives=RULES_STAY,
)
@pytest.mark.parametrize(("type_", "header"), [(SOCK_RAW, HEADER), (SOCK_DGRAM, 0)], ids=["raw", "dgram"])
def test_the_output_chain_does_not_keep_packets_in(peers, observe, type_, header):
    packet = completed(
        ipv4_packet(b"by packet", source=peers.left.address, destination=peers.right.address, protocol=253),
        ttl=64,
    )
    with packet_socket(peers.right, SOCK_DGRAM, ETH_P_IP) as seen, udp_across(peers) as (udp, receiver):
        seen.attach_filter = WITHOUT_UDP
        address = (peers.right.address, receiver.getsockname()[1])
        udp.sendto(b"without", address)
        before = receiver.recv(20).decode()
        with peers.left.entered():
            drop_all_that_is_sent()
        with refused():
            udp.sendto(b"dropped", address)
        with sending_socket(peers.left, type_) as sender:
            sender.sendto(frame(packet, protocol=ETH_P_IP)[HEADER - header :], to_all(peers.left, ETH_P_IP))

        assert observe("before_and_packet", [before, seen.recv(100)[20:].decode()]) == [
            "without",
            "by packet",
        ]


@claim(
    "packet.7/SOCK_DGRAM/destination",
    sentence="packet.7/BUGS/destination",
    section="BUGS",
    says="What recvmsg(2) gives of frames to two link-layer groups, with PACKET_AUXDATA and PACKET_ORIGDEV, "
    "is the same on a packet socket of SOCK_DGRAM, which cannot tell their destinations; on one of "
    "SOCK_RAW the frames begin with them.",
    needs=NEEDS,
    survives={"no-op: setsockopt(*PACKET_*": "without these options there is still less that differs"},
)
def test_a_destination_is_not_told(peers, observe):
    other_group = TO_GROUP[:-1] + b"\x78"
    cooked, raw_ = packet_socket(peers.right, SOCK_DGRAM), packet_socket(peers.right)
    with cooked, raw_, sending_socket(peers.left) as sender, on_one_processor():
        cooked.packet_auxdata = True
        cooked.packet_origdev = True
        sender.sendto(frame(b"hello", to=TO_GROUP), Packet(index_of(peers.left)))
        sender.sendto(frame(b"hello", to=other_group), Packet(index_of(peers.left)))
        destinations = [raw_.recv(100)[:6].hex() for _ in range(2)]
        first, second = (cooked.recv_message(100) for _ in range(2))

    told = [first.data.decode(), first == second]
    assert observe("raw_and_dgram", [destinations, told]) == [
        [TO_GROUP.hex(), other_group.hex()],
        ["hello", True],
    ]


@claim(
    "packet.7/sockaddr_pkt/device-size",
    sentence="packet.7/BUGS/device-size",
    section="BUGS",
    says="spkt_device of what a packet socket of SOCK_PACKET receives has 14 bytes: the name of an "
    "interface of 13 characters is whole with a zero byte behind it, of one of 14 or of 15, the "
    "longest there is, the last characters are cut off to leave room for the zero byte.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "name", ["left012345678", "left0123456789", "left01234567890"], ids=["13", "14", "15"]
)
def test_a_longer_name_is_cut(ns, observe, name):
    ns.add_veth(name, "right")
    ns.set_link(name, up=True)
    ns.set_link("right", up=True)
    with Socket(AF_INET, SOCK_PACKET, IN_NETWORK_ORDER) as sock, packet_socket(protocol=0) as sender:
        sock.rcvtimeo = SOON
        sender.sendto(frame(b"hello"), ("right", EXPERIMENTAL))
        data, address = sock.recvfrom(100)

        received = [data[HEADER:].decode(), name in map(itemgetter(1), if_nameindex()), address]
        assert observe("received", received) == ["hello", True, "left012345678"]
