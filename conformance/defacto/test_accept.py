"""accept(2) and listen(2) beyond what they say of connections that wait to be accepted."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from libsocket import Linger, Socket


@claim(
    "defacto/accept/early-data",
    says="What a TCP client sent and closed before its connection was accepted is received once it is.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_data_sent_before_the_accept_is_received(ns, observe):
    with listening() as listener:
        with pending_connection(listener) as client:
            client.send(b"early")
        with listener.accept()[0] as server:
            assert observe("received", server.read_to_string()) == "early"


@claim(
    "defacto/accept/reset-met-on-receive",
    says="Of a TCP connection that its client reset before it was accepted one receive tells: the first "
    "fails with ECONNRESET, the next gives 0 bytes.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_first_receive_meets_the_reset(ns, observe):
    with listening() as listener, pending_connection(listener) as client:
        client.linger = Linger(True, 0)
        client.close()
        with listener.accept()[0] as server:
            with refused(errno.ECONNRESET):
                server.recv(1)

            assert observe("then", server.recv(1).decode()) == ""


@claim(
    "defacto/listen/close-resets-waiting",
    says="Closing a listening TCP socket that shares its port with none resets a connection that waits to be "
    "accepted: of its client's next two receives the first fails with ECONNRESET, the other gives 0 bytes.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_closing_the_listener_resets_who_waits(ns, observe):
    with listening() as listener, pending_connection(listener) as waiting:
        listener.close()
        with refused(errno.ECONNRESET):
            waiting.recv(1)

        assert observe("then", waiting.recv(1).decode()) == ""


@claim(
    "defacto/listen/close-keeps-accepted",
    says="Closing a listening TCP socket leaves the connections alone that were accepted from it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_closing_the_listener_keeps_who_was_accepted(ns, observe):
    with (
        listening() as listener,
        pending_connection(listener) as client,
        listener.accept()[0] as server,
        Socket.tcp() as late,
    ):
        address = listener.getsockname()
        listener.close()
        with refused(errno.ECONNREFUSED):
            late.connect(address)
        server.send(b"here")

        assert observe("received", client.recv(9).decode()) == "here"
