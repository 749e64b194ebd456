"""What connecting to an address of the family AF_UNSPEC leaves of an IPv4 socket. No page says it."""

from __future__ import annotations

import errno
from socket import AF_UNSPEC

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON
from libsocket import Other, Socket

NOWHERE = Other(AF_UNSPEC, bytes(14))
"""An address that only has a family."""


@claim(
    "defacto/connect/unspec-keeps-bound-port",
    says="A UDP socket that was bound to an address and a port, connected, and then connected to an address "
    "of the family AF_UNSPEC has no peer any more, and the address and port to which it was bound.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_what_was_bound_is_kept(ns, observe, host):
    with Socket.udp() as sock:
        sock.bind((host, 4321))
        sock.connect(("127.0.0.1", 9))
        connected = sock.getpeername()
        sock.connect(NOWHERE)
        with refused(errno.ENOTCONN):
            sock.getpeername()

        assert observe("peer_and_then_address", [connected, sock.getsockname()]) == [
            ("127.0.0.1", 9),
            (host, 4321),
        ]


@claim(
    "defacto/connect/unspec-releases-chosen-port",
    says="A UDP socket whose port the kernel chose, when it was bound to port 0 or when it was connected, "
    "has no port any more once it is connected to an address of the family AF_UNSPEC.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    "begin",
    [lambda sock: sock.bind(("127.0.0.1", 0)), lambda sock: sock.connect(("127.0.0.1", 7))],
    ids=["bound", "connected"],
)
def test_a_chosen_port_is_released(ns, observe, begin):
    with Socket.udp() as sock:
        begin(sock)
        had_one = sock.getsockname()[1] > 0
        sock.connect(NOWHERE)

        assert observe("had_one_and_port", [had_one, sock.getsockname()[1]]) == [True, 0]


@claim(
    "defacto/connect/unspec-resets-tcp",
    says="Connecting a TCP connection to an address of the family AF_UNSPEC resets it: the peer's next "
    "receive fails with ECONNRESET, and the socket can be connected again.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_connection_is_reset(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as peer:
            peer.rcvtimeo = SOON
            client.connect(NOWHERE)
            with refused(errno.ECONNRESET):
                peer.recv(1)
            client.connect(listener.getsockname())

            assert observe("connected_again", client.getpeername() == listener.getsockname()) is True


@claim(
    "defacto/connect/unspec-ends-listening",
    says="A TCP socket that listens at a port that it was bound to does so no more once it is connected to "
    "an address of the family AF_UNSPEC, and keeps that port.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_listener_listens_no_more(ns, observe):
    with Socket.tcp() as listener, Socket.tcp() as early, Socket.tcp() as late:
        listener.bind(("127.0.0.1", 4321))
        listener.listen()
        early.connect(("127.0.0.1", 4321))
        port = early.getpeername()[1]
        listener.connect(NOWHERE)
        with refused(errno.ECONNREFUSED):
            late.connect(("127.0.0.1", 4321))
        seen = [port, listener.acceptconn, listener.getsockname()[1]]

        assert observe("port_before_listens_and_port", seen) == [4321, 0, 4321]
