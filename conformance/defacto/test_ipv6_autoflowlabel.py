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
    with udp6() as unset, udp6() as on, udp6() as off:
        on.set(IPV6_AUTOFLOWLABEL, True)
        off.set(IPV6_AUTOFLOWLABEL, False)
        ns.sysctl[SYSCTL] = 2
        opt_in = [sock.get(IPV6_AUTOFLOWLABEL) for sock in (unset, on, off)]
        ns.sysctl[SYSCTL] = 1
        opt_out = [sock.get(IPV6_AUTOFLOWLABEL) for sock in (unset, on, off)]
        ns.sysctl[SYSCTL] = 2
        again = [sock.get(IPV6_AUTOFLOWLABEL) for sock in (unset, on, off)]

        assert observe("unset_on_off", [opt_in, opt_out, again]) == [
            [False, True, False],
            [True, True, False],
            [False, True, False],
        ]


@claim(
    "defacto/IPV6_AUTOFLOWLABEL/packets",
    says="Where net.ipv6.auto_flowlabels is 2, all that a connected UDP socket of IPv6 with "
    "IPV6_AUTOFLOWLABEL sends has one flow label, which is not zero.",
    since="4.3",
    commit="42240901f7c4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_packets_of_a_flow_have_one_label(ns, observe):
    ns.sysctl[SYSCTL] = 2
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.ipv6_autoflowlabel = True
        sender.send(b"first")
        sender.send(b"and a second")
        first, second = (packet_ending(seen, end).flow_label for end in (b"first", b"second"))

        assert observe("labelled_alike", [first != 0, first == second]) == [True, True]
