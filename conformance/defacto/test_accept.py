"""accept(2) and listen(2) beyond what they say of connections that wait to be accepted."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from libsocket import Linger


@claim(
    "defacto/accept/early-data",
    says="What a client sent before it was accepted, the end of its stream included, is still received.",
)
def test_data_sent_before_the_accept_is_received(ns, observe):
    with listening() as listener:
        with pending_connection(listener) as client:
            client.send(b"early")
        with listener.accept()[0] as server:
            assert observe("received", server.read_to_string()) == "early"


@claim(
    "defacto/accept/reset-met-on-receive",
    says="A connection that its client has reset is accepted all the same; one receive tells of the reset.",
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
    says="Closing a listening TCP socket resets the connections that wait to be accepted, and no others.",
)
def test_closing_the_listener_resets_who_waits(ns, observe):
    with listening() as listener, pending_connection(listener) as accepted, listener.accept()[0] as server:
        with pending_connection(listener) as waiting:
            listener.close()
            with refused(errno.ECONNRESET):
                waiting.recv(1)
        server.send(b"here")

        assert observe("accepted_received", accepted.recv(9).decode()) == "here"
