"""SO_PASSCRED where documents are silent: other families, accept."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from libsocket import SO_PASSCRED, Socket, Ucred


@claim(
    "defacto/SO_PASSCRED/reading-refused",
    says="On a TCP or UDP socket over IPv4 even reading SO_PASSCRED is refused with EOPNOTSUPP.",
    since="6.16",
    commit="7d8d93fdde50",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp])
def test_reading_it_on_an_ipv4_socket_is_refused(ns, observe, make):
    with make() as sock, Socket.unix() as other:
        other.passcred = True
        with refused(errno.EOPNOTSUPP):
            sock.get(SO_PASSCRED)

        assert observe("on_unix", other.passcred) is True


@claim(
    "defacto/SO_PASSCRED/inherited-by-accept",
    says="An accepted UNIX stream receives credentials if its listener had SO_PASSCRED on from before they "
    "connected until it was accepted.",
    since="3.12",
    commit="90c6bd34f884",
)
def test_an_accepted_connection_passes_credentials(ns, observe):
    with listening_unix() as listener:
        listener.passcred = True
        with pending_connection(listener) as client, listener.accept()[0] as accepted:
            client.send(b"sent after")
            messages = control_messages(accepted, Ucred)

            assert observe("on_and_messages", [accepted.passcred, len(messages)]) == [True, 1]
