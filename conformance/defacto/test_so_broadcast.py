"""SO_BROADCAST where documents are silent."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_across


@claim(
    "defacto/SO_BROADCAST/limited-needs-route",
    says="From a UDP socket that is bound to no interface 255.255.255.255 is routed like any address: "
    "ENETUNREACH where no route leads to it, be SO_BROADCAST set or not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_the_limited_broadcast_takes_a_route(peers, observe):
    with udp_across(peers) as (sender, receiver):
        everywhere = "255.255.255.255", receiver.getsockname()[1]
        with refused(errno.ENETUNREACH):
            sender.sendto(b"without the option", everywhere)
        sender.broadcast = True
        with refused(errno.ENETUNREACH, "errno_with_the_option"):
            sender.sendto(b"without a route", everywhere)
        peers.left.namespace.add_route("0.0.0.0/0", dev=peers.left.device)
        sender.sendto(b"with both", everywhere)

        assert observe("received", receiver.recv(20).decode()) == "with both"


@claim(
    "defacto/SO_BROADCAST/limited-by-interface",
    says="From a UDP socket that is bound to an interface 255.255.255.255 is sent by it without any route.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_an_interface_takes_the_place_of_the_route(peers, observe):
    with udp_across(peers) as (sender, receiver):
        everywhere = "255.255.255.255", receiver.getsockname()[1]
        sender.broadcast = True
        with refused(errno.ENETUNREACH):
            sender.sendto(b"by no interface", everywhere)
        sender.bindtodevice = peers.left.device
        sender.sendto(b"by this one", everywhere)

        assert observe("received", receiver.recv(20).decode()) == "by this one"
