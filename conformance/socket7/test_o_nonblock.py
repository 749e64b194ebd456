"""O_NONBLOCK: calls that would wait say so instead."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from libsocket import Socket

WOULD_BLOCK = claim(
    "socket.7/O_NONBLOCK/eagain",
    section="Socket-layer functions",
    says="On a non-blocking socket an operation that would have to wait fails with EAGAIN.",
)


@WOULD_BLOCK
def test_receiving_where_nothing_has_arrived(ns, observe):
    left, right = Socket.pair()
    with left, right:
        left.nonblocking = True
        with refused(errno.EAGAIN):
            left.recv(4)
        right.send(b"here")

        assert observe("received", left.recv(4).decode()) == "here"


@WOULD_BLOCK
def test_accepting_where_nobody_knocks(ns, observe):
    with listening() as listener:
        listener.nonblocking = True
        with refused(errno.EAGAIN):
            listener.accept()
        with pending_connection(listener) as client, listener.accept()[0] as server:
            assert observe("accepted", server.getpeername() == client.getsockname()) is True


@WOULD_BLOCK
def test_sending_where_nobody_reads(ns, observe):
    left, right = Socket.pair()
    with left, right:
        left.nonblocking = True
        left.send(b"x" * 4)
        with refused(errno.EAGAIN):
            left.write_all(bytes(2 * left.sndbuf))

        assert observe("sent_before", right.recv(4).decode()) == "xxxx"


@claim(
    "socket.7/O_NONBLOCK/connect-einprogress",
    section="Socket-layer functions",
    says="Connecting a non-blocking socket fails with EINPROGRESS.",
)
def test_connecting_is_in_progress(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            assert observe("connected", server.getpeername() == client.getsockname()) is True
