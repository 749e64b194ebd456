"""O_NONBLOCK: calls that would wait say so instead."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import full_backlog, listening, listening_unix, pending_connection
from conformance.plugin.setups.pairs import fill_buffer, udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Socket

WOULD_BLOCK = claim(
    "socket.7/O_NONBLOCK/eagain",
    sentence=("socket.7/O_NONBLOCK/eagain", "ip.7/errors/eagain"),
    section="Socket-layer functions",
    says="On a non-blocking socket a receive (TCP, UDP, UNIX), an accept (TCP, UNIX stream) or a send (UNIX) "
    "that would have to wait fails with EAGAIN.",
)


@WOULD_BLOCK
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair, unix_datagram_pair])
def test_receiving_where_nothing_has_arrived(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.nonblocking = True
        with refused(errno.EAGAIN):
            receiver.recv(4)
        sender.send(b"here")
        await_readable(receiver)

        assert observe("received", receiver.recv(4).decode()) == "here"


@WOULD_BLOCK
@pytest.mark.parametrize("listening", [listening, listening_unix])
def test_accepting_where_nobody_knocks(ns, observe, listening):
    with listening() as listener:
        listener.nonblocking = True
        with refused(errno.EAGAIN):
            listener.accept()[0].close()
        with pending_connection(listener) as client, listener.accept()[0] as server:
            client.send(b"here")

            assert observe("received", server.recv(4).decode()) == "here"


@WOULD_BLOCK
@pytest.mark.parametrize("pair", [Socket.pair, unix_datagram_pair])
def test_sending_where_nobody_reads(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.nonblocking = True
        left.send(b"here")
        fill_buffer(left)
        with refused(errno.EAGAIN):
            left.send(b"x")

        assert observe("sent_before", right.recv(4).decode()) == "here"


@claim(
    "socket.7/O_NONBLOCK/connect-einprogress",
    sentence="socket.7/O_NONBLOCK/einprogress",
    section="Socket-layer functions",
    says="Connecting a non-blocking TCP socket fails with EINPROGRESS while the connection is being made.",
)
def test_connecting_is_in_progress(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())
        listener.rcvtimeo = SOON
        with listener.accept()[0] as server:
            assert observe("connected", server.getpeername() == client.getsockname()) is True


@claim(
    "socket.7/O_NONBLOCK/unix-connect-einprogress",
    sentence="socket.7/O_NONBLOCK/einprogress",
    section="Socket-layer functions",
    says="Connecting a non-blocking UNIX stream socket to a listener whose backlog is full fails with "
    "EINPROGRESS.",
    expect=differs(
        "EAGAIN, as connect(2) says of non-blocking UNIX domain sockets; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EAGAIN"},
    ),
)
def test_connecting_a_unix_socket_is_in_progress(ns, observe):
    with listening_unix(backlog=0) as listener, full_backlog(listener) as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())
        listener.rcvtimeo = SOON
        listener.accept()[0].close()  # the connection that filled the backlog
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"here")

            assert observe("received", server.recv(4).decode()) == "here"
