"""TCP_RTO_MIN_US and TCP_RTO_MAX_MS: between what TCP's retransmission timeout is held."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.made_peer import ADDRESS, MADE, made_peer
from conformance.plugin.timing import SOON
from libsocket import Socket

LEAST = "net.ipv4.tcp_rto_min_us"
LINEAR = "net.ipv4.tcp_syn_linear_timeouts"
SECOND = 1_000_000
"""In microseconds: the first timeout of a SYN, RFC 6298."""


def timeout(listener: Socket) -> int:
    """The shortest timeout of some connections: those by loopback, whose round trip is next to nothing."""
    timeouts = []
    for _ in range(5):
        with pending_connection(listener), listener.accept()[0] as accepted:
            timeouts.append(accepted.tcp_info.rto)
    return min(timeouts)


@claim(
    "defacto/TCP_RTO_MIN_US/used",
    says="The retransmission timeout (TCP_INFO.rto) of a TCP connection by loopback, over IPv4 and IPv6, is "
    "200000 microseconds or more where TCP_RTO_MIN_US is 200000, and less than that, but not than 20000, "
    "where it is 20000.",
    since="6.15",
    commit="f38805c5d26f",
    needs=[sysctl(LEAST)],
    survives={"no-op: close(*": "connections that were looked at may stay open"},
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("least", "longer"), [(20_000, False), (200_000, True)])
def test_the_timeout_is_not_less(ns, observe, host, least, longer):
    ns.sysctl[LEAST] = 220_000 - least
    with listening(host) as listener:
        listener.tcp_rto_min_us = least
        rto = timeout(listener)

        assert observe("held_and_longer", [rto >= least, rto >= 200_000]) == [True, longer]


@claim(
    "defacto/TCP_RTO_MAX_MS/used",
    says="The retransmission timeout (TCP_INFO.rto) of a TCP socket over IPv4 whose SYN is not answered, a "
    "second at first, is still one after the first retransmission with a TCP_RTO_MAX_MS of 1000, and has "
    "doubled with one of 120000.",
    since="6.15",
    commit="54a378f43425",
    needs=[*MADE, sysctl(LINEAR)],
    survives={"no-op: setsockopt(*120000*": "it is that at first"},
)
@pytest.mark.parametrize(("most", "doubled"), [(1000, False), (120_000, True)])
def test_the_timeout_is_not_more(peers, observe, most, doubled):
    right = peers.right
    right.namespace.sysctl[LINEAR] = 0
    with made_peer(peers) as peer, right.entered(), Socket.tcp() as sock:
        peer.arriving.rcvtimeo = SOON
        sock.setblocking(False)
        sock.tcp_rto_max_ms = most
        sock.connect_ex((ADDRESS, peer.port))
        first = sock.tcp_info.rto
        again = [peer.next().sequence, peer.next().sequence]
        later = sock.tcp_info.rto

        assert observe("again_first_and_doubled", [again[0] == again[1], first, later > SECOND]) == [
            True,
            SECOND,
            doubled,
        ]
