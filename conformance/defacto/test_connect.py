"""connect(2) beyond what it says: the errno of who is not the peer, and what is left of a refusal."""

from __future__ import annotations

import errno
from socket import AF_INET, AF_INET6, AF_UNSPEC, MSG_DONTWAIT, SOCK_DGRAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.socket_addresses import (
    HOME,
    at_home,
    bind_to,
    connect_to,
    octets_of,
    own,
    peer,
)
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Other, Socket


@claim(
    "defacto/connect/unix-datagram-stranger-eperm",
    says="Sending to a UNIX datagram socket that is connected to another fails with EPERM.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_another_than_the_peer_gets_eperm(ns, observe):
    with (
        Socket.unix(SOCK_DGRAM) as peer,
        Socket.unix(SOCK_DGRAM) as stranger,
        Socket.unix(SOCK_DGRAM) as sock,
    ):
        peer.bind("")
        sock.bind("")
        sock.connect(peer.getsockname())
        with refused(errno.EPERM):
            stranger.sendto(b"stranger", sock.getsockname())
        peer.sendto(b"peer", sock.getsockname())

        assert observe("received", sock.recv(9).decode()) == "peer"


def name_given(sock: Socket) -> bytes:
    """The name that a UNIX socket gets."""
    sock.bind("")
    return bytes(sock.getsockname())


@claim(
    "defacto/connect/unix-datagram-taken-eperm",
    says="Connecting a UNIX datagram socket to one that is connected to another fails with EPERM, and the "
    "former has no peer; it can be connected once the latter has none, or has it as its peer.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    "target", [lambda _: Other(AF_UNSPEC, bytes(14)), name_given], ids=["no-peer", "each-other"]
)
def test_who_has_another_peer_is_not_connected_to(ns, observe, target):
    with (
        Socket.unix(SOCK_DGRAM) as peer,
        Socket.unix(SOCK_DGRAM) as stranger,
        Socket.unix(SOCK_DGRAM) as sock,
    ):
        peer.bind("")
        sock.bind("")
        sock.connect(peer.getsockname())
        with refused(errno.EPERM):
            stranger.connect(sock.getsockname())
        with refused(errno.ENOTCONN, "errno_of_send"):
            stranger.send(b"lost")
        sock.connect(target(stranger))
        stranger.connect(sock.getsockname())
        stranger.send(b"hello")

        assert observe("received", sock.recv(9, MSG_DONTWAIT).decode()) == "hello"


@claim(
    "defacto/connect/port-0",
    survives={"no-op: send*": "nobody can receive what is sent to port 0"},
    says="A UDP socket, over IPv4 or IPv6, can be connected to port 0; it is sent to without an address "
    "then, and getpeername says ENOTCONN all the same.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"], ids=["udp", "udp6"])
def test_port_0_is_a_peer_that_is_not_told(ns, observe, host):
    with Socket.udp(AF_INET6 if ":" in host else AF_INET) as sock:
        with refused(name="errno_of_send"):
            sock.send(b"refused")
        sock.connect((host, 0))
        with refused(errno.ENOTCONN):
            sock.getpeername()

        assert observe("own_and_sent", [sock.getsockname()[0], sock.send(b"hello")]) == [host, 5]


