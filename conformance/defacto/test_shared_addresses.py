"""Sockets that share a port: who gets what comes; and a socket of IPv6 to which or by which IPv4 comes."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.readiness import await_readable, readable_by_poll
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.udp import udp_receiver
from conformance.plugin.timing import SOON
from libsocket import InPktinfo, Shutdown, Socket, Tos, TrafficClass

HERE = ("127.0.0.1", 4321)
ADDRESSES = [("", "127.0.0.1", "0.0.0.0"), ("6", "::1", "::")]
FAMILIES = pytest.mark.parametrize(("version", "host", "every"), ADDRESSES, ids=["ipv4", "ipv6"])


def bound(kind: str, host: str, port: int) -> Socket:
    """A socket with SO_REUSEPORT at an address."""
    sock = SOCKETS[kind]()
    sock.reuseport = True
    sock.rcvtimeo = SOON
    sock.bind((host, port))
    return sock


def port_of(sock: Socket) -> int:
    port: int = sock.getsockname()[1]
    return port


@claim(
    "defacto/SO_REUSEPORT/address-before-wildcard-udp",
    says="Of two UDP sockets with SO_REUSEPORT at one port, over IPv4 and IPv6, the one that is bound to "
    "the address gets each of 10 datagrams that are sent there from different ports, and the one at the "
    "wildcard address none, until the other is closed.",
    since="3.9",
    commit="ba418fa357a7",
    needs=[IPV6],
    survives={"no-op: close() = 0*": "who has sent may stay open"},
)
@FAMILIES
def test_the_address_comes_first(ns, observe, version, host, every):
    kind = "udp" + version
    with bound(kind, every, 0) as wide, bound(kind, host, port_of(wide)) as narrow:
        address = (host, port_of(wide))
        sent = [send_from_anew(kind, address) for _ in range(10)]
        received = [narrow.recv(9).decode() for _ in sent]
        nothing = readable_by_poll(wide)
        narrow.close()
        send_from_anew(kind, address)

        found = [received, nothing, wide.recv(9).decode()]
        assert observe("narrow_wide_then", found) == [["hello"] * 10, False, "hello"]


def send_from_anew(kind: str, address: tuple[str, int]) -> int:
    """Send from a port of its own."""
    with SOCKETS[kind]() as sock:
        return sock.sendto(b"hello", address)


@claim(
    "defacto/SO_REUSEPORT/address-before-wildcard-tcp",
    says="Of two TCP listeners with SO_REUSEPORT at one port, over IPv4 and IPv6, the one that is bound to "
    "the address gets who connects there, and once it is closed the one at the wildcard address does; a "
    "connection that waited at it is reset.",
    since="3.9",
    commit="c617f398edd4",
    needs=[IPV6],
    survives={"no-op: close() = 0*": "whose connection was reset may stay open"},
)
@FAMILIES
def test_the_listener_at_the_address_comes_first(ns, observe, version, host, every):
    kind = "tcp" + version
    with bound(kind, every, 0) as wide, bound(kind, host, port_of(wide)) as narrow, SOCKETS[kind]() as later:
        wide.listen()
        narrow.listen()
        with pending_connection(narrow) as client:
            client.rcvtimeo = SOON
            nobody = readable_by_poll(wide)
            address = narrow.getsockname()
            narrow.close()
            with refused(errno.ECONNRESET):
                client.recv(9)
        later.connect(address)
        await_readable(wide)
        with wide.accept()[0] as server:
            same = server.getpeername() == later.getsockname()

        assert observe("at_wide_before_and_after", [nobody, same]) == [False, True]


@claim(
    "defacto/listen/shut-while-accepted",
    says="A TCP listener, over IPv4 and IPv6, that was shut down for receiving listens again while a "
    "connection that it accepted goes on, with SO_REUSEADDR and without.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")])
@pytest.mark.parametrize("reuse", [True, False])
def test_it_listens_again(ns, observe, kind, host, reuse):
    with SOCKETS[kind]() as listener:
        share(listener, reuse)
        listener.bind((host, 0))
        listener.listen()
        with pending_connection(listener) as client, listener.accept()[0] as server:
            server.rcvtimeo = SOON
            listener.shutdown(Shutdown.READ)
            states = [listener.reuseaddr, listener.acceptconn]
            listener.listen()
            client.send(b"hello")
            with pending_connection(listener):
                found = [*states, listener.acceptconn, server.recv(9).decode()]

                assert observe("reuse_states_received", found) == [reuse, False, True, "hello"]


def share(sock: Socket, reuse: bool) -> None:
    """Set SO_REUSEADDR, or not."""
    if reuse:
        sock.reuseaddr = True


@claim(
    "defacto/SO_REUSEADDR/listener-shut",
    says="While a TCP listener over IPv4 with SO_REUSEADDR, bound to a port that it named, listens, "
    "another with it cannot be bound there (EADDRINUSE); once it was shut down, though it is open, another "
    "can be, and listens.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_address_of_who_was_shut_down(ns, observe):
    with Socket.tcp() as first, Socket.tcp() as second:
        first.reuseaddr = second.reuseaddr = True
        first.bind(HERE)
        first.listen()
        with refused(errno.EADDRINUSE):
            second.bind(HERE)
        first.shutdown(Shutdown.BOTH)
        second.bind(HERE)
        second.listen()

        found = [first.acceptconn, second.acceptconn, second.getsockname()]
        assert observe("listening_and_name", found) == [False, True, HERE]


@claim(
    "defacto/IP_PKTINFO/on-ipv6",
    says="IP_PKTINFO of a UDP socket over IPv6 brings its message with what comes by IPv4, and none with "
    "what comes by IPv6.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_an_ipv4_message_on_ipv6(ns, observe):
    with udp_receiver("::") as sock, Socket.udp() as four, Socket.udp(socket.AF_INET6) as six:
        sock.ip_pktinfo = True
        four.sendto(b"four", ("127.0.0.1", port_of(sock)))
        six.sendto(b"six", ("::1", port_of(sock)))
        by_four, by_six = sock.recv_message(9), sock.recv_message(9)

        assert [by_four.control, by_six.control] == [(InPktinfo(1, "127.0.0.1", "127.0.0.1"),), ()]
        assert observe("received", [by_four.data.decode(), by_six.data.decode()]) == ["four", "six"]


@claim(
    "defacto/IP_TOS/on-ipv6",
    says="Of a UDP socket over IPv6 IP_TOS is the type of service of what it sends to a mapped IPv4 "
    "address, and IPV6_TCLASS the class of what it sends to one of IPv6; neither is the other's.",
    since="2.6.14",
    commit="41a1f8ea4fbf",
    needs=[IPV6],
)
def test_each_version_has_its_own(ns, observe):
    with udp_receiver("127.0.0.1") as four, udp_receiver("::1") as six, Socket.udp(socket.AF_INET6) as sock:
        four.ip_recvtos = True
        six.ipv6_recvtclass = True
        sock.ip_tos = 0x10
        sock.ipv6_tclass = 0x20
        sock.sendto(b"four", ("::ffff:127.0.0.1", port_of(four)))
        sock.sendto(b"six", ("::1", port_of(six)))

        found = [four.recv_message(9).control, six.recv_message(9).control]
        assert found == [(Tos(0x10),), (TrafficClass(0x20),)]
        assert observe("numbers", [len(one) for one in found]) == [1, 1]
