"""When an accepted connection takes over what the listener has. accept(2) does not say."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening, pending_connection
from libsocket import SO_OOBINLINE, SO_TIMESTAMP, TCP_NODELAY


@claim(
    "defacto/accept/inherits-at-handshake",
    says="An accepted TCP connection over IPv4 has the SO_OOBINLINE, SO_TIMESTAMP and TCP_NODELAY that its "
    "listener had when they connected, not those at accept.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("option", [SO_OOBINLINE, SO_TIMESTAMP, TCP_NODELAY])
def test_it_is_taken_over_before_accept(ns, observe, option):
    with listening() as listener, pending_connection(listener):
        listener.set(option, True)
        with listener.accept()[0] as accepted:
            assert [listener.get(option), observe("inherited", accepted.get(option))] == [True, False]
