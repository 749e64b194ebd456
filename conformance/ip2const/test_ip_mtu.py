"""IP_MTU: how large packets to a peer may be."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.readiness import await_error
from libsocket import IP_MTU, Socket


@claim(
    "IP_MTU.2const/IP_MTU/path",
    sentence=(
        "IP_MTU.2const/IP_MTU/path",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/mtu-of-connected",
    ),
    section="DESCRIPTION",
    says="IP_MTU of a UDP socket is the path MTU that is known: that of the interface at first, and a "
    "smaller one once a router has told of it.",
    since="2.2",
    needs=[VETH],
)
def test_a_router_tells_of_a_narrower_path(routed, observe):
    routed.left.namespace.set_link(routed.left.device, mtu=1400)
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1300)
    with udp_across(routed) as (sender, receiver):
        sender.connect((routed.right.address, receiver.getsockname()[1]))
        known = [sender.ip_mtu]
        sender.send(bytes(1301))
        await_error(sender)
        known.append(sender.ip_mtu)

        assert observe("before_and_after", known) == [1400, 1300]


@claim(
    "IP_MTU.2const/IP_MTU/connected-only",
    sentence="IP_MTU.2const/IP_MTU/connected-only",
    section="DESCRIPTION",
    says="IP_MTU of a TCP or UDP socket that is not connected cannot be read.",
    since="2.2",
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_it_is_of_a_connected_socket(ns, observe, make):
    ns.set_link("lo", mtu=1600)
    with listening() as listener, make() as sock:
        with refused():
            sock.get(IP_MTU)
        sock.connect(listener.getsockname())

        assert observe("connected", sock.get(IP_MTU)) == 1600


@claim(
    "IP_MTU.2const/IP_MTU/get-only",
    sentence="IP_MTU.2const/IP_MTU/get-only",
    section="DESCRIPTION",
    says="IP_MTU of a connected TCP or UDP socket can be read only, not set.",
    since="2.2",
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_it_cannot_be_set(ns, observe, make):
    ns.set_link("lo", mtu=1600)
    with listening() as listener, make() as sock:
        sock.connect(listener.getsockname())
        with refused():
            sock.set(IP_MTU, 1500)

        assert observe("kept", sock.get(IP_MTU)) == 1600
