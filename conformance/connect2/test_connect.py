"""connect(2): a socket gets its peer."""

from __future__ import annotations

import errno
import select
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.listeners import (
    full_backlog,
    listening,
    listening_unix,
    pending_connection,
)
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.socket_addresses import connect_with_length
from conformance.plugin.timing import SOON
from libsocket import Socket

PEER = "127.0.0.2", 4321
ANOTHER = "127.0.0.3", 4321
FAMILY = 2
"""The bytes of sa_family."""

STREAMS = pytest.mark.parametrize(
    ("make", "address"), [(Socket.tcp, PEER), (Socket.unix, b"\0name")], ids=["tcp", "unix"]
)
DATAGRAMS = pytest.mark.parametrize(
    ("make", "address", "another"),
    [(Socket.udp, PEER, ANOTHER), (partial(Socket.unix, socket.SOCK_DGRAM), b"\0peer", b"\0another")],
    ids=["udp", "unix"],
)

PEER_ADDRESS = claim(
    "connect.2/connect/peer-address",
    sentence=("connect.2/connect/connects", "libsocket/connect/connects"),
    section="DESCRIPTION",
    says="The peer of a connected TCP, UNIX stream or UDP socket has the address to which it was connected.",
)


def writable(sock: Socket, seconds: float = SOON) -> bool:
    """Whether select(2) calls it writable within some seconds."""
    return bool(select.select([], [sock], [], seconds)[1])


@claim(
    "connect.2/connect/stream-connects",
    sentence=("connect.2/connect/stream", "libsocket/connect/connects"),
    section="DESCRIPTION",
    says="Connecting a TCP, UNIX stream or UNIX sequenced-packet socket makes a connection to the socket "
    "that is bound to the address and listens.",
)
@pytest.mark.parametrize(
    "listening",
    [listening, listening_unix, partial(listening_unix, socket.SOCK_SEQPACKET)],
    ids=["tcp", "unix", "unix-seqpacket"],
)
def test_a_stream_is_connected(ns, observe, listening):
    with listening() as listener, Socket(listener.family, listener.type) as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.send(b"hello")

            assert observe("received", server.recv(9).decode()) == "hello"


@PEER_ADDRESS
def test_the_peer_of_a_datagram_socket_is_the_address(ns, observe):
    with Socket.udp() as client:
        client.connect(PEER)

        assert observe("address", client.getpeername()) == PEER


@PEER_ADDRESS
@STREAMS
def test_the_peer_of_a_stream_is_the_address(ns, observe, make, address):
    with make() as peer, make() as client:
        peer.bind(address)
        peer.listen()
        client.connect(address)

        addresses = [str(client.getpeername()), str(peer.getsockname())]
        assert observe("addresses", addresses) == [str(address), str(address)]


@claim(
    "connect.2/connect/datagram-default-destination",
    sentence=("connect.2/connect/datagram-default", "libsocket/connect/connects"),
    section="DESCRIPTION",
    says="The address to which a UDP or UNIX datagram socket was connected is where its datagrams go that "
    "are sent to no other address.",
)
@DATAGRAMS
def test_datagrams_go_to_the_peer(ns, observe, make, address, another):
    with make() as peer, make() as other, make() as sock:
        peer.bind(address)
        other.bind(another)
        sock.connect(address)
        sock.send(b"by default")
        sock.sendto(b"to another", another)

        received = [peer.recv(20).decode(), other.recv(20).decode()]
        assert observe("received", received) == ["by default", "to another"]


@claim(
    "connect.2/connect/datagram-only-source",
    sentence="connect.2/connect/datagram-only-source",
    section="DESCRIPTION",
    says="A connected UDP socket receives only from its peer what is sent after the connect.",
)
def test_datagrams_come_from_the_peer_alone(ns, observe):
    with Socket.udp() as peer, Socket.udp() as stranger, Socket.udp() as sock:
        peer.bind(("127.0.0.1", 0))
        sock.bind(("127.0.0.1", 0))
        stranger.connect(sock.getsockname())
        stranger.rcvtimeo = SOON
        stranger.send(b"before")
        before = sock.recv(9)
        sock.connect(peer.getsockname())
        stranger.send(b"after")
        with refused(errno.ECONNREFUSED):
            stranger.recv(9)
        peer.sendto(b"peer", sock.getsockname())

        assert observe("received", [before.decode(), sock.recv(9).decode()]) == ["before", "peer"]


