"""IPV6_MTU and IPV6_MTU_DISCOVER: how large packets to a peer may be."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import (
    ipv6_packets,
    packet_sizes,
    udp6_across,
)
from netns import Capability

HEADERS = 48
"""The sizes of an IPv6 header and one of UDP."""


@claim(
    "defacto/IPV6_MTU/bounds",
    says="IPV6_MTU of a UDP socket can be set to 1280 and to 0. Setting it to 1279, 1 or less than 0 fails "
    "with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("mtu", [1279, 1, -1])
def test_an_mtu_has_a_least_size(peers, observe, mtu):
    # What is set does not read back: the sizes of fragments show it.
    with udp6_across(peers) as (sender, _), peers.right.entered(), ipv6_packets() as seen:
        sender.ipv6_mtu = 1280
        with refused(errno.EINVAL):
            sender.ipv6_mtu = mtu
        sender.send(bytes(1501 - HEADERS))
        kept = max(packet_sizes(seen))
        sender.ipv6_mtu = 0
        sender.send(bytes(1501 - HEADERS))

        assert observe("kept_and_ended", [kept, max(packet_sizes(seen))]) == [1280, 1496]


@claim(
    "defacto/IPV6_MTU/set-is-not-read",
    says="IPV6_MTU of a connected UDP socket reads as the MTU of the path, whatever it is set to.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, IPV6, Capability.NET_RAW],
)
def test_what_is_set_is_not_read(peers, observe):
    with udp6_across(peers) as (sender, _), peers.right.entered(), ipv6_packets() as seen:
        sender.ipv6_mtu = 1280
        sender.send(bytes(1501))

        assert [observe("read", sender.ipv6_mtu), observe("largest_packet", max(packet_sizes(seen)))] == [
            1500,
            1280,
        ]
