"""SO_BROADCAST where documents are silent."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_across


@claim(
    "defacto/SO_BROADCAST/limited-needs-route",
    says="255.255.255.255 is routed like any address: where no route leads to it the answer is "
    "ENETUNREACH, with the option and without.",
    needs=[VETH],
)
def test_the_limited_broadcast_takes_a_route(peers, observe):
    with udp_across(peers) as (sender, receiver):
        everywhere = "255.255.255.255", receiver.getsockname()[1]
        with refused(errno.ENETUNREACH):
            sender.sendto(b"without the option", everywhere)
        sender.broadcast = True
        with refused(errno.ENETUNREACH):
            sender.sendto(b"without a route", everywhere)
        peers.left.namespace.add_route("0.0.0.0/0", dev=peers.left.device)
        sender.sendto(b"with both", everywhere)

        assert observe("received", receiver.recv(20).decode()) == "with both"