@claim(
    "connect.2/connect/datagram-only-source-queued",
    sentence="connect.2/connect/datagram-only-source",
    section="DESCRIPTION",
    says="A connected UDP socket does not receive what another than its peer sent before the connect.",
    expect=differs(
        "what waits when the socket is connected is received all the same (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"peer_and_received_before_its_own": [str(PEER), "stranger"]},
    ),
)
def test_datagrams_that_wait_come_from_the_peer_alone(ns, observe):
    with Socket.udp() as peer, Socket.udp() as stranger, Socket.udp() as sock:
        sock.rcvtimeo = SOON
        peer.bind(PEER)
        sock.bind(("127.0.0.1", 0))
        stranger.sendto(b"stranger", sock.getsockname())
        await_readable(sock)
        sock.connect(PEER)
        peer.sendto(b"peer", sock.getsockname())

        before = [one.decode() for one in iter(partial(sock.recv, 9), b"peer")]
        assert observe("peer_and_received_before_its_own", [str(sock.getpeername()), *before]) == [str(PEER)]


@claim(
    "connect.2/connect/datagram-only-source-unix",
    sentence="connect.2/connect/datagram-only-source",
    section="DESCRIPTION",
    says="A connected UNIX datagram socket receives only from its peer: another's sends fail.",
)
def test_unix_datagrams_come_from_the_peer_alone(ns, observe):
    with (
        Socket.unix(socket.SOCK_DGRAM) as peer,
        Socket.unix(socket.SOCK_DGRAM) as stranger,
        Socket.unix(socket.SOCK_DGRAM) as sock,
    ):
        peer.bind("")
        sock.bind("")
        stranger.sendto(b"before", sock.getsockname())
        before = sock.recv(9)
        sock.connect(peer.getsockname())
        with refused():
            stranger.sendto(b"after", sock.getsockname())
        peer.sendto(b"peer", sock.getsockname())

        assert observe("received", [before.decode(), sock.recv(9).decode()]) == ["before", "peer"]


@claim(
    "connect.2/connect/datagram-again",
    sentence="connect.2/connect/again",
    section="DESCRIPTION",
    says="Connecting a connected UDP or UNIX datagram socket to another address changes its peer.",
)
@DATAGRAMS
def test_datagram_sockets_change_their_peer(ns, observe, make, address, another):
    with make() as peer, make() as other, make() as sock:
        peer.bind(address)
        other.bind(another)
        sock.connect(address)
        sock.send(b"first")
        sock.connect(another)
        sock.send(b"second")

        assert observe("received", [peer.recv(9).decode(), other.recv(9).decode()]) == ["first", "second"]


@claim(
    "connect.2/EISCONN/connected-already",
    sentence=("connect.2/EISCONN/connected-already", "ip.7/errors/eisconn"),
    section="ERRORS",
    says="Connecting a TCP or UNIX stream socket that is connected fails with EISCONN.",
)
@pytest.mark.parametrize("listening", [listening, listening_unix], ids=["tcp", "unix"])
def test_a_stream_is_connected_only_once(ns, observe, listening):
    with listening() as first, listening() as second, Socket(first.family, first.type) as client:
        client.connect(first.getsockname())
        with refused(errno.EISCONN):
            client.connect(second.getsockname())
        with pending_connection(second) as another, first.accept()[0] as one, second.accept()[0] as other:
            client.send(b"first")
            another.send(b"second")

            assert observe("received", [one.recv(9).decode(), other.recv(9).decode()]) == ["first", "second"]


