"""SO_BINDTODEVICE: one interface for a socket."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from libsocket import SO_BINDTODEVICE, Socket, raw
from netns import Capability

IFNAMSIZ = 16
ETH_P_IP = 0x0800


@claim(
    "socket.7/SO_BINDTODEVICE/only-that-interface",
    sentence=("libsocket/bindtodevice/binds", "libsocket/bindtodevice/receives"),
    section="Socket options",
    says="A bound socket receives what comes in by its interface and nothing else.",
    since="2.0.30",
    needs=[VETH],
)
def test_packets_from_other_interfaces_are_not_received(peers, observe):
    with peers.left.entered():
        local, receiver, witness = Socket.udp(), Socket.udp(), Socket.udp()
    with peers.right.entered():
        remote = Socket.udp()
    with local, receiver, witness, remote:
        receiver.bindtodevice = "lo"
        receiver.bind(("0.0.0.0", 0))
        witness.bind((peers.left.address, 0))
        port = receiver.getsockname()[1]
        remote.sendto(b"by the wire", (peers.left.address, port))
        remote.sendto(b"all of the wire has come", witness.getsockname())
        witness.recv(100)
        local.sendto(b"by loopback", ("127.0.0.1", port))

        assert observe("first_received", receiver.recv(100).decode()) == "by loopback"


@claim(
    "socket.7/SO_BINDTODEVICE/empty-name-unbinds",
    sentence="libsocket/bindtodevice/unbinds",
    section="Socket options",
    says="An empty name removes the binding.",
    needs=[Capability.NET_RAW],
)
def test_an_empty_name_unbinds(ns, observe):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"
        sock.set(SO_BINDTODEVICE.through(raw(1)), b"\0")

        assert observe("device", sock.bindtodevice) == ""


@claim(
    "socket.7/SO_BINDTODEVICE/zero-length-unbinds",
    sentence="libsocket/bindtodevice/unbinds",
    section="Socket options",
    says="An option of length zero removes the binding.",
    needs=[Capability.NET_RAW],
)
def test_a_length_of_zero_unbinds(ns, observe):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"
        sock.set(SO_BINDTODEVICE.through(raw(0)), b"")

        assert observe("device", sock.bindtodevice) == ""


@claim(
    "socket.7/SO_BINDTODEVICE/ends-with-nul",
    sentence="libsocket/bindtodevice/name",
    section="Socket options",
    says="The name has any length and ends with a NUL: what comes after that does not count.",
)
@pytest.mark.parametrize(
    "option", [b"lo\0", b"lo\0\0\0\0", b"lo\0of no use"], ids=["short", "padded", "trailed"]
)
def test_the_name_ends_with_a_nul(ns, observe, option):
    with Socket.udp() as sock:
        sock.set(SO_BINDTODEVICE.through(raw(IFNAMSIZ)), option)

        assert observe("device", sock.bindtodevice) == "lo"


@claim(
    "socket.7/SO_BINDTODEVICE/at-most-ifnamsiz",
    sentence="libsocket/bindtodevice/name",
    section="Socket options",
    says="A name may fill IFNAMSIZ bytes with its NUL.",
    needs=[VETH],
)
def test_a_name_may_fill_ifnamsiz(ns, observe):
    name = "d" * (IFNAMSIZ - 1)
    ns.add_veth(name, "end")
    with Socket.udp() as sock:
        sock.bindtodevice = name

        assert observe("device", sock.bindtodevice) == name


@claim(
    "socket.7/SO_BINDTODEVICE/some-types-only",
    sentence="libsocket/bindtodevice/types",
    section="Socket options",
    says="It works on some types of sockets only: UNIX sockets bound to different interfaces still talk.",
    needs=[VETH],
)
def test_a_unix_socket_is_not_bound(ns, observe):
    ns.add_veth("other", "end")
    left, right = Socket.pair()
    with left, right:
        left.bindtodevice = "lo"
        right.bindtodevice = "other"
        left.send(b"all the same")

        assert observe("received", right.recv(20).decode()) == "all the same"


@claim(
    "socket.7/SO_BINDTODEVICE/not-packet-sockets",
    sentence="libsocket/bindtodevice/packet",
    section="Socket options",
    says="A packet socket cannot be bound by it: packets of other interfaces are received all the same.",
    needs=[Capability.NET_RAW, VETH],
)
def test_a_packet_socket_is_not_bound(ns, observe):
    ns.add_veth("other", "end")
    with Socket.packet(socket.SOCK_DGRAM, ETH_P_IP) as sock, Socket.udp() as sender:
        sock.bindtodevice = "other"
        sock.rcvtimeo = 10
        sender.sendto(b"over loopback", ("127.0.0.1", 9))

        assert observe("came_by", sock.recvfrom(100)[1][0]) == "lo"


@claim(
    "socket.7/SO_BINDTODEVICE/readable",
    sentence=("libsocket/bindtodevice/binds", "libsocket/bindtodevice/since-3.8"),
    section="Socket options",
    says="The option can be read: it is the name of the interface.",
    since="3.8",
)
def test_the_name_reads_back(ns, observe):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"

        assert observe("device", sock.bindtodevice) == "lo"


@claim(
    "socket.7/SO_BINDTODEVICE/unreadable",
    sentence="libsocket/bindtodevice/before-3.8",
    section="Socket options",
    says="The option can be set and not read.",
    until="3.8",
)
def test_the_name_cannot_be_read(ns, observe):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"

        with refused(errno.ENOPROTOOPT):
            sock.get(SO_BINDTODEVICE)


@claim(
    "socket.7/SO_BINDTODEVICE/length-reported",
    sentence="libsocket/bindtodevice/length",
    section="Socket options",
    says="Reading tells how long the name is, its NUL included, whatever the room for it.",
    since="3.8",
)
@pytest.mark.parametrize("room", [IFNAMSIZ, 100])
def test_reading_tells_the_length(ns, observe, room):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"

        assert observe("length", len(sock.get(SO_BINDTODEVICE.through(raw(room))))) == len(b"lo\0")
