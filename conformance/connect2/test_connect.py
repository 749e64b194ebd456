"""connect(2): a socket gets its peer."""

from __future__ import annotations

import errno
import select

from conformance.plugin.claim import claim
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.listeners import listening
from libsocket import Socket


@claim(
    "connect.2/connect/stream-connects",
    sentence="libsocket/connect/connects",
    section="DESCRIPTION",
    says="Connecting a stream socket makes a connection to the socket that is bound to the address.",
)
def test_a_stream_is_connected(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.send(b"hello")

            assert observe("received", server.recv(9).decode()) == "hello"


@claim(
    "connect.2/connect/peer-address",
    sentence="libsocket/connect/connects",
    section="DESCRIPTION",
    says="A connected socket's peer is the address it was connected to.",
)
def test_the_peer_is_the_address(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.connect(listener.getsockname())

        assert observe("is_the_address", client.getpeername() == listener.getsockname()) is True


@claim(
    "connect.2/connect/datagram-default-destination",
    sentence="libsocket/connect/connects",
    section="DESCRIPTION",
    says="Connecting a datagram socket sets where its datagrams go by default.",
)
def test_datagrams_go_to_the_peer(ns, observe):
    with Socket.udp() as peer, Socket.udp() as sock:
        peer.bind(("127.0.0.1", 0))
        sock.connect(peer.getsockname())
        sock.send(b"hello")

        assert observe("received", peer.recv(9).decode()) == "hello"


@claim(
    "connect.2/connect/datagram-only-source",
    section="DESCRIPTION",
    says="A connected datagram socket receives from its peer and from nobody else.",
)
def test_datagrams_come_from_the_peer_alone(ns, observe):
    with Socket.udp() as peer, Socket.udp() as stranger, Socket.udp() as sock:
        peer.bind(("127.0.0.1", 0))
        sock.bind(("127.0.0.1", 0))
        stranger.sendto(b"before", sock.getsockname())
        before = sock.recv(9)
        sock.connect(peer.getsockname())
        stranger.sendto(b"after", sock.getsockname())
        peer.sendto(b"peer", sock.getsockname())

        assert observe("received", [before.decode(), sock.recv(9).decode()]) == ["before", "peer"]


@claim(
    "connect.2/EISCONN/connected-already",
    section="ERRORS",
    says="Connecting a stream socket that is connected fails with EISCONN.",
)
def test_a_stream_is_connected_only_once(ns, observe):
    with listening() as first, listening() as second, Socket.tcp() as client:
        client.connect(first.getsockname())
        with refused(errno.EISCONN):
            client.connect(second.getsockname())

        assert observe("peer_is_the_first", client.getpeername() == first.getsockname()) is True


@claim(
    "connect.2/ECONNREFUSED/nobody-listens",
    section="ERRORS",
    says="Connecting a stream socket to an address where nobody listens fails with ECONNREFUSED.",
)
def test_is_refused_where_nobody_listens(ns, observe):
    with Socket.tcp() as other, Socket.tcp() as client, Socket.tcp() as later:
        other.bind(("127.0.0.1", 0))
        with refused(errno.ECONNREFUSED):
            client.connect(other.getsockname())
        other.listen()
        later.connect(other.getsockname())

        assert observe("connected", later.getpeername() == other.getsockname()) is True


@claim(
    "connect.2/EINPROGRESS/so-error-success",
    section="ERRORS",
    says="After EINPROGRESS the socket becomes writable, and SO_ERROR 0 tells that it is connected.",
)
def test_so_error_tells_of_success(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())
        select.select([], [client], [])

        assert observe("error", client.error) == 0


@claim(
    "connect.2/EINPROGRESS/so-error-failure",
    section="ERRORS",
    says="After EINPROGRESS the socket becomes writable, and SO_ERROR tells why it is not connected.",
)
def test_so_error_tells_of_failure(ns, observe):
    with Socket.tcp() as other, Socket.tcp() as client:
        other.bind(("127.0.0.1", 0))
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(other.getsockname())
        select.select([], [client], [])

        assert observe("error", errno_name(client.error)) == "ECONNREFUSED"
