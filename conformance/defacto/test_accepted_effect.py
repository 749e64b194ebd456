"""What an accepted connection takes over does what it does there: it is not only read back."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.urgent import send_with_urgent_byte
from conformance.plugin.timing import SOON
from libsocket import Linger


@claim(
    "defacto/SO_LINGER/inherited-works",
    says="Closing an accepted TCP connection whose listener had SO_LINGER on with a time of 0 when they "
    "connected resets it: the client's next receive fails with ECONNRESET.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_closing_an_accepted_connection_resets_it(ns, observe):
    with listening() as listener:
        listener.linger = Linger(True, 0)
        with pending_connection(listener) as client:
            client.rcvtimeo = SOON
            with listener.accept()[0] as accepted:
                lingering = accepted.linger
            with refused(errno.ECONNRESET):
                client.recv(1)

            assert observe("linger", list(lingering)) == [True, 0]


@claim(
    "defacto/SO_OOBINLINE/inherited-works",
    says="An accepted TCP connection whose listener had SO_OOBINLINE on when they connected receives urgent "
    "data in the stream, at its place.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_accepted_connection_has_urgent_data_in_line(ns, observe):
    with listening() as listener:
        listener.oobinline = True
        with pending_connection(listener) as client, listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            send_with_urgent_byte(client)

            assert observe("stream", accepted.read_to_string()) == "abXcd"


@claim(
    "defacto/IP_TTL/inherited-works",
    says="What an accepted TCP connection over IPv4 sends has the IP_TTL that its listener had when they "
    "connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_accepted_connection_sends_with_the_ttl(ns, observe):
    with listening() as listener:
        listener.ip_ttl = 7
        with pending_connection(listener) as client, listener.accept()[0] as accepted:
            client.ip_minttl, client.rcvtimeo = 8, 0.05
            accepted.send(b"how far?")
            with refused(errno.EAGAIN):  # what has less than IP_MINTTL is dropped
                client.recv(20)
            client.ip_minttl, client.rcvtimeo = 7, SOON

            assert observe("received", client.recv(20).decode()) == "how far?"
