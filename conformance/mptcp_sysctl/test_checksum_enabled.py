"""Checksums of what MPTCP sends."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import MPTCP, VETH
from conformance.plugin.setups.mptcp import OPTION, mptcp_across
from conformance.plugin.setups.segments import Segment, internet_checksum, next_segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers

CHECKSUM = "net.mptcp.checksum_enabled"
HAS_ACK, LONG_ACK = 1, 2
"""Flags of DSS."""
MAPPING = 14
"""Bytes by which DSS says where data belongs: both sequence numbers and the length."""


def checksum(segment: Segment) -> str:
    """Of a segment with data: whether there is one in its DSS option, and it is right."""
    option = segment.options[OPTION]
    flags = option[1]
    mapping = option[2 + 4 * bool(flags & HAS_ACK) + 4 * bool(flags & LONG_ACK) :]
    if len(mapping) == MAPPING:
        return "none"
    return "wrong" if internet_checksum(mapping + segment.data) else "right"


def of_servers_data(hosts: Peers) -> tuple[str, list[int]]:
    """The checksum in what the right host sends first, and whether both ends have checksums (MPTCP_INFO)."""
    with hosts.left.entered():
        arriving = segments()
    with arriving, mptcp_across(hosts) as (client, listener):
        arriving.rcvtimeo = SOON
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            accepted.send(b"data")
            enabled = [sock.mptcp_info.csum_enabled for sock in (client, accepted)]
            return checksum(next_with_data(arriving)), enabled


def next_with_data(arriving: Socket) -> Segment:
    while not (segment := next_segment(arriving)).data:
        pass
    return segment


@claim(
    "mptcp-sysctl/checksum_enabled/either",
    sentence=("mptcp-sysctl/checksum_enabled/enables", "mptcp-sysctl/checksum_enabled/default"),
    section="/proc/sys/net/mptcp/* Variables",
    says="What the listener's end of an MPTCP connection over IPv4 sends has a checksum in its DSS option, "
    "which is right, where checksum_enabled is 1 on the client's host, the listener's, or both; none where "
    "it is 0 on both, or where both network namespaces are new. MPTCP_INFO of both ends says so.",
    since="5.14",
    needs=(MPTCP, Capability.NET_RAW, VETH),
)
@pytest.mark.parametrize(
    ("client", "server", "seen"),
    [
        (None, None, ("none", [0, 0])),
        (0, 0, ("none", [0, 0])),
        (0, 1, ("right", [1, 1])),
        (1, 0, ("right", [1, 1])),
        (1, 1, ("right", [1, 1])),
    ],
)
def test_data_has_a_checksum(peers, observe, client, server, seen):
    set_value(peers, client, server)
    found, enabled = of_servers_data(peers)

    assert (observe("checksum", found), observe("enabled", enabled)) == seen


def set_value(hosts: Peers, left: int | None, right: int | None) -> None:
    """Of both hosts, or leave it as it is at first."""
    for host, value in (hosts.left, left), (hosts.right, right):
        if value is not None:
            host.namespace.sysctl.update({CHECKSUM: 1 - value})
            host.namespace.sysctl[CHECKSUM] = value
