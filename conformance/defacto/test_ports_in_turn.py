"""Ports that several sockets try: by interface, three at a time, and while a connection has one."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening, pending_connection
from conformance.plugin.setups.pairs import AWAITED, await_those_before, udp_pair
from conformance.plugin.setups.ports import bind_at_last, bound_at_last, bound_in_turn
from conformance.plugin.setups.reuse import STAY_OPEN, arrivals, group, sharing_socket
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.unix_names import listen_where_one_can
from libsocket import Shutdown, Socket

KINDS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
LOOPBACK: dict[int, str] = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
ANY: dict[int, str] = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
IN_USE = "EADDRINUSE"
RANGE = "net.ipv4.ip_local_port_range"
CLOSED = {"no-op: close(*": "the test ends with it"}


@pytest.fixture
def devices(ns):
    """A namespace that has the interface ``left``, too."""
    ns.add_veth("left", "right")
    return ns


@claim(
    "defacto/SO_BINDTODEVICE/ports-apart",
    says="Two TCP or two UDP sockets over IPv4 can be bound to one port without options if SO_BINDTODEVICE "
    "has bound them to two interfaces, and not if to one: EADDRINUSE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@KINDS
def test_two_interfaces_have_a_port_each(devices, observe, make):
    assert observe("bound", [bound_in_turn(make, "lo", "left"), bound_in_turn(make, "lo", "lo")]) == [
        ["bound", "bound"],
        ["bound", IN_USE],
    ]


@claim(
    "defacto/SO_BINDTODEVICE/port-of-all",
    says="Of two TCP or two UDP sockets over IPv4 for one port of which one is bound to an interface and one "
    "to none the second cannot be bound, EADDRINUSE, until the first is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@KINDS
@pytest.mark.parametrize(("first", "second"), [("any", "lo"), ("lo", "any")], ids=["any-first", "any-second"])
def test_no_interface_is_each(devices, observe, make, first, second):
    found = bound_in_turn(make, first, second, "close 0", second)

    assert observe("bound", found) == ["bound", IN_USE, "bound"]


@claim(
    "defacto/SO_BINDTODEVICE/port-shared",
    says="Two TCP or two UDP sockets over IPv4 for one port, both bound to an interface, or one of them to "
    "none, can be bound if both have SO_REUSEADDR, or both SO_REUSEPORT, and not if one has, or each the "
    "other: EADDRINUSE.",
    since="3.9",
    commit="c617f398edd4",
    needs=[VETH],
)
@KINDS
@pytest.mark.parametrize(("first", "second"), [("any", "lo"), ("lo", "any"), ("lo", "lo")])
@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("addr", "addr", "bound"),
        ("port", "port", "bound"),
        ("addr", "", IN_USE),
        ("", "addr", IN_USE),
        ("port", "", IN_USE),
        ("", "port", IN_USE),
        ("addr", "port", IN_USE),
    ],
)
def test_both_share(devices, observe, *, make, first, second, ours, theirs, expected):
    found = bound_in_turn(make, f"{first} {ours}", f"{second} {theirs}")

    assert observe("bound", found) == ["bound", expected]


@claim(
    "defacto/SO_BINDTODEVICE/port-after-move",
    says="A port that a UDP or TCP socket over IPv4 was bound to on one interface is free there once the "
    "socket is closed, though SO_BINDTODEVICE has bound it to another since.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@KINDS
def test_a_moved_socket_leaves_its_port(devices, observe, make):
    found = bound_in_turn(make, "lo", "lo", "move 0 left", "close 0", "lo", "left")

    assert observe("bound", found) == ["bound", IN_USE, "bound", "bound"]


@claim(
    "defacto/bind/third-shares-with-each",
    says="A third UDP or TCP socket over IPv4 for a port has to share SO_REUSEADDR or SO_REUSEPORT with each "
    "of the two that have it: EADDRINUSE; once one of them is closed, with the other alone.",
    since="3.9",
    commit="c617f398edd4",
)
@KINDS
@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        ("any addr port", "any addr", "any port"),
        ("any addr port", "any port", "any addr"),
    ],
    ids=["addr", "port"],
)
def test_a_third_shares_with_each(ns, observe, *, make, first, second, third):
    found = bound_in_turn(make, first, second, third, "close 1", third)

    assert observe("bound", found) == ["bound", "bound", IN_USE, "bound"]


def by_device(kind: str, stack: ExitStack, *hosts: str) -> list[Socket]:
    """Sockets that share a port by SO_REUSEPORT, each bound to an interface, or to none for an empty name."""
    members = [stack.enter_context(sharing_socket(SOCKETS[kind])) for _ in hosts]
    port = 0
    for sock, device in zip(members, hosts, strict=True):
        if device:
            sock.bindtodevice = device
        sock.bind(("127.0.0.1", port))
        port = sock.getsockname()[1]
        listen_where_one_can(sock)
    return members


@claim(
    "defacto/SO_REUSEPORT/by-interface",
    says="Of UDP or TCP sockets over IPv4 that share a port by SO_REUSEPORT those that are bound to the "
    "interface by which datagrams or connections come, and were bound to the port, and listened, last, get "
    "all, each some; once they are closed one bound to no interface gets all, and one bound to another "
    "interface nothing.",
    since="4.6",
    commit="c125e80b8868",
    needs=[VETH],
    survives=STAY_OPEN,
)
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_the_interface_counts(devices, observe, kind):
    with ExitStack() as stack:
        members = by_device(kind, stack, "", "left", "lo", "lo")
        counts = arrivals(members, 30)
        members[2].close()
        members[3].close()
        rest = arrivals(members[:2], 10)

        found = [counts[:2], min(counts[2:]) > 0, sum(counts[2:]), rest]
        assert observe("others_each_all_rest", found) == [[0, 0], True, 30, [10, 0]]


@claim(
    "defacto/SO_REUSEPORT/no-interface-last",
    says="Of UDP or TCP sockets over IPv4 that share a port by SO_REUSEPORT one that is bound to no "
    "interface, and was bound to the port, and listened, last, gets all, also what comes by the interface to "
    "which the others are bound.",
    since="4.6",
    commit="c125e80b8868",
    survives=STAY_OPEN,
)
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_the_last_counts(ns, observe, kind):
    with ExitStack() as stack:
        members = by_device(kind, stack, "lo", "lo", "")

        assert observe("counts", arrivals(members, 10)) == [0, 0, 10]


@claim(
    "defacto/SO_REUSEPORT/even",
    says="Of 200 datagrams or connections over IPv4, each from a port of its own, each of three UDP or TCP "
    "sockets that share a port by SO_REUSEPORT gets about a third: between 25 and 110.",
    since="3.9",
    commit="ba418fa357a7",
    survives=STAY_OPEN,
)
@KINDS
def test_shares_are_about_even(ns, observe, make):
    with group(3, make) as members:
        counts = arrivals(members, 200)

        assert observe("all_and_within", [sum(counts), min(counts) > 25, max(counts) < 110]) == [
            200,
            True,
            True,
        ]


@claim(
    "defacto/SO_REUSEPORT/one-flow-one-socket",
    says="All datagrams that one UDP socket over IPv4 sends go to the same of three that share a port by "
    "SO_REUSEPORT.",
    since="3.9",
    commit="ba418fa357a7",
    survives=AWAITED,
)
def test_a_flow_goes_to_one(ns, observe):
    with group(3) as members, Socket.udp() as sender:
        sender.connect(members[0].getsockname())
        for _ in range(10):
            sender.send(b"x")
        await_those_before(udp_pair)
        counts = [received(sock) for sock in members]
        ports = {sock.getsockname()[1] for sock in members}

        assert observe("ports_and_counts", [len(ports), sorted(counts)]) == [1, [0, 0, 10]]


def received(sock: Socket) -> int:
    """How many datagrams wait."""
    count = 0
    while True:
        try:
            sock.recv(9, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return count
        count += 1


@claim(
    "defacto/SO_REUSEADDR/ipv6-listener-keeps-ipv4",
    says="While a TCP socket with SO_REUSEADDR listens at ::, another with it cannot be bound to the port "
    "at 0.0.0.0 or 127.0.0.1: EADDRINUSE; with IPV6_V6ONLY at the first it can.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1"])
def test_a_listener_of_both_has_both(ns, observe, host):
    with Socket.tcp(socket.AF_INET6) as listener, Socket.tcp(socket.AF_INET6) as alone, Socket.tcp() as sock:
        listener.reuseaddr = alone.reuseaddr = sock.reuseaddr = True
        alone.ipv6_v6only = True
        listener.bind(("::", 0))
        listener.listen()
        alone.bind(("::", 0))
        alone.listen()
        with refused(errno.EADDRINUSE):
            sock.bind((host, listener.getsockname()[1]))
        sock.bind((host, alone.getsockname()[1]))
        same = sock.getsockname() == (host, alone.getsockname()[1])

        found = [[one.reuseaddr for one in (listener, alone, sock)], listener.acceptconn, alone.acceptconn]
        assert observe("options_listening_same", [*found, same]) == [[True, True, True], True, True, True]


@claim(
    "defacto/connect/chosen-port-kept",
    says="The port that connect(2) chose for a TCP or UDP socket, over IPv4 and IPv6, cannot be bound by "
    "another at its address, or at every one: EADDRINUSE; another port can.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=UDP_NEEDS_NO_LISTENER,
)
@FAMILIES
@pytest.mark.parametrize("any_", [False, True], ids=["own", "any"])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def test_a_chosen_port_is_taken(ns, observe, *, family, kind, any_):
    with listening(LOOPBACK[family]) as listener, Socket(family, kind) as sock, Socket(family, kind) as other:
        sock.connect(listener.getsockname())
        host = (ANY if any_ else LOOPBACK)[family]
        port = sock.getsockname()[1]
        with refused(errno.EADDRINUSE):
            other.bind((host, port))
        other.bind((host, 0))

        assert observe("bound", other.getsockname()[0]) == host


@claim(
    "defacto/connect/chosen-port-shared",
    says="The port that connect(2) chose for a TCP socket over IPv4 or IPv6 can be bound by another at its "
    "address if both have SO_REUSEADDR.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_chosen_port_is_shared(ns, observe, family):
    with listening(LOOPBACK[family]) as listener, Socket.tcp(family) as sock, Socket.tcp(family) as other:
        sock.reuseaddr = True
        sock.connect(listener.getsockname())
        with refused(errno.EADDRINUSE):
            other.bind(sock.getsockname())
        other.reuseaddr = True
        other.bind(sock.getsockname())

        assert observe("same", other.getsockname() == sock.getsockname()) is True


def reusing(make: Callable[[], Socket]) -> Socket:
    """A socket with SO_REUSEADDR."""
    sock = make()
    sock.reuseaddr = True
    return sock


@claim(
    "defacto/listen/shut-keeps-port",
    says="After SHUT_RD of a TCP listener over IPv4 that was bound to a port of its choice that is still "
    "taken, EADDRINUSE, and who connects is refused; once it is closed another listens there.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_shut_listener_has_its_port(ns, observe):
    address = ("127.0.0.1", 4321)
    with Socket.tcp() as listener, Socket.tcp() as other, Socket.tcp() as client, Socket.tcp() as late:
        listener.bind(address)
        listener.listen()
        listener.shutdown(Shutdown.READ)
        with refused(errno.EADDRINUSE):
            other.bind(address)
        with refused(errno.ECONNREFUSED, "errno_of_client"):
            client.connect(address)
        listener.close()
        other.bind(address)
        other.listen()
        late.connect(address)

        assert observe("connected", late.getpeername() == address) is True


@claim(
    "defacto/listen/shut-frees-chosen-port",
    says="SHUT_RD of a TCP listener over IPv4 whose port bind(2) to port 0 chose leaves that to others: "
    "another is bound to it, which fails with EADDRINUSE before.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_chosen_port_is_left(ns, observe):
    with listening() as listener, Socket.tcp() as other:
        address = listener.getsockname()
        with refused(errno.EADDRINUSE):
            other.bind(address)
        listener.shutdown(Shutdown.READ)
        other.bind(address)

        assert observe("bound", other.getsockname() == address) is True


@claim(
    "defacto/bind/after-passive-close",
    says="The address of a TCP client over IPv4 whose peer closed first, with nothing unread, can be bound "
    "by another, without SO_REUSEADDR, once it is closed and its peer has acknowledged that; that of "
    "the listener, closed too, cannot while the peer is in TIME-WAIT: EADDRINUSE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    expect=differs(
        "it can, too",
        since="6.1",
        until="6.1.5",
        commit="28044fc1d495",
        observed={"errno": None},
    ),
)
def test_who_closes_last_leaves_its_port(ns, observe):
    with listening() as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        there, here = listener.getsockname(), client.getsockname()
        server.close()
        client.read_to_end()
        client.close()
        listener.close()
        bound = bound_at_last(here)
        with Socket.tcp() as other, refused(errno.EADDRINUSE):
            other.bind(there)

        assert observe("bound", bound == here) is True


@claim(
    "defacto/connect/from-time-wait",
    says="With SO_REUSEADDR another TCP socket over IPv4 listens at once at the address of a listener whose "
    "side closed first, and a client connects there from the address and port of that connection, which "
    "waits in TIME-WAIT.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_connection_comes_again(ns, observe):
    with reusing(Socket.tcp) as listener, reusing(Socket.tcp) as again, reusing(Socket.tcp) as late:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pending_connection(listener) as client, listener.accept()[0] as server:
            there, here = listener.getsockname(), client.getsockname()
            server.close()
            client.read_to_end()
        options = [one.reuseaddr for one in (listener, again, late)]
        listener.close()
        again.bind(there)
        again.listen()
        bind_at_last(late, here)  # at first the one before is in LAST-ACK
        late.connect(there)
        with again.accept()[0] as accepted:
            assert observe("options_and_same", [options, accepted.getpeername() == here]) == [
                [True] * 3,
                True,
            ]


@claim(
    "defacto/bind/narrowed-by-connect",
    says="A TCP socket that was bound to :: and has connected over IPv6 leaves its port free at 127.0.0.1, "
    "where it did not before, and not at 0.0.0.0: EADDRINUSE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_a_connected_socket_has_one_address(ns, observe):
    with listening("::1") as listener, Socket.tcp(socket.AF_INET6) as sock, Socket.tcp() as other:
        sock.bind(("::", 0))
        port = sock.getsockname()[1]
        with refused(errno.EADDRINUSE):
            other.bind(("127.0.0.1", port))
        sock.connect(listener.getsockname())
        with refused(errno.EADDRINUSE, "errno_at_any"):
            other.bind(("0.0.0.0", port))
        other.bind(("127.0.0.1", port))

        assert observe("bound", other.getsockname() == ("127.0.0.1", port)) is True
