"""RTM_NEWRULE: by which rule a socket's packets are routed."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTING_RULES, VETH
from conformance.plugin.setups.served import on, say, serve
from conformance.plugin.setups.wires import FAR, add_rule, beyond, came, coming, replace_route
from netns import Capability

NEEDS = (VETH, Capability.NET_RAW, ROUTING_RULES)
TABLE = 100


@claim(
    "rtnetlink.7/RTM_NEWRULE/of-interface",
    sentence="rtnetlink.7/RTM_NEWRULE/adds",
    section="Messages",
    says="A rule that RTM_NEWRULE adds for an interface (oif) chooses the table by which a UDP or TCP socket "
    "over IPv4 sends whose SO_BINDTODEVICE is that interface, and not one without the option nor one bound "
    "to another interface.",
    needs=NEEDS,
    survives={"no-op: setsockopt(*SO_BINDTODEVICE, *, 1) = 0": "it is off at first"},
)
@pytest.mark.parametrize("kind", ["udp", "tcp"])
@pytest.mark.parametrize("bound", ["free", "first", "second"])
def test_a_rule_is_of_an_interface(peers, observe, kind, bound):
    left, right = peers.left, peers.right
    other = beyond(peers)
    near, far = other.left, other.right
    replace_route(f"{FAR}/32", near, via=far.address)
    replace_route(f"{FAR}/32", left, via=right.address, priority=10)
    left.namespace.add_address("lo", "10.7.7.7/32")
    right.namespace.add_route("10.7.7.7/32", via=near.address)
    replace_route(f"{FAR}/32", near, via=far.address, prefsrc="10.7.7.7", table=TABLE)
    add_rule(left.namespace, table=TABLE, oifname=near.device)
    with serve(right, kind, FAR) as server, on(left, kind) as client, coming(right) as seen:
        client.bindtodevice = {"free": "", "first": left.device, "second": near.device}[bound]
        say(client, "hello", server.getsockname())

        source = {"free": near.address, "first": left.address, "second": "10.7.7.7"}[bound]
        found = came(seen, b"hello")
        expected = [(right if bound == "first" else far).device, source]
        assert observe("device_and_source", [found.device, found.source]) == expected
