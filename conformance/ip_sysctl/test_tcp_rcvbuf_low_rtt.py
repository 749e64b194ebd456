"""tcp_rcvbuf_low_rtt: how fast a receive buffer grows where round trips are short."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    ACKNOWLEDGED_LATER,
    MADE,
    SEGMENT,
    WITH_SCALE,
    echoed,
    made_peer,
    with_timestamp,
)
from conformance.plugin.setups.pairs import UNACKED_ENDS
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Linger
from netns import Peers

LOW_RTT, RMEM = "net.ipv4.tcp_rcvbuf_low_rtt", "net.ipv4.tcp_rmem"
TRIP = 0.2
"""Seconds of a round trip, in which all but one of the segments come."""
NUMBER = 60
LONGEST = 2**31 - 1
"""Microseconds, more than half an hour, of which each round trip is short."""


def growth(hosts: Peers) -> float:
    """The receive buffer of a connection once much has come in one round trip, as a multiple of that."""
    hosts.right.namespace.sysctl[RMEM] = f"4096 131072 {2**25}"
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        clock = echoed(peer.ask(listener, {**WITH_SCALE, **with_timestamp(1)}))
        peer.during(TRIP)
        peer.send(options=with_timestamp(2))
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.linger = Linger(True, 0)
            sock.rcvtimeo = SOON
            for _ in range(NUMBER):
                peer.tell(bytes(SEGMENT), options=with_timestamp(3, clock))
            sock.read_exact(NUMBER * SEGMENT)
            peer.during(2 * TRIP)
            peer.tell(b"x", options=with_timestamp(4, clock))
            sock.read_exact(1)
            return sock.rcvbuf / (NUMBER * SEGMENT)


@claim(
    "ip-sysctl/tcp_rcvbuf_low_rtt/slower",
    sentence=("ip-sysctl/tcp_rcvbuf_low_rtt/slower", "ip-sysctl/tcp_rcvbuf_low_rtt/default"),
    section="TCP variables",
    says="The receive buffer of a TCP connection over IPv4 that reads 60000 bytes in a round trip, which "
    "takes 0.2 seconds, grows to more than eight times as many, with a tcp_rcvbuf_low_rtt of 1000, as it is "
    "in a new network namespace, or of 0, and not with one of 2147483647.",
    since="6.19",
    needs=[*MADE, sysctl(LOW_RTT)],
    survives={**UNACKED_ENDS, **ACKNOWLEDGED_LATER},
)
@pytest.mark.parametrize(
    ("settings", "more"),
    [({}, True), ({LOW_RTT: 0}, True), ({LOW_RTT: LONGEST}, False)],
    ids=["at-first", "0", "longest"],
)
def test_a_buffer_grows_more_slowly(peers, observe, settings, more):
    default = observe("default", peers.right.namespace.sysctl[LOW_RTT])
    peers.right.namespace.sysctl.update(settings)

    assert [default, observe("more", growth(peers) > 8)] == ["1000", more]
