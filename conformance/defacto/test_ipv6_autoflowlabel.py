"""IPV6_AUTOFLOWLABEL: flow labels that the kernel makes from addresses and ports."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.ipv6 import ipv6_packets, packet_ending, tcp6, udp6, udp6_pair
from libsocket import IPV6_AUTOFLOWLABEL
from netns import Capability

SYSCTL = "net.ipv6.auto_flowlabels"


@claim(
    "defacto/IPV6_AUTOFLOWLABEL/default",
    says="IPV6_AUTOFLOWLABEL of a new TCP or UDP socket of IPv6 reads as on where net.ipv6.auto_flowlabels "
    "is 1 or 3, and as off where it is 0 or 2.",
    since="4.3",
    commit="42240901f7c4",
    needs=[IPV6],
)
@pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
@pytest.mark.parametrize(("mode", "on"), [(0, False), (1, True), (2, False), (3, True)])
def test_the_sysctl_is_its_default(ns, observe, make, mode, on):
    ns.sysctl[SYSCTL] = mode
    with make() as sock:
        assert observe("default", sock.get(IPV6_AUTOFLOWLABEL)) == on


@claim(
    "defacto/IPV6_AUTOFLOWLABEL/follows-until-set",
    says="IPV6_AUTOFLOWLABEL of a UDP socket of IPv6 that did not set it follows net.ipv6.auto_flowlabels "
    "when that changes. What is set stays.",
    since="4.15",
    commit="513674b5a2c9",
    needs=[IPV6],
)
def test_it_follows_the_sysctl_until_it_is_set(ns, observe):
    ns.sysctl[SYSCTL] = 1
    with udp6() as sock, udp6() as set_on:
        set_on.set(IPV6_AUTOFLOWLABEL, True)
        before = [sock.get(IPV6_AUTOFLOWLABEL), set_on.get(IPV6_AUTOFLOWLABEL)]
        ns.sysctl[SYSCTL] = 2
        after = [sock.get(IPV6_AUTOFLOWLABEL), set_on.get(IPV6_AUTOFLOWLABEL)]

        assert observe("before_and_after", [before, after]) == [[True, True], [False, True]]


@claim(
    "defacto/IPV6_AUTOFLOWLABEL/packets",
    says="With IPV6_AUTOFLOWLABEL a UDP socket sends all packets of a flow with one flow label, which is not "
    "zero; without it with none. net.ipv6.auto_flowlabels is 1 or 2.",
    since="4.3",
    commit="42240901f7c4",
    needs=[IPV6, Capability.NET_RAW],
    survives={"no-op: setsockopt(*IPV6_AUTOFLOWLABEL, ?1?*": "it is on already where the sysctl is 1"},
)
@pytest.mark.parametrize("mode", [1, 2])
def test_packets_have_a_label(ns, observe, mode):
    ns.sysctl[SYSCTL] = mode
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.ipv6_autoflowlabel = True
        sender.send(b"first")
        sender.send(b"second")
        sender.ipv6_autoflowlabel = False
        sender.send(b"third")
        first, second, third = (
            packet_ending(seen, end).flow_label for end in (b"first", b"second", b"third")
        )

        assert observe("has_same_without", [first != 0, first == second, third]) == [True, True, 0]
