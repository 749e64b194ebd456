"""TCP's retransmission timeout: between what sysctls hold it, and options of a socket before them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.made_peer import ADDRESS, MADE, MadePeer, made_peer
from libsocket import Socket
from netns import NetnsError, Peers

LEAST, MOST = "net.ipv4.tcp_rto_min_us", "net.ipv4.tcp_rto_max_ms"
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


@contextmanager
def connecting(hosts: Peers, most: int) -> Iterator[tuple[Socket, MadePeer]]:
    """A socket that is still to connect, where the sysctl has a value, and a peer that does not answer it."""
    hosts.right.namespace.sysctl[LINEAR] = 0
    hosts.right.namespace.sysctl[MOST] = most
    with made_peer(hosts) as peer, hosts.right.entered(), Socket.tcp() as sock:
        sock.setblocking(False)
        yield sock, peer


def timeouts_of_syn(sock: Socket, peer: MadePeer) -> list[int]:
    """Whether a SYN was sent again; its timeout, in microseconds, and the one after that."""
    sock.connect_ex((ADDRESS, peer.port))
    first = sock.tcp_info.rto
    again = peer.next().sequence == peer.next().sequence
    return [again, first, sock.tcp_info.rto]


@claim(
    "ip-sysctl/tcp_rto_min_us/option",
    sentence=("ip-sysctl/tcp_rto_min_us/precedence", "tcp.h/TCP_RTO_MIN_US/least"),
    section="TCP variables",
    says="The least retransmission timeout of a TCP connection by loopback, over IPv4 and IPv6, is "
    "TCP_RTO_MIN_US rather than tcp_rto_min_us: the timeout (TCP_INFO.rto) is 200000 microseconds or more "
    "with 200000 in the option and 20000 in the sysctl, and the other way round less, but not than 20000.",
    since="6.15",
    needs=[sysctl(LEAST)],
    survives={"no-op: close(*": "connections that were looked at may stay open"},
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("least", "longer"), [(20_000, False), (200_000, True)])
def test_the_option_has_precedence_as_least(ns, observe, host, least, longer):
    ns.sysctl[LEAST] = 220_000 - least
    with listening(host) as listener:
        listener.tcp_rto_min_us = least
        rto = timeout(listener)

        assert observe("held_and_longer", [rto >= least, rto >= 200_000]) == [True, longer]


@claim(
    "ip-sysctl/tcp_rto_min_us/values",
    sentence="ip-sysctl/tcp_rto_min_us/values",
    section="TCP variables",
    says="In a new network namespace tcp_rto_min_us is 200000, as TCP_RTO_MIN_US of a TCP socket over IPv4 "
    "shows; it takes 1, and 0 is refused.",
    since="6.15",
    needs=[sysctl(LEAST)],
)
def test_the_least_is_not_0(ns, observe):
    with Socket.tcp() as sock:
        default = sock.tcp_rto_min_us
    ns.sysctl[LEAST] = 1
    with pytest.raises(NetnsError):
        ns.sysctl[LEAST] = 0

    assert [observe("default", default), observe("taken", ns.sysctl[LEAST])] == [200_000, "1"]


@claim(
    "ip-sysctl/tcp_rto_max_ms/values",
    sentence="ip-sysctl/tcp_rto_max_ms/values",
    section="TCP variables",
    says="In a new network namespace tcp_rto_max_ms is 120000, as TCP_RTO_MAX_MS of a TCP socket over IPv4 "
    "shows; it takes 1000 and 120000, and 999 and 120001 are refused.",
    since="6.15",
    needs=[sysctl(MOST)],
)
@pytest.mark.parametrize(("taken", "beyond"), [(1000, 999), (120_000, 120_001)])
def test_the_most_is_within_bounds(ns, observe, taken, beyond):
    with Socket.tcp() as sock:
        default = sock.tcp_rto_max_ms
    ns.sysctl[MOST] = 2000
    ns.sysctl[MOST] = taken
    with pytest.raises(NetnsError):
        ns.sysctl[MOST] = beyond
    with Socket.tcp() as sock:
        assert observe("default_and_taken", [default, sock.tcp_rto_max_ms]) == [120_000, taken]


@claim(
    "ip-sysctl/tcp_rto_max_ms/most",
    sentence="ip-sysctl/tcp_rto_max_ms/most",
    section="TCP variables",
    says="The retransmission timeout (TCP_INFO.rto) of a TCP socket over IPv4 whose SYN is not answered, a "
    "second at first, is still one after the first retransmission with a tcp_rto_max_ms of 1000, and has "
    "doubled with one of 2000.",
    since="6.15",
    needs=[*MADE, sysctl(LINEAR), sysctl(MOST)],
)
@pytest.mark.parametrize(("most", "later"), [(1000, SECOND), (2000, 2 * SECOND)])
def test_the_timeout_has_a_most(peers, observe, most, later):
    with connecting(peers, most) as (sock, peer):
        assert observe("again_and_timeouts", timeouts_of_syn(sock, peer)) == [True, SECOND, later]


@claim(
    "ip-sysctl/tcp_rto_max_ms/option",
    sentence=("ip-sysctl/tcp_rto_max_ms/precedence", "tcp.h/TCP_RTO_MAX_MS/most"),
    section="TCP variables",
    says="The largest retransmission timeout (TCP_INFO.rto) of a TCP socket over IPv4 whose SYN is not "
    "answered, a second at first, is TCP_RTO_MAX_MS rather than tcp_rto_max_ms: it has doubled after the "
    "first retransmission with 2000 in the option and 1000 in the sysctl, and has not the other way round.",
    since="6.15",
    needs=[*MADE, sysctl(LINEAR), sysctl(MOST)],
)
@pytest.mark.parametrize(("most", "later"), [(1000, SECOND), (2000, 2 * SECOND)])
def test_the_option_has_precedence_as_most(peers, observe, most, later):
    with connecting(peers, 3000 - most) as (sock, peer):
        sock.tcp_rto_max_ms = most

        assert observe("again_and_timeouts", timeouts_of_syn(sock, peer)) == [True, SECOND, later]
