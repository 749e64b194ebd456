"""Errors of packet sockets."""

from __future__ import annotations

import errno
import fcntl
import os
from socket import AF_PACKET, MSG_DONTWAIT, MSG_OOB, MSG_WAITALL, SOCK_DGRAM, SOCK_RAW
from termios import FIONREAD

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import LINK_DOWN, VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER
from conformance.plugin.setups.ioctls import SIOCSPGRP, asked, owner, word
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.packet_sockets import (
    LOOPBACK,
    SOMEBODY,
    frame,
    name_of,
    network_ioctl,
    network_number,
    packet_socket,
    sending_socket,
)
from conformance.plugin.setups.readiness import await_readable, events
from libsocket import Other, Packet, Socket
from netns import Capability, Peers

NEEDS = (Capability.NET_RAW, VETH)
SECTION = "ERRORS"
TYPES = pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM], ids=["raw", "dgram"])
NOWHERE = 999_999
"""The index of no interface."""
VLAN = 0x8100
SOCK_PACKET = 10
SIOCGIFMTU, SIOCSIFMTU = 0x8921, 0x8922


def to_left(hosts: Peers, ifindex: int | None = None) -> Packet:
    """An address by which a frame is sent on the left, or by another interface."""
    return Packet(index_of(hosts.left) if ifindex is None else ifindex, EXPERIMENTAL, address=SOMEBODY)


def old_address(device: str) -> Other:
    """A struct sockaddr_pkt: the name of an interface, and a protocol."""
    return Other(AF_PACKET, device.encode().ljust(14, b"\0") + EXPERIMENTAL.to_bytes(2, "big"))


@claim(
    "packet.7/EMSGSIZE/mtu",
    sentence="packet.7/errors/emsgsize",
    section=SECTION,
    says="A packet without an 802.1Q tag of more than the interface's MTU, 1500 bytes on a wire, is refused "
    "with EMSGSIZE on a packet socket of SOCK_DGRAM, and on one of SOCK_RAW beyond its Ethernet header; one "
    "of the MTU is sent.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("type_", "header"), [(SOCK_RAW, HEADER), (SOCK_DGRAM, 0)], ids=["raw", "dgram"])
def test_more_than_the_mtu_is_refused(peers, observe, type_, header):
    packet = frame(bytes(1501))[HEADER - header :]
    with packet_socket(peers.right) as receiver, sending_socket(peers.left, type_) as sender:
        with refused(errno.EMSGSIZE):
            sender.sendto(packet, to_left(peers))
        sent = sender.sendto(packet[:-1], to_left(peers))
        received = len(receiver.recv(2000))

    assert observe("sent_and_received", [sent, received]) == [1500 + header, 1514]


@claim(
    "defacto/packet_socket/mtu-of-tagged-frames",
    says="A frame with an 802.1Q tag may be four bytes longer than others on a packet socket of SOCK_RAW: "
    "1518 bytes are sent by a wire whose MTU is 1500, and 1519 refused with EMSGSIZE; without a tag 1515 "
    "are.",
    since="2.6.39",
    commit="57f89bfa2140",
    needs=NEEDS,
)
def test_a_tag_does_not_count(peers, observe):
    tagged = frame(b"", protocol=VLAN)
    with sending_socket(peers.left) as sender:
        with refused(errno.EMSGSIZE):
            sender.sendto(tagged.ljust(1519, b"\0"), to_left(peers))
        with refused(errno.EMSGSIZE, "errno_without_tag"):
            sender.sendto(frame(b"").ljust(1515, b"\0"), to_left(peers))

        assert observe("sent", sender.sendto(tagged.ljust(1518, b"\0"), to_left(peers))) == 1518


@claim(
    "packet.7/ENETDOWN/send",
    sentence="packet.7/errors/enetdown",
    section=SECTION,
    says="A send on a packet socket, of SOCK_RAW or SOCK_DGRAM, by an interface that is not up is refused "
    "with ENETDOWN.",
    needs=[*NEEDS, LINK_DOWN],
)
@TYPES
def test_an_interface_that_is_down_is_refused(peers, observe, type_):
    left = peers.left
    with packet_socket(peers.right) as receiver, sending_socket(left, type_) as sender:
        sent = sender.sendto(frame(b"x"), to_left(peers))
        received = receiver.recv(100)[-1:].decode()
        left.namespace.set_link(left.device, up=False)
        with refused(errno.ENETDOWN):
            sender.sendto(frame(b"x"), to_left(peers))

    assert observe("sent_and_received", [sent, received]) == [15, "x"]


@claim(
    "packet.7/Error-handling/no-pending",
    sentence=("packet.7/Error-handling/no-pending", "packet.7/Error-handling/driver-only"),
    section="Error handling",
    says="A packet socket of SOCK_RAW has no pending error, after the interface that it is bound to went "
    "down, either: SO_ERROR stays 0.",
    needs=[*NEEDS, LINK_DOWN],
    expect=differs(
        "it is ENETDOWN then, once (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errors": ["no errno", "ENETDOWN", "no errno"]},
    ),
)
def test_there_is_no_pending_error(peers, observe):
    right = peers.right
    with packet_socket(right) as sock:
        sock.bind(Packet(index_of(right), EXPERIMENTAL))
        errors = [sock.error]
        right.namespace.set_link(right.device, up=False)
        errors += [sock.error, sock.error]

        names = [errno_name(error or None) for error in errors]
        assert observe("errors", names) == ["no errno", "no errno", "no errno"]


