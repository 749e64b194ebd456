"""tcp_mtu_probe_floor: how small the segments become that a path might still take."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, made_peer
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import MSS
from libsocket import Linger
from netns import Peers

FLOOR, BASE_MSS, PROBING, RETRIES1, EARLY = (
    f"net.ipv4.tcp_{name}"
    for name in ("mtu_probe_floor", "base_mss", "mtu_probing", "retries1", "early_retrans")
)
LARGE, BASE = 1400, 700
"""Bytes of the segments that the peer takes, and of those with which probing begins."""


def copies(hosts: Peers, number: int) -> list[int]:
    """How large the copies are of a segment that is sent to no avail."""
    hosts.right.namespace.sysctl.update({PROBING: 2, BASE_MSS: BASE, RETRIES1: 0, EARLY: 0})
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        peer.connect(listener, {MSS: LARGE.to_bytes(2, "big")})
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.linger = Linger(True, 0)
            sock.send(bytes(BASE))
            return [len(peer.next().data) for _ in range(number)]


@claim(
    "ip-sysctl/tcp_mtu_probe_floor/least",
    sentence="ip-sysctl/tcp_mtu_probe_floor/least",
    section="TCP variables",
    says="A segment of 700 bytes, the tcp_base_mss, of a TCP connection over IPv4 that is sent again in "
    "vain, with a tcp_mtu_probing of 2 and a tcp_retries1 of 0, becomes one of half as many bytes, and then "
    "of a quarter, though none of fewer than tcp_mtu_probe_floor: 300 or 500.",
    since="5.4",
    needs=[*MADE, sysctl(FLOOR)],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("floor", "sizes"), [(300, [350, 300]), (500, [500, 500])])
def test_segments_become_no_smaller(peers, observe, floor, sizes):
    peers.right.namespace.sysctl[FLOOR] = floor

    assert observe("sizes", copies(peers, 4)) == [BASE, BASE, *sizes]


@claim(
    "ip-sysctl/tcp_mtu_probe_floor/default",
    sentence="ip-sysctl/tcp_mtu_probe_floor/default",
    section="TCP variables",
    says="In a new network namespace tcp_mtu_probe_floor is 48, and a segment of 700 bytes, the "
    "tcp_base_mss, of a TCP connection over IPv4 that is sent again in vain, with a tcp_mtu_probing of 2 and "
    "a tcp_retries1 of 0, becomes one of half as many bytes, and then of a quarter.",
    since="5.4",
    needs=[*MADE, sysctl(FLOOR)],
    survives=UNACKED_ENDS,
)
def test_segments_may_become_small_at_first(peers, observe):
    floor = observe("floor", peers.right.namespace.sysctl[FLOOR])

    assert [floor, observe("sizes", copies(peers, 4))] == ["48", [BASE, BASE, 350, 175]]
