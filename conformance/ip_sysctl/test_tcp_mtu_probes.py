"""Probes for a larger path MTU of TCP: when they begin, and when they end."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.made_peer import ACKNOWLEDGED_LATER, SEGMENT, WITH_SACK, MadePeer, sacked
from conformance.plugin.setups.resting import RESTING, RESTING_ENDS, resting_client
from libsocket import Socket
from netns import Peers

PROBING, BASE_MSS, THRESHOLD, INTERVAL, TIMESTAMPS = (
    f"net.ipv4.tcp_{name}"
    for name in ("mtu_probing", "base_mss", "probe_threshold", "probe_interval", "timestamps")
)
BASE = 900
"""Bytes of the segments with which probing begins, where the peer takes those of 1000."""
NARROW = 60
"""Bytes: after a probe in vain no more than that are left to search, which is half of 100."""
MORE_THAN_A_SECOND = 1.1


def transfer(sock: Socket, peer: MadePeer, size: int) -> bytes:
    """Send ten segments of a size, all of which arrive; the first frame."""
    sock.send(bytes(10 * size))
    first = peer.next()
    peer.replies()
    peer.expected = (first.sequence + 10 * size) % 2**32
    peer.acknowledge()
    return first.data


def beyond(hosts: Peers, base: int) -> int:
    """How many bytes a probe has more than the segments, if there is one once the window is large enough."""
    hosts.right.namespace.sysctl.update({PROBING: 2, BASE_MSS: base, TIMESTAMPS: 0})
    with resting_client(hosts, WITH_SACK) as (sock, peer):
        transfer(sock, peer, base)
        return len(transfer(sock, peer, base)) % base


@claim(
    "ip-sysctl/tcp_probe_threshold/default",
    sentence="ip-sysctl/tcp_probe_threshold/default",
    section="TCP variables",
    says="A TCP connection over IPv4 without timestamps, with a tcp_mtu_probing of 2, whose peer takes "
    "segments of 1000 bytes, probes with one whose size is in the middle where a tcp_base_mss is "
    "tcp_probe_threshold bytes less, 8 in a new network namespace, or 20, and not where it is one byte less "
    "than that.",
    since="4.1",
    needs=RESTING,
    survives={**RESTING_ENDS, **ACKNOWLEDGED_LATER},
)
@pytest.mark.parametrize(
    ("settings", "width", "more"),
    [({}, 8, 4), ({}, 7, 0), ({THRESHOLD: 20}, 20, 10), ({THRESHOLD: 20}, 19, 0)],
    ids=["at-first-8", "at-first-7", "20-20", "20-19"],
)
def test_the_search_ends(peers, observe, settings, width, more):
    peers.right.namespace.sysctl.update(settings)

    assert observe("beyond", beyond(peers, SEGMENT - width)) == more


def probed_anew(hosts: Peers) -> tuple[list[int], bool]:
    """How many bytes a probe has more than the segments, and one that follows a second later.

    The first is lost, and whether what it carried is sent again.
    """
    hosts.right.namespace.sysctl.update({PROBING: 2, BASE_MSS: BASE, THRESHOLD: NARROW, TIMESTAMPS: 0})
    with resting_client(hosts, WITH_SACK) as (sock, peer):
        transfer(sock, peer, BASE)
        sock.send(bytes(10 * BASE))
        probe = peer.next()
        others = probe.sequence + len(probe.data)
        peer.replies()
        peer.expected = probe.sequence
        peer.send(options=sacked((others, others + 3 * BASE)))
        again = any(one.sequence == probe.sequence for one in peer.during(MORE_THAN_A_SECOND))
        peer.expected = (probe.sequence + 10 * BASE) % 2**32
        peer.acknowledge()
        transfer(sock, peer, BASE)
        return [len(data) % BASE for data in (probe.data, transfer(sock, peer, BASE))], again


@claim(
    "ip-sysctl/tcp_probe_interval/default",
    sentence="ip-sysctl/tcp_probe_interval/default",
    section="TCP variables",
    says="A TCP connection over IPv4 without timestamps, with a tcp_mtu_probing of 2, whose search for a "
    "larger segment has ended with a probe that was lost, probes anew, by the same size, more than a second "
    "after it began with a tcp_probe_interval of 1, and not with one of 600, as it is in a new network "
    "namespace.",
    since="4.1",
    needs=RESTING,
    survives={**RESTING_ENDS, **ACKNOWLEDGED_LATER},
)
@pytest.mark.parametrize(("settings", "again"), [({}, 0), ({INTERVAL: 600}, 0), ({INTERVAL: 1}, 50)])
def test_a_search_begins_anew(peers, observe, settings, again):
    default = observe("default", peers.right.namespace.sysctl[INTERVAL])
    peers.right.namespace.sysctl.update(settings)
    sizes, lost = probed_anew(peers)

    assert [default, observe("lost", lost), observe("beyond", sizes)] == ["600", True, [50, again]]