@claim(
    "defacto/packet_socket/bound-while-down",
    says="bind(2) of a packet socket of SOCK_RAW to an interface that is not up succeeds, and ENETDOWN is "
    "then what the next receive fails with; once the interface is up the socket receives from it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, LINK_DOWN],
)
def test_it_receives_once_the_interface_is_up(peers, observe):
    right = peers.right
    right.namespace.set_link(right.device, up=False)
    with packet_socket(right) as receiver, sending_socket(peers.left) as sender:
        receiver.bind(Packet(index_of(right), EXPERIMENTAL))
        with refused(errno.ENETDOWN):
            receiver.recv(100)
        right.namespace.set_link(right.device, up=True)
        right.namespace.wait_for_carrier(right.device)
        peers.left.namespace.wait_for_carrier(peers.left.device)
        sender.sendto(frame(b"hello"), to_left(peers))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "hello"


@claim(
    "defacto/packet_socket/unbound-while-down",
    says="A packet socket of SOCK_RAW that is not bound has no error when an interface goes down, as one "
    "that is bound to it has, which is told to poll(2).",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, LINK_DOWN],
)
def test_an_unbound_socket_is_not_told(peers, observe):
    right = peers.right
    with packet_socket(right) as bound, packet_socket(right) as unbound:
        bound.bind(Packet(index_of(right), EXPERIMENTAL))
        right.namespace.set_link(right.device, up=False)
        reported = [events(bound), events(unbound)]
        names = [errno_name(sock.error or None) for sock in (bound, unbound)]

    assert observe("events_and_errors", [reported, names]) == [
        [["OUT", "ERR"], ["OUT"]],
        ["ENETDOWN", "no errno"],
    ]


@claim(
    "packet.7/ENODEV/bind",
    sentence="packet.7/errors/enodev",
    section=SECTION,
    says="bind(2) of a packet socket, of SOCK_RAW or SOCK_DGRAM, to the index of no interface is refused "
    "with ENODEV, and leaves it as it was.",
    needs=[Capability.NET_RAW],
)
@TYPES
def test_no_interface_is_refused_to_bind(ns, observe, type_):
    with packet_socket(None, type_) as sock:
        sock.bind(Packet(LOOPBACK, EXPERIMENTAL))
        with refused(errno.ENODEV):
            sock.bind(Packet(NOWHERE, EXPERIMENTAL))

        assert observe("ifindex", name_of(sock).ifindex) == LOOPBACK


