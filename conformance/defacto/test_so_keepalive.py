"""SO_KEEPALIVE: what no document says of it."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening, pending_connection


@claim(
    "defacto/SO_KEEPALIVE/inherited-when-connected",
    says="An accepted TCP connection has SO_KEEPALIVE off if its listener turned it on only after they "
    "connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_it_is_inherited_before_accept(ns, observe):
    with listening() as listener, pending_connection(listener):
        listener.keepalive = True
        with listener.accept()[0] as accepted:
            assert observe("listener_and_accepted", [listener.keepalive, accepted.keepalive]) == [True, False]