@claim(
    "defacto/connect/wildcard-from-bound",
    says="A TCP or UDP socket over IPv4 that is bound to 127.0.0.2 and connected to 0.0.0.0 has its own "
    "address as its peer's, too.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_any_address_is_its_own(ns, observe, kind):
    with at_home(kind, "0.0.0.0:4321"), SOCKETS[kind]() as sock:
        bind_to(sock, octets_of("127.0.0.2:0"))
        connect_to(sock, octets_of("0.0.0.0:4321"))

        assert observe("own_and_peer", [own(sock), peer(sock)]) == ["127.0.0.2:chosen", "127.0.0.2:4321"]


@claim(
    "defacto/connect/wildcard-from-mapped",
    says="A TCP or UDP socket over IPv6 that is bound to 127.0.0.2, mapped into IPv6, and connected to :: "
    "has 127.0.0.1, mapped, as its peer's address.",
    since="4.10",
    commit="052d2369d1b4",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp6", "udp6"])
def test_any_address_is_mapped_as_its_own(ns, observe, kind):
    with at_home(kind, "[::]:4321"), SOCKETS[kind]() as sock:
        bind_to(sock, octets_of("[::ffff:127.0.0.2]:0"))
        connect_to(sock, octets_of("[::]:4321"))

        assert observe("own_and_peer", [own(sock), peer(sock)]) == [
            "[::ffff:127.0.0.2]:chosen",
            "[::ffff:127.0.0.1]:4321",
        ]


@claim(
    "defacto/connect/inet6-from-mapped",
    says="Connecting a TCP or UDP socket over IPv6 that is bound to 127.0.0.1, mapped into IPv6, to ::1 "
    "fails with EAFNOSUPPORT, though AF_INET6 is the family in the address.",
    since="4.10",
    commit="ec5e3b0a1d41",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp6", "udp6"])
def test_an_inet_address_does_not_reach_inet6(ns, observe, kind):
    with at_home(kind, "[::]:4321"), SOCKETS[kind]() as sock:
        bind_to(sock, octets_of("[::ffff:127.0.0.1]:0"))
        with refused(errno.EAFNOSUPPORT):
            connect_to(sock, octets_of(HOME[kind]))
        connect_to(sock, octets_of("[::ffff:127.0.0.1]:4321"))

        assert observe("own_and_peer", [own(sock), peer(sock)]) == [
            "[::ffff:127.0.0.1]:chosen",
            "[::ffff:127.0.0.1]:4321",
        ]


@claim(
    "defacto/connect/refused-port-told",
    says="A TCP socket over IPv4 that was not bound and was refused (ECONNREFUSED) tells by getsockname the "
    "port that it had, though it has it no more: another can be bound to it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_port_is_told_that_is_gone(ns, observe):
    with Socket.tcp() as sock, Socket.tcp() as other:
        with refused(errno.ECONNREFUSED):
            sock.connect(("127.0.0.1", 9))
        host, port = sock.getsockname()
        other.bind(("0.0.0.0", port))

        assert observe("host_and_same_port", [host, port > 0, other.getsockname()[1] == port]) == [
            "0.0.0.0",
            True,
            True,
        ]


@claim(
    "defacto/connect/refused-keeps-bound-port",
    says="A TCP socket over IPv4 that was bound to an address and a port, and was refused (ECONNREFUSED), "
    "keeps both: another cannot be bound to them, and it can be connected from there.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_bound_port_stays(ns, observe):
    with Socket.tcp() as sock, Socket.tcp() as other, listening() as listener:
        sock.bind(("127.0.0.1", 4321))
        with refused(errno.ECONNREFUSED):
            sock.connect(("127.0.0.1", 9))
        with refused(errno.EADDRINUSE, "errno_of_another"):
            other.bind(("127.0.0.1", 4321))
        sock.connect(listener.getsockname())

        both = [own(sock), sock.getpeername() == listener.getsockname()]
        assert observe("own_and_connected", both) == ["127.0.0.1:4321", True]


@claim(
    "defacto/connect/udp-chosen-port-after-refusal",
    says="A UDP socket over IPv4 that is not bound has a port, which the kernel chose, once a connect has "
    "failed with ENETUNREACH, and no peer; a TCP socket has none.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_udp_socket_gets_its_port_first(ns, observe):
    with Socket.udp() as udp, Socket.tcp() as tcp:
        with refused(errno.ENETUNREACH):
            udp.connect(("192.0.2.1", 9))
        with refused(errno.ENETUNREACH, "errno_of_tcp"):
            tcp.connect(("192.0.2.1", 9))

        assert observe("own_and_peer", [own(udp), peer(udp), own(tcp)]) == [
            "0.0.0.0:chosen",
            "-",
            "0.0.0.0:0",
        ]