@claim(
    "packet.7/ENODEV/send",
    sentence="packet.7/errors/enodev",
    section=SECTION,
    says="A send on a packet socket of SOCK_RAW or SOCK_DGRAM to an address with the index of no interface "
    "is refused with ENODEV.",
    needs=NEEDS,
    expect=differs(
        "it is ENXIO (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENXIO"},
    ),
)
@TYPES
def test_no_interface_is_refused_to_send(peers, observe, type_):
    with sending_socket(peers.left, type_) as sender:
        sent = observe("sent", sender.sendto(frame(b"x"), to_left(peers)))
        with refused(errno.ENODEV):
            sender.sendto(frame(b"x"), to_left(peers, NOWHERE))

        assert sent == 15


@claim(
    "packet.7/ENXIO/send",
    sentence=("packet.7/errors/enxio", "packet.7/sockaddr_ll/ifindex"),
    section=SECTION,
    says="A send on a packet socket, of SOCK_RAW or SOCK_DGRAM, to an address whose sll_ifindex is the index "
    "of no interface, or 0, is refused with ENXIO, though the socket is bound to an interface.",
    needs=NEEDS,
)
@pytest.mark.parametrize("ifindex", [NOWHERE, 0])
@TYPES
def test_an_invalid_index_is_refused_to_send(peers, observe, type_, ifindex):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left, type_) as sender:
        sender.bind(Packet(index_of(peers.left), EXPERIMENTAL))
        with refused(errno.ENXIO):
            sender.sendto(frame(b"lost"), to_left(peers, ifindex))
        sender.sendto(frame(b"sent"), to_left(peers))
        received = receiver.recv(100)[-4:].decode()

        assert [name_of(sender).ifindex, observe("received", received)] == [index_of(peers.left), "sent"]


@claim(
    "packet.7/ENOTCONN/no-address",
    sentence="packet.7/errors/enotconn",
    section=SECTION,
    says="A send without an address on a packet socket of SOCK_RAW or SOCK_DGRAM that is not bound to an "
    "interface is refused with ENOTCONN.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it is ENXIO (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENXIO"},
    ),
)
@TYPES
def test_no_address_is_refused(ns, observe, type_):
    with packet_socket() as receiver, Socket.packet(type_) as bound, Socket.packet(type_) as unbound:
        bound.bind(Packet(LOOPBACK, EXPERIMENTAL))
        bound.send(frame(b"bound"))
        received = observe("received", receiver.recv(100)[-5:].decode())
        with refused(errno.ENOTCONN):
            unbound.send(frame(b"unbound"))

        assert received == "bound"


@claim(
    "packet.7/ENOTCONN/sock-packet",
    sentence=(
        "packet.7/errors/enotconn",
        "packet.7/Compatibility/sockaddr-pkt",
        "packet.7/Compatibility/family",
    ),
    section=SECTION,
    says="A send without an address on a packet socket of SOCK_PACKET is refused with ENOTCONN; to a struct "
    "sockaddr_pkt that names loopback, and has a protocol, a frame is sent.",
    needs=[Capability.NET_RAW],
)
def test_a_socket_of_the_old_type_takes_an_address(ns, observe):
    with packet_socket() as receiver, Socket.packet(SOCK_PACKET) as sender:
        with refused(errno.ENOTCONN):
            sender.send(frame(b"lost"))
        sender.sendto(frame(b"sent"), old_address("lo"))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "sent"


@claim(
    "packet.7/ENODEV/sock-packet",
    sentence="packet.7/errors/enodev",
    section=SECTION,
    says="A send on a packet socket of SOCK_PACKET to the name of no interface is refused with ENODEV.",
    needs=[Capability.NET_RAW],
)
def test_the_name_of_no_interface_is_refused_to_send(ns, observe):
    with packet_socket() as receiver, Socket.packet(SOCK_PACKET) as sender:
        with refused(errno.ENODEV):
            sender.sendto(frame(b"lost"), old_address("nowhere"))
        sender.sendto(frame(b"sent"), old_address("lo"))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "sent"


