"""What a TCP connection is: how it is made, and what it does with data."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.readiness import await_end, await_error
from conformance.plugin.timing import SOON
from libsocket import Inet6, Socket, Unix

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])


@claim(
    "tcp.7/DESCRIPTION/full-duplex",
    sentence=("tcp.7/DESCRIPTION/reliable", "tcp.7/DESCRIPTION/in-order", "tcp.7/DESCRIPTION/specified"),
    section="DESCRIPTION",
    says="Both ends of a TCP connection, over IPv4 and IPv6, send and receive, and what arrives is what was "
    "sent, in its order.",
)
@FAMILIES
def test_both_ends_send(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        sent = bytes(range(256)) * 100
        left.sendall(sent)
        right.sendall(sent[::-1])
        received = [right.read_exact(len(sent)) == sent, left.read_exact(len(sent)) == sent[::-1]]

        assert observe("as_sent", received) == [True, True]


@claim(
    "tcp.7/DESCRIPTION/no-boundaries",
    sentence="tcp.7/DESCRIPTION/boundaries",
    section="DESCRIPTION",
    says="What was sent in two pieces on a TCP connection, over IPv4 and IPv6, is received in one, and what "
    "was sent in one in two.",
)
@FAMILIES
def test_boundaries_are_not_kept(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.send(b"ab")
        left.send(b"cdef")
        left.shutdown(socket.SHUT_WR)
        await_end(right)

        assert observe("received", [right.recv(3).decode(), right.recv(9).decode()]) == ["abc", "def"]


@claim(
    "tcp.7/DESCRIPTION/no-address",
    sentence="tcp.7/DESCRIPTION/new-socket",
    section="DESCRIPTION",
    says="A new TCP socket, over IPv4 and IPv6, has no port and no particular address, and no peer "
    "(ENOTCONN).",
)
@pytest.mark.parametrize(("family", "nowhere"), [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
def test_a_new_socket_has_no_address(ns, observe, family, nowhere):
    with Socket.tcp(family) as sock:
        with refused(errno.ENOTCONN):
            sock.getpeername()

        assert observe("name", list(sock.getsockname()[:2])) == [nowhere, 0]


@claim(
    "tcp.7/DESCRIPTION/accepts",
    sentence=("tcp.7/DESCRIPTION/connect", "tcp.7/DESCRIPTION/listen", "tcp.7/DESCRIPTION/accept"),
    section="DESCRIPTION",
    says="A TCP socket, over IPv4 and IPv6, that is bound and listens gives a new socket for each connection "
    "that connect(2) makes to it.",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_connection_is_a_new_socket(ns, observe, host):
    with listening(host) as listener, Socket.tcp(listener.family) as one, Socket.tcp(listener.family) as two:
        listener.rcvtimeo = SOON
        one.connect(listener.getsockname())
        two.connect(listener.getsockname())
        with listener.accept()[0] as first, listener.accept()[0] as second:
            peers = [first.getpeername() == one.getsockname(), second.getpeername() == two.getsockname()]

            assert observe("peers", peers) == [True, True]


@claim(
    "tcp.7/DESCRIPTION/not-connected",
    sentence="tcp.7/DESCRIPTION/not-connected",
    section="DESCRIPTION",
    says="Sending on a TCP socket, over IPv4 and IPv6, that is new or listens fails.",
)
@FAMILIES
def test_unconnected_sockets_do_not_send(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right, Socket.tcp(family) as new, Socket.tcp(family) as listener:
        right.rcvtimeo = SOON
        listener.listen()
        with refused():
            new.send(b"x", socket.MSG_NOSIGNAL)
        with refused(name="errno_listening"):
            listener.send(b"x", socket.MSG_NOSIGNAL)
        left.send(b"x")
        seen = [new.acceptconn, listener.acceptconn, right.recv(9).decode()]

        assert observe("listen_and_received_of_connected", seen) == [False, True, "x"]


@claim(
    "tcp.7/EAFNOTSUPPORT/family",
    sentence=("tcp.7/EAFNOTSUPPORT/family", "tcp.7/Address-formats/ip"),
    section="ERRORS",
    says="Binding and connecting a TCP socket over IPv4 to an address of another family, IPv6 or UNIX, fails "
    "with EAFNOSUPPORT.",
)
@pytest.mark.parametrize("address", [Inet6("::1", 9), Unix("/a/name/that/is/long")], ids=["ipv6", "unix"])
def test_another_family_is_refused(ns, observe, address):
    with Socket.tcp() as sock, listening() as listener:
        with refused(errno.EAFNOSUPPORT, "errno_bind"):
            sock.bind(address)
        with refused(errno.EAFNOSUPPORT):
            sock.connect(address)
        sock.connect(listener.getsockname())

        assert observe("peer", sock.getpeername() == listener.getsockname()) is True


@claim(
    "tcp.7/Address-formats/no-broadcast",
    sentence="tcp.7/Address-formats/point-to-point",
    section="Address formats",
    says="A TCP socket over IPv4 does not connect to a broadcast or a multicast address, with SO_BROADCAST "
    "neither.",
)
@pytest.mark.parametrize("address", ["255.255.255.255", "10.0.1.255", "224.1.1.1"])
def test_there_is_no_broadcast(peers, observe, address):
    with peers.right.entered(), listening(peers.right.address) as listener:
        with peers.left.entered():
            sock = Socket.tcp()
        with sock:
            peers.left.namespace.add_route("224.0.0.0/4", dev=peers.left.device)
            sock.broadcast = True
            with refused():
                sock.connect((address, listener.getsockname()[1]))
            sock.connect(listener.getsockname())
            connected = sock.getpeername() == listener.getsockname()

            assert observe("broadcast_and_connected", [sock.broadcast, connected]) == [True, True]


@claim(
    "tcp.7/EPIPE/peer-closed",
    sentence="tcp.7/EPIPE/peer-closed",
    section="ERRORS",
    says="Sending on a TCP connection, over IPv4 and IPv6, whose peer has closed it and answered earlier "
    "data with a reset fails with EPIPE, once the reset itself was told.",
)
@FAMILIES
def test_a_closed_peer_breaks_the_pipe(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.rcvtimeo = SOON
        right.close()
        sent = left.send(b"x")
        await_error(left)
        error = errno_name(left.error)
        with refused(errno.EPIPE):
            left.send(b"x", socket.MSG_NOSIGNAL)

        assert observe("sent_and_error", [sent, error]) == [1, "EPIPE"]
