"""SO_KEEPALIVE: what no document says of it."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import LINK_DOWN
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import impatient_pair
from conformance.plugin.timing import SOON


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


@claim(
    "defacto/SO_KEEPALIVE/etimedout",
    says="A receive on a TCP connection that ends because its keepalive probes were in vain fails with "
    "ETIMEDOUT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[LINK_DOWN],
)
def test_the_end_is_a_timeout(ns, observe):
    sock, peer = impatient_pair()
    with sock, peer:
        sock.rcvtimeo = SOON
        peer.send(b"here")
        received = sock.recv(4).decode()
        sock.keepalive = True
        ns.set_link("lo", up=False)
        with refused(errno.ETIMEDOUT):
            sock.recv(1)

        assert observe("received_before", received) == "here"