@claim(
    "packet.7/EINVAL/short-frame",
    sentence=("packet.7/errors/einval", "packet.7/SOCK_RAW/with-header"),
    section=SECTION,
    says="A send on a packet socket of SOCK_RAW of fewer than the fourteen bytes of an Ethernet header, or "
    "none, is refused with EINVAL; fourteen are sent by a wire.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [0, 1, 13])
def test_less_than_a_header_is_refused(peers, observe, size):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left) as sender:
        with refused(errno.EINVAL):
            sender.sendto(frame(b"")[:size], to_left(peers))
        sender.sendto(frame(b""), to_left(peers))

        assert observe("received", len(receiver.recv(100))) == 14


@claim(
    "packet.7/EINVAL/receive-flags",
    sentence="packet.7/errors/einval",
    section=SECTION,
    says="A receive on a packet socket of SOCK_RAW with MSG_OOB or MSG_WAITALL is refused with EINVAL, and "
    "what waits stays.",
    needs=NEEDS,
)
@pytest.mark.parametrize("flag", [MSG_OOB, MSG_WAITALL], ids=["oob", "waitall"])
def test_some_flags_are_refused(peers, observe, flag):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left) as sender:
        sender.sendto(frame(b"hello"), to_left(peers))
        await_readable(receiver)
        with refused(errno.EINVAL):
            receiver.recv(100, flag | MSG_DONTWAIT)

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "hello"


@claim(
    "packet.7/Ioctls/netdevice",
    sentence="packet.7/Ioctls/standard",
    section="Ioctls",
    says="A packet socket of SOCK_RAW or SOCK_DGRAM takes ioctls of netdevice(7): SIOCSIFMTU sets the MTU of "
    "an interface, and SIOCGIFMTU gives it.",
    needs=[*NEEDS, Capability.NET_ADMIN],
)
@TYPES
def test_it_takes_ioctls_of_interfaces(peers, observe, type_):
    left = peers.left
    with packet_socket(left, type_) as sock:
        before = network_number(sock, SIOCGIFMTU, left.device)
        network_ioctl(sock, SIOCSIFMTU, left.device, word(1400))

        assert observe("mtu", [before, network_number(sock, SIOCGIFMTU, left.device)]) == [1500, 1400]


@claim(
    "packet.7/Ioctls/socket",
    sentence="packet.7/Ioctls/standard",
    section="Ioctls",
    says="A packet socket of SOCK_RAW or SOCK_DGRAM takes ioctls of socket(7): SIOCSPGRP says which process "
    "gets its signals, and SIOCGPGRP gives that; 0 is none, as at first.",
    needs=[Capability.NET_RAW],
)
@TYPES
def test_it_takes_ioctls_of_sockets(ns, observe, type_):
    with packet_socket(None, type_) as sock:
        before = owner(sock)
        fcntl.ioctl(sock, SIOCSPGRP, word(os.getpid()))

        assert observe("before_and_this_process", [before, owner(sock) == os.getpid()]) == [0, True]


@claim(
    "defacto/FIONREAD/packet",
    says="FIONREAD of a packet socket, of SOCK_RAW or SOCK_DGRAM, is the size of the packet that is received "
    "next, whatever waits behind it, and 0 if none waits.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@pytest.mark.parametrize(("type_", "header"), [(SOCK_RAW, HEADER), (SOCK_DGRAM, 0)], ids=["raw", "dgram"])
def test_the_next_packet_is_measured(peers, observe, type_, header):
    with packet_socket(peers.right, type_) as receiver, sending_socket(peers.left) as sender:
        sizes = [asked(receiver, FIONREAD)]
        sender.sendto(frame(b"123"), to_left(peers))
        sender.sendto(frame(b"45678"), to_left(peers))
        await_readable(receiver)
        sizes.append(asked(receiver, FIONREAD))
        receiver.recv(100)
        await_readable(receiver)
        sizes.append(asked(receiver, FIONREAD))
        receiver.recv(100)
        sizes.append(asked(receiver, FIONREAD))

    assert observe("sizes", sizes) == [0, header + 3, header + 5, 0]