@claim(
    "connect.2/ECONNREFUSED/nobody-listens",
    sentence="connect.2/ECONNREFUSED/nobody-listens",
    section="ERRORS",
    says="Connecting a TCP or UNIX stream socket to a bound socket that does not listen fails with "
    "ECONNREFUSED.",
)
@STREAMS
def test_is_refused_where_nobody_listens(ns, observe, make, address):
    with make() as other, make() as client, make() as later:
        other.bind(address)
        with refused(errno.ECONNREFUSED):
            client.connect(address)
        other.listen()
        later.connect(address)

        assert observe("peer_once_listening", str(later.getpeername())) == str(address)


@claim(
    "connect.2/EAGAIN/unix-nonblocking",
    sentence="connect.2/EAGAIN/unix",
    section="ERRORS",
    says="Connecting a non-blocking UNIX stream socket to a listener whose queue is full fails with EAGAIN.",
)
def test_a_nonblocking_unix_socket_does_not_wait_for_room(ns, observe):
    with listening_unix(backlog=0) as listener, full_backlog(listener) as client:
        client.nonblocking = True
        with refused(errno.EAGAIN):
            client.connect(listener.getsockname())
        with listener.accept()[0]:
            client.connect(listener.getsockname())
            client.send(b"hello")
            with listener.accept()[0] as server:
                assert observe("received_once_there_is_room", server.recv(9).decode()) == "hello"


@claim(
    "connect.2/EINPROGRESS/writable-once-connected",
    sentence=("connect.2/EINPROGRESS/nonblocking", "connect.2/EINPROGRESS/writable"),
    section="ERRORS",
    says="After EINPROGRESS a non-blocking TCP socket is writable once it is connected, and not before.",
)
def test_is_writable_once_connected(ns, observe):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())
        before = writable(client, 0)
        listener.accept()[0].close()

        assert observe("writable_before_and_after", [before, writable(client)]) == [False, True]


@claim(
    "connect.2/EINPROGRESS/so-error-success",
    sentence="connect.2/EINPROGRESS/so-error",
    section="ERRORS",
    says="Once a non-blocking TCP socket is writable after EINPROGRESS, SO_ERROR 0 tells that it is "
    "connected.",
)
def test_so_error_tells_of_success(ns, observe):
    with Socket.tcp() as listener, Socket.tcp() as client:
        listener.bind(PEER)
        listener.listen()
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(PEER)
        told = [writable(client), client.error, *client.getpeername()]

        assert observe("writable_error_and_peer", told) == [True, 0, *PEER]


@claim(
    "connect.2/EINPROGRESS/so-error-failure",
    sentence="connect.2/EINPROGRESS/so-error",
    section="ERRORS",
    says="Once a non-blocking TCP socket is writable after EINPROGRESS, SO_ERROR tells why it is not "
    "connected.",
)
def test_so_error_tells_of_failure(ns, observe):
    with Socket.tcp() as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(PEER)
        told = [writable(client), errno_name(client.error)]

        assert observe("writable_and_error", told) == [True, "ECONNREFUSED"]


@claim(
    "connect.2/addrlen/abstract-name",
    sentence="connect.2/connect/addrlen",
    section="DESCRIPTION",
    says="addrlen is the size of the address: of the abstract names of 4 and of 5 bytes, the first of which "
    "is the beginning of the second, a UNIX stream or seqpacket socket is connected by connect(2) of the "
    "same memory to the listener with that of as many bytes as addrlen says.",
)
@pytest.mark.parametrize("type_", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"])
def test_the_size_of_the_address(ns, observe, type_):
    with Socket.unix(type_) as short, Socket.unix(type_) as long:
        short.bind("\0abc")
        short.listen()
        long.bind("\0abcd")
        long.listen()
        with Socket.unix(type_) as one, Socket.unix(type_) as other:
            connect_with_length(one, "@abcd", FAMILY + 4)
            connect_with_length(other, "@abcd", FAMILY + 5)

            peers = [sock.getpeername().decode() for sock in (one, other)]
            assert observe("peers", peers) == ["\0abc", "\0abcd"]
