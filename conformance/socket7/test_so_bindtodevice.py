"""SO_BINDTODEVICE: one interface for a socket."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.pairs import received_until, udp_pair
from conformance.plugin.timing import SOON
from libsocket import SO_BINDTODEVICE, Socket, raw
from netns import Capability

IFNAMSIZ = 16


@pytest.fixture
def bound_elsewhere(ns):
    """A UDP sender over loopback, and its receiver, which is bound to another interface."""
    ns.add_veth("other", "end")
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.bindtodevice = "other"
        yield sender, receiver


@claim(
    "socket.7/SO_BINDTODEVICE/only-that-interface",
    sentence=(
        "libsocket/bindtodevice/binds",
        "libsocket/bindtodevice/receives",
        "socket.7/SO_BINDTODEVICE/binds",
        "socket.7/SO_BINDTODEVICE/receives",
        "socket.7/versions/bindtodevice",
    ),
    section="Socket options",
    says="A UDP socket over IPv4 that is bound to an interface does not receive what another host sends by "
    "another interface.",
    since="2.0.30",
    needs=[VETH],
)
def test_packets_from_other_interfaces_are_not_received(peers, observe):
    with peers.left.entered():
        local, unbound, bound = Socket.udp(), Socket.udp(), Socket.udp()
    with peers.right.entered():
        remote = Socket.udp()
    with local, unbound, bound, remote:
        unbound.reuseaddr = bound.reuseaddr = True
        unbound.rcvtimeo = bound.rcvtimeo = 5
        unbound.bind(("0.0.0.0", 0))
        port = unbound.getsockname()[1]
        bound.bindtodevice = "lo"
        bound.bind(("0.0.0.0", port))
        remote.sendto(b"by the wire", (peers.left.address, port))
        local.sendto(b"by loopback", ("127.0.0.1", port))

        assert observe("unbound_and_bound", [unbound.recv(20).decode(), bound.recv(20).decode()]) == [
            "by the wire",
            "by loopback",
        ]


@claim(
    "socket.7/SO_BINDTODEVICE/empty-name-unbinds",
    sentence=("libsocket/bindtodevice/unbinds", "socket.7/SO_BINDTODEVICE/unbinds"),
    section="Socket options",
    says="On a UDP socket over IPv4 an empty name removes the binding: what comes by another interface is "
    "received.",
    since="2.0.30",
    needs=[Capability.NET_RAW, VETH],
)
def test_an_empty_name_unbinds(bound_elsewhere, observe):
    sender, receiver = bound_elsewhere
    bound = receiver.bindtodevice
    receiver.set(SO_BINDTODEVICE.through(raw(1)), b"\0")
    sender.send(b"by lo")

    assert observe("bound_and_received", [bound, receiver.recv(20).decode()]) == ["other", "by lo"]


@claim(
    "socket.7/SO_BINDTODEVICE/zero-length-unbinds",
    sentence=("libsocket/bindtodevice/unbinds", "socket.7/SO_BINDTODEVICE/unbinds"),
    section="Socket options",
    says="On a UDP socket over IPv4 an option of length zero removes the binding: what comes by another "
    "interface is received.",
    since="2.0.30",
    needs=[Capability.NET_RAW, VETH],
)
def test_a_length_of_zero_unbinds(bound_elsewhere, observe):
    sender, receiver = bound_elsewhere
    bound = receiver.bindtodevice
    receiver.set(SO_BINDTODEVICE.through(raw(0)), b"")
    sender.send(b"by lo")

    assert observe("bound_and_received", [bound, receiver.recv(20).decode()]) == ["other", "by lo"]


@claim(
    "socket.7/SO_BINDTODEVICE/ends-with-nul",
    sentence=("libsocket/bindtodevice/name", "socket.7/SO_BINDTODEVICE/name"),
    section="Socket options",
    says="A UDP socket takes a name of any size up to IFNAMSIZ, which ends with its NUL: what comes after "
    "does not count.",
    since="2.0.30",
)
@pytest.mark.parametrize(
    "option",
    [b"lo\0", b"lo\0\0\0\0", b"lo\0of no use", b"lo\0".ljust(IFNAMSIZ, b"x")],
    ids=["short", "padded", "trailed", "full"],
)
def test_the_name_ends_with_a_nul(ns, observe, option):
    with Socket.udp() as sock:
        sock.set(SO_BINDTODEVICE.through(raw(len(option))), option)

        assert observe("device", sock.bindtodevice) == "lo"


@claim(
    "socket.7/SO_BINDTODEVICE/at-most-ifnamsiz",
    sentence=("libsocket/bindtodevice/name", "socket.7/SO_BINDTODEVICE/name"),
    section="Socket options",
    says="On a UDP socket a name may fill IFNAMSIZ bytes with its NUL.",
    since="2.0.30",
    needs=[VETH],
)
def test_a_name_may_fill_ifnamsiz(ns, observe):
    name = "d" * (IFNAMSIZ - 1)
    ns.add_veth(name, "end")
    with Socket.udp() as sock:
        sock.set(SO_BINDTODEVICE.through(raw(IFNAMSIZ)), name.encode() + b"\0")

        assert observe("device", sock.bindtodevice) == name


@claim(
    "socket.7/SO_BINDTODEVICE/no-more-than-ifnamsiz",
    sentence=("libsocket/bindtodevice/name", "socket.7/SO_BINDTODEVICE/name"),
    section="Socket options",
    says="On a UDP socket a name that takes more than IFNAMSIZ bytes with its NUL is refused.",
    since="2.0.30",
    needs=[VETH],
    expect=differs(
        "its first IFNAMSIZ - 1 bytes are taken for the name",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"device_before": "d" * (IFNAMSIZ - 1), "errno": None},
    ),
    survives={
        'no-op: setsockopt(*SO_BINDTODEVICE, "dddddddddddddddd*': "where nothing is refused the test ends"
    },
)
def test_a_name_of_more_than_ifnamsiz_is_refused(ns, observe):
    name = "d" * (IFNAMSIZ - 1)
    ns.add_veth(name, "end")
    with Socket.udp() as sock:
        sock.set(SO_BINDTODEVICE.through(raw(IFNAMSIZ)), name.encode() + b"\0")
        observe("device_before", sock.bindtodevice)

        with refused():
            sock.set(SO_BINDTODEVICE.through(raw(IFNAMSIZ + 1)), name.encode() + b"d\0")


@claim(
    "socket.7/SO_BINDTODEVICE/some-types-only",
    sentence=("libsocket/bindtodevice/types", "socket.7/SO_BINDTODEVICE/types"),
    section="Socket options",
    says="SO_BINDTODEVICE does not work on UNIX streams: two that are bound to different interfaces still "
    "talk.",
    since="2.0.30",
    needs=[VETH],
)
def test_a_unix_socket_is_not_bound(ns, observe):
    ns.add_veth("other", "end")
    left, right = Socket.pair()
    with left, right:
        left.bindtodevice = "lo"
        right.bindtodevice = "other"
        left.send(b"all the same")

        assert observe(
            "bound_and_received", [left.bindtodevice, right.bindtodevice, right.recv(20).decode()]
        ) == ["lo", "other", "all the same"]


@claim(
    "socket.7/SO_BINDTODEVICE/not-packet-sockets",
    sentence=("libsocket/bindtodevice/packet", "socket.7/SO_BINDTODEVICE/packet"),
    section="Socket options",
    says="A packet socket cannot be bound by it: packets of other interfaces are received all the same.",
    since="2.0.30",
    needs=[Capability.NET_RAW, VETH],
)
def test_a_packet_socket_is_not_bound(ns, observe):
    ns.add_veth("other", "end")
    with packets() as sock, Socket.udp() as sender:
        sock.bindtodevice = "other"
        sock.rcvtimeo = 5
        sender.sendto(b"over loopback", ("127.0.0.1", 9))

        assert observe("bound_to_and_came_by", [sock.bindtodevice, sock.recvfrom(100)[1][0]]) == [
            "other",
            "lo",
        ]


@claim(
    "socket.7/SO_BINDTODEVICE/readable",
    sentence=(
        "libsocket/bindtodevice/binds",
        "libsocket/bindtodevice/since-3.8",
        "socket.7/SO_BINDTODEVICE/since-3.8",
    ),
    section="Socket options",
    says="SO_BINDTODEVICE can be read on a UDP, TCP or UNIX socket: it is the name of the interface.",
    since="3.8",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_the_name_reads_back(ns, observe, make):
    with make() as sock:
        sock.bindtodevice = "lo"

        assert observe("device", sock.bindtodevice) == "lo"


@claim(
    "socket.7/SO_BINDTODEVICE/unreadable",
    sentence=("libsocket/bindtodevice/before-3.8", "socket.7/SO_BINDTODEVICE/before-3.8"),
    section="Socket options",
    says="SO_BINDTODEVICE can be set on a UDP socket and not read.",
    since="2.0.30",
    until="3.8",
    survives={"no-op: setsockopt(*SO_BINDTODEVICE*": "what can be read of it is no part of the statement"},
)
def test_the_name_cannot_be_read(ns, observe):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"

        with refused():
            sock.get(SO_BINDTODEVICE)


@claim(
    "socket.7/SO_BINDTODEVICE/length-reported",
    sentence=("libsocket/bindtodevice/length", "socket.7/SO_BINDTODEVICE/length"),
    section="Socket options",
    says="Reading SO_BINDTODEVICE of a UDP socket tells the real length of the name, its NUL included, "
    "where there is room for IFNAMSIZ bytes or more.",
    since="3.8",
)
@pytest.mark.parametrize("room", [IFNAMSIZ, IFNAMSIZ + 1, 100])
def test_reading_tells_the_length(ns, observe, room):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"

        assert observe("length", len(sock.get(SO_BINDTODEVICE.through(raw(room))))) == len(b"lo\0")


@claim(
    "socket.7/SO_BINDTODEVICE/not-what-passes-by-lo",
    sentence=("libsocket/bindtodevice/receives", "socket.7/SO_BINDTODEVICE/receives"),
    section="Socket options",
    says="A UDP socket over IPv4 that is bound to an interface does not receive what its own host sends to "
    "that interface's address: it passes by the loopback interface.",
    since="2.0.30",
    needs=[VETH],
    expect=differs(
        "it is received as if it had come in by the interface that has the address",
        since="4.14",
        commit="839da4d98960",
        observed={
            "received_unbound": "to 127.0.0.1",
            "received": ["to the own address", "by the wire"],
        },
    ),
)
def test_what_a_host_sends_to_itself_is_not_received(peers, observe):
    with peers.left.entered():
        local, unbound, bound = Socket.udp(), Socket.udp(), Socket.udp()
    with peers.right.entered():
        remote = Socket.udp()
    with local, unbound, bound, remote:
        unbound.reuseaddr = bound.reuseaddr = True
        unbound.rcvtimeo = bound.rcvtimeo = 5
        bound.bindtodevice = peers.left.device
        unbound.bind(("0.0.0.0", 0))
        port = unbound.getsockname()[1]
        bound.bind(("0.0.0.0", port))
        local.sendto(b"to 127.0.0.1", ("127.0.0.1", port))
        local.sendto(b"to the own address", (peers.left.address, port))
        remote.sendto(b"by the wire", (peers.left.address, port))
        observe("received_unbound", unbound.recv(20).decode())

        assert observe("received", received_until("by the wire", bound)) == ["by the wire"]
