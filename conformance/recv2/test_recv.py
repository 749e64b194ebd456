"""recv(2): what a receive waits for, and what it gives."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.threads import in_thread
from conformance.plugin.timing import TIMEOUT, timed
from libsocket import Shutdown, Socket

WAITS = claim(
    "recv.2/recv/waits-for-a-message",
    sentence="libsocket/recv/waits",
    section="DESCRIPTION",
    says="Where no message has arrived, receiving waits for one.",
)


@WAITS
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_goes_on_once_a_message_arrives(ns, observe, pair):
    left, right = pair()
    with left, right, in_thread(lambda: left.recv(9)) as received:
        before = received.wait(0.05)
        right.send(b"hello")

        assert observe("received_before_and_after_sending", [before, received.wait(TIMEOUT)]) == [False, True]


@WAITS
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_waits_as_long_as_it_may(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.rcvtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            left.recv(9)

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "recv.2/EAGAIN/nonblocking-and-nothing-there",
    sentence="libsocket/recv/waits",
    section="ERRORS",
    says="A non-blocking socket fails with EAGAIN when no message has arrived.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_a_nonblocking_socket_does_not_wait(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.nonblocking = True
        with refused(errno.EAGAIN):
            left.recv(9)
        left.nonblocking = False
        right.send(b"hello")

        assert observe("received", left.recv(9).decode()) == "hello"


@claim(
    "recv.2/recv/gives-what-is-there",
    sentence="libsocket/recv/available",
    section="DESCRIPTION",
    says="Receiving gives what has arrived, up to the amount asked for, and does not wait for all of it.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
@pytest.mark.parametrize(("asked", "given"), [(100, "hello"), (4, "hell")])
def test_gives_what_has_arrived(ns, observe, pair, asked, given):
    left, right = pair()
    with left, right:
        right.send(b"hello")

        assert observe("received", left.recv(asked).decode()) == given


@claim(
    "recv.2/recv/end-of-stream",
    section="RETURN VALUE",
    says="Once the peer of a stream socket has ended its stream in order, receiving gives 0 bytes.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_the_end_of_a_stream_is_nothing(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.send(b"last")
        right.shutdown(Shutdown.WRITE)
        received = left.read_exact(4), left.recv(9), left.recv(9)

        assert observe("received", [piece.decode() for piece in received]) == ["last", "", ""]


@claim(
    "recv.2/MSG_PEEK/leaves-data",
    section="DESCRIPTION",
    says="With MSG_PEEK what is received also stays where it is, for the next receive.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_a_peek_leaves_the_data(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.send(b"hello")
        peeked = left.recv(9, socket.MSG_PEEK)

        assert observe("peeked_and_received", [peeked.decode(), left.recv(9).decode()]) == ["hello", "hello"]


@claim(
    "recv.2/ENOTCONN/stream-not-connected",
    section="ERRORS",
    says="Receiving on a connection-oriented socket that is not connected fails with ENOTCONN.",
)
def test_a_stream_must_be_connected(ns, observe):
    with listening() as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        with Socket.tcp() as sock, refused(errno.ENOTCONN):
            sock.recv(9)
        client.send(b"hello")

        assert observe("received_where_connected", server.recv(9).decode()) == "hello"
