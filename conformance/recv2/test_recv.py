"""recv(2): what a receive waits for, and what it gives."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.threads import in_thread
from conformance.plugin.timing import SOON, TIMEOUT, timed
from libsocket import Shutdown, Socket

WAITS = claim(
    "recv.2/recv/waits-for-a-message",
    sentence=("recv.2/recv/waits", "libsocket/recv/waits"),
    section="DESCRIPTION",
    says="Where nothing has arrived, receiving on a blocking TCP, UNIX stream or UDP socket waits for it.",
)


@WAITS
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_goes_on_once_a_message_arrives(ns, observe, pair):
    right, left = pair()
    with left, right, in_thread(lambda: left.recv(9)) as received:
        before = received.wait(0.05)
        right.send(b"hello")

        assert observe("received_before_and_after_sending", [before, received.wait(TIMEOUT)]) == [False, True]


@WAITS
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_waits_as_long_as_it_may(ns, observe, pair):
    right, left = pair()
    with left, right:
        left.rcvtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            left.recv(9)
        right.send(b"hello")

        assert observe("waited_and_received", [took.lasted(0.05), left.recv(9).decode()]) == [True, "hello"]


@claim(
    "recv.2/EAGAIN/nonblocking-and-nothing-there",
    sentence=("recv.2/recv/nonblocking", "recv.2/EAGAIN/nonblocking", "libsocket/recv/waits"),
    section="ERRORS",
    says="Where nothing has arrived, receiving on a non-blocking TCP, UNIX stream or UDP socket fails with "
    "EAGAIN.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_a_nonblocking_socket_does_not_wait(ns, observe, pair):
    right, left = pair()
    with left, right:
        left.nonblocking = True
        with refused(errno.EAGAIN):
            left.recv(9)
        right.send(b"hello")
        await_readable(left)

        assert observe("received", left.recv(9).decode()) == "hello"


@claim(
    "recv.2/recv/gives-what-is-there",
    sentence=("recv.2/recv/available", "libsocket/recv/available"),
    section="DESCRIPTION",
    says="Receiving on a TCP or UNIX stream socket gives what has arrived, up to the amount asked for, and "
    "does not wait for all of it, without MSG_WAITALL and with SO_RCVLOWAT as it is at first.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
@pytest.mark.parametrize(("asked", "given"), [(4, "hell"), (5, "hello"), (6, "hello")])
def test_gives_what_has_arrived(ns, observe, pair, asked, given):
    right, left = pair()
    with left, right:
        right.send(b"hello")

        assert observe("received", left.recv(asked).decode()) == given


@claim(
    "recv.2/recv/end-of-stream",
    sentence="recv.2/recv/end-of-stream",
    section="RETURN VALUE",
    says="Once the peer of a TCP or UNIX stream socket has shut down its sending side, and what it sent is "
    "received, receiving gives 0 bytes, again and again.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_the_end_of_a_stream_is_nothing(ns, observe, pair):
    right, left = pair()
    with left, right:
        left.rcvtimeo = SOON
        right.send(b"last")
        right.shutdown(Shutdown.WRITE)
        received = left.read_exact(4), left.recv(9), left.recv(9)

        assert observe("received", [piece.decode() for piece in received]) == ["last", "", ""]


@claim(
    "recv.2/MSG_PEEK/leaves-data",
    sentence="recv.2/MSG_PEEK/leaves-data",
    section="DESCRIPTION",
    says="With MSG_PEEK a receive on a TCP, UNIX stream or UDP socket gives what came first and leaves it "
    "where it is: the next receive gives the same.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_a_peek_leaves_the_data(ns, observe, pair):
    right, left = pair()
    with left, right:
        left.rcvtimeo = SOON
        right.send(b"first")
        right.send(b"second")
        received = left.recv(5, socket.MSG_PEEK), left.recv(5), left.recv(6)

        assert observe("received", [one.decode() for one in received]) == ["first", "first", "second"]


@claim(
    "recv.2/ENOTCONN/stream-not-connected",
    sentence="recv.2/ENOTCONN/not-connected",
    section="ERRORS",
    says="Receiving on a TCP or UNIX sequenced-packet socket that is not connected fails with ENOTCONN.",
)
@pytest.mark.parametrize(
    "listening", [listening, partial(listening_unix, socket.SOCK_SEQPACKET)], ids=["tcp", "unix-seqpacket"]
)
def test_a_connection_oriented_socket_must_be_connected(ns, observe, listening):
    with listening() as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        client.send(b"hello")
        with Socket(listener.family, listener.type) as sock:
            with refused(errno.ENOTCONN):
                sock.recv(9)

            assert observe("received_where_connected", server.recv(9).decode()) == "hello"


@claim(
    "recv.2/ENOTCONN/unix-stream-not-connected",
    sentence="recv.2/ENOTCONN/not-connected",
    section="ERRORS",
    says="Receiving on a UNIX stream socket that is not connected fails with ENOTCONN.",
    expect=differs(
        "it fails with EINVAL (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
def test_a_unix_stream_must_be_connected(ns):
    with Socket.unix() as sock, refused(errno.ENOTCONN):
        sock.recv(9)
