"""SO_KEEPALIVE: what no document says of it."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from libsocket import Socket


@claim(
    "defacto/SO_KEEPALIVE/off-by-default",
    says="A TCP socket begins with SO_KEEPALIVE off.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_is_off_at_first(ns, observe):
    with Socket.tcp() as sock:
        assert observe("keepalive", sock.keepalive) is False


@claim(
    "defacto/SO_KEEPALIVE/accepted-where-meaningless",
    says="UNIX stream and UDP sockets, which never probe anybody, take SO_KEEPALIVE and read it back.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("pair", [Socket.pair, udp_pair])
def test_is_taken_where_it_means_nothing(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        sock.keepalive = True

        assert observe("keepalive", sock.keepalive) is True


@claim(
    "defacto/SO_KEEPALIVE/inherited-by-accept",
    says="An accepted TCP connection has SO_KEEPALIVE on if its listener had when they connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_accepted_socket_inherits_it(ns, observe):
    with listening() as listener:
        listener.keepalive = True
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("accepted", accepted.keepalive) is True


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
