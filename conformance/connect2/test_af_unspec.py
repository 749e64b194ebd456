"""Dissolving an association by AF_UNSPEC, as connect(2) says, and who can do so."""

from __future__ import annotations

import errno
from socket import SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening_unix
from conformance.plugin.setups.socket_addresses import HOME, address_of, at_home, connect_to, octets_of, peer
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import connected
from conformance.plugin.timing import SOON
from libsocket import UNSPEC, Socket

ANOTHER = {"udp": "127.0.0.2:9", "udp6": "[::1]:9"}
DISSOLVED = pytest.mark.parametrize("more", [b"", bytes(14), bytes(126)], ids=["2", "16", "128"])
CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])


@claim(
    "connect.2/AF_UNSPEC/tcp",
    sentence="connect.2/AF_UNSPEC/dissolves",
    section="DESCRIPTION",
    says="A connected TCP socket, over IPv4 or IPv6, has no peer any more once it is connected to an "
    "address of the family AF_UNSPEC, of 2, 16 or 128 bytes, and can then be connected to another.",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
@DISSOLVED
def test_a_connection_is_dissolved(ns, observe, kind, more):
    with connected(kind) as (sock, _), at_home(kind):
        with refused(errno.EISCONN):
            connect_to(sock, octets_of(HOME[kind]))
        connect_to(sock, UNSPEC.raw + more)
        between = peer(sock)
        connect_to(sock, octets_of(HOME[kind]))

        assert observe("peer_between_and_then", [between, peer(sock)]) == ["-", HOME[kind]]


@claim(
    "connect.2/AF_UNSPEC/udp",
    sentence="connect.2/AF_UNSPEC/dissolves",
    section="DESCRIPTION",
    says="A connected UDP socket, over IPv4 or IPv6, has no peer any more once it is connected to an "
    "address of the family AF_UNSPEC, of 2, 16 or 128 bytes, so that a send without an address fails, and "
    "can then be connected to another.",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["udp", "udp6"])
@DISSOLVED
def test_an_association_is_dissolved(ns, observe, kind, more):
    with SOCKETS[kind]() as sock, SOCKETS[kind]() as other:
        other.rcvtimeo = SOON
        other.bind(address_of(HOME[kind]))
        sock.connect(address_of(HOME[kind]))
        sock.send(b"before")
        received = other.recv(9).decode()
        connect_to(sock, UNSPEC.raw + more)
        between = peer(sock)
        with refused():
            sock.send(b"refused")
        connect_to(sock, octets_of(ANOTHER[kind]))

        assert observe("received_peer_between_and_then", [received, between, peer(sock)]) == [
            "before",
            "-",
            ANOTHER[kind],
        ]


@claim(
    "connect.2/AF_UNSPEC/udp-receives-from-all",
    sentence="connect.2/AF_UNSPEC/dissolves",
    section="DESCRIPTION",
    says="A UDP socket that was bound to a port and connected receives from others than its peer again once "
    "it is connected to an address of the family AF_UNSPEC.",
)
def test_others_are_heard_again(ns, observe):
    with Socket.udp() as sock, Socket.udp() as stranger:
        sock.rcvtimeo = stranger.rcvtimeo = SOON
        sock.bind(("127.0.0.1", 4321))
        sock.connect(("127.0.0.1", 9))
        stranger.connect(("127.0.0.1", 4321))
        stranger.send(b"before")
        with refused(errno.ECONNREFUSED):
            stranger.recv(9)
        sock.connect(UNSPEC)
        stranger.send(b"after")

        assert observe("received", sock.recv(9).decode()) == "after"


@claim(
    "connect.2/AF_UNSPEC/unix-datagram",
    sentence="connect.2/AF_UNSPEC/dissolves",
    section="DESCRIPTION",
    says="A connected UNIX datagram socket has no peer any more once it is connected to an address of the "
    "family AF_UNSPEC: a send without an address fails, another than its peer can send to its name, and it "
    "can be connected to another.",
)
def test_a_datagram_socket_is_dissolved(ns, observe):
    with Socket.unix(SOCK_DGRAM) as first, Socket.unix(SOCK_DGRAM) as sock, Socket.unix(SOCK_DGRAM) as other:
        first.bind(b"\0first")
        other.bind(b"\0other")
        sock.bind(b"\0name")
        sock.rcvtimeo = other.rcvtimeo = SOON
        sock.connect(b"\0first")
        with refused(name="errno_of_a_stranger"):
            other.sendto(b"refused", b"\0name")
        sock.connect(UNSPEC)
        with refused():
            sock.send(b"refused")
        other.sendto(b"from another", b"\0name")
        sock.connect(b"\0other")
        sock.send(b"to another")

        received = [sock.recv(20).decode(), other.recv(20).decode()]
        assert observe("received", received) == ["from another", "to another"]


@claim(
    "connect.2/connect/unix-stream-once",
    sentence="connect.2/connect/once",
    section="DESCRIPTION",
    says="A connected UNIX stream or seqpacket socket can neither be connected to another listener nor "
    "dissolve its connection by an address of the family AF_UNSPEC: that fails, and it stays connected.",
)
@CONNECTED
def test_a_stream_is_connected_once(ns, observe, type_):
    with listening_unix(type_) as first, listening_unix(type_) as second, Socket.unix(type_) as client:
        client.connect(first.getsockname())
        with refused(name="errno_of_unspec"):
            client.connect(UNSPEC)
        with refused(errno.EISCONN):
            client.connect(second.getsockname())
        client.send(b"hello")
        with first.accept()[0] as server:
            server.rcvtimeo = SOON

            assert observe("received", server.recv(9).decode()) == "hello"


@claim(
    "defacto/connect/unspec-unix-stream",
    says="Connecting a UNIX stream or seqpacket socket to an address of the family AF_UNSPEC fails with "
    "EINVAL, whether it is connected or new.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTED
def test_no_stream_is_dissolved(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right, Socket.unix(type_) as new:
        right.rcvtimeo = SOON
        with refused(errno.EINVAL, "errno_of_new"):
            new.connect(UNSPEC)
        with refused(errno.EINVAL):
            left.connect(UNSPEC)
        left.send(b"hello")

        assert observe("received", right.recv(9).decode()) == "hello"
