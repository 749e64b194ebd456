"""Whether an announcement that needs the room of TCP's timestamps takes it."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import MPTCP, VETH
from conformance.plugin.setups.mptcp import ADD_ADDR, OPTION, announce, connected, mptcp_across, subtype_of
from conformance.plugin.setups.segments import TIMESTAMPS, next_segment, segments
from conformance.plugin.timing import SOON
from netns import Capability, Peers

DROP = "net.mptcp.add_addr_v6_port_drop_ts"
PORT = 20_000
WITH_PORT, LAST = 1, 2
"""The numbers of two endpoints."""


def timestamps(hosts: Peers, value: int) -> dict[int, bool]:
    """Whether the segments have timestamps by which a listener of the right host announces its addresses.

    By their numbers: the first is an IPv6 address with a port, the last, which is waited for, is neither.
    """
    hosts.right.namespace.sysctl[DROP] = value
    announce(hosts.right, str(hosts.right.address6), PORT, WITH_PORT)
    announce(hosts.right, number=LAST)
    with hosts.left.entered():
        arriving = segments()
    found: dict[int, bool] = {}
    with arriving, mptcp_across(hosts) as (client, listener):
        arriving.rcvtimeo = SOON
        with connected(client, listener):
            while LAST not in found:
                segment = next_segment(arriving)
                if subtype_of(segment) == ADD_ADDR:
                    found[segment.options[OPTION][1]] = TIMESTAMPS in segment.options
    return found


@claim(
    "mptcp-sysctl/add_addr_v6_port_drop_ts/drops",
    sentence=(
        "mptcp-sysctl/add_addr_v6_port_drop_ts/drops",
        "mptcp-sysctl/add_addr_v6_port_drop_ts/not-sent",
    ),
    section="/proc/sys/net/mptcp/* Variables",
    says="A listener's end of an MPTCP connection over IPv4 whose segments have timestamps announces an IPv6 "
    "address with a port by segments without them where add_addr_v6_port_drop_ts is 1, and not at all "
    "where it is 0, but an IPv4 address by segments with them after that.",
    since="7.2",
    needs=(MPTCP, Capability.NET_RAW, VETH),
)
@pytest.mark.parametrize(("value", "seen"), [(1, {WITH_PORT: False, LAST: True}), (0, {LAST: True})])
def test_an_announcement_goes_without_timestamps(peers, observe, value, seen):
    assert observe("timestamps", sorted(timestamps(peers, value).items())) == sorted(seen.items())
