"""TCP_LINGER2 and tcp_fin_timeout: how long a closed socket waits for its peer's end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.readiness import await_end, await_error
from conformance.plugin.setups.segments import FIN, RST, next_segment, segments
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON, timed
from libsocket import Shutdown, Socket
from netns import Capability

FIN_WAIT2 = 5
"""The state, as TCP_INFO has it."""


@contextmanager
def probing_peer() -> Iterator[tuple[Socket, Socket]]:
    """A TCP socket to close, and a peer that asks each second whether it is still there (SO_KEEPALIVE)."""
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        peer.tcp_keepidle = peer.tcp_keepintvl = 1
        peer.keepalive = True
        yield sock, peer


@claim(
    "tcp.7/TCP_LINGER2/lifetime",
    sentence=("tcp.7/TCP_LINGER2/lifetime", "tcp.h/TCP_LINGER2/life-time"),
    section="Socket options",
    says="A TCP socket over IPv4 that was closed with a TCP_LINGER2 of some seconds lives so long in "
    "FIN-WAIT-2, and then answers its peer with a reset.",
    since="2.4",
    survives={"no-op: setsockopt(*TCP_KEEPINTVL*": "the first probe may be the one that is reset"},
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_an_orphan_lives_so_long(ns, observe, seconds):
    with probing_peer() as (sock, peer):
        sock.tcp_linger2 = seconds
        with timed() as took:
            sock.close()
            await_error(peer)

        error = errno_name(peer.error)
        assert observe("error_and_late", [error, took.lasted(seconds)]) == ["EPIPE", True]


@claim(
    "tcp.7/tcp_fin_timeout/lifetime",
    sentence=("tcp.7/tcp_fin_timeout/seconds", "ip-sysctl/tcp_fin_timeout/orphaned"),
    section="/proc interfaces",
    says="A TCP socket over IPv4 that was closed lives as many seconds in FIN-WAIT-2 as tcp_fin_timeout "
    "says, and then answers its peer with a reset.",
    since="2.2",
    survives={"no-op: setsockopt(*TCP_KEEPINTVL*": "the first probe may be the one that is reset"},
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_the_sysctl_says_how_long(ns, observe, seconds):
    ns.sysctl["net.ipv4.tcp_fin_timeout"] = seconds
    with probing_peer() as (sock, peer):
        with timed() as took:
            sock.close()
            await_error(peer)

        error = errno_name(peer.error)
        assert observe("error_and_late", [error, took.lasted(seconds)]) == ["EPIPE", True]


@claim(
    "tcp.7/TCP_LINGER2/overrides-sysctl",
    sentence="tcp.7/TCP_LINGER2/overrides",
    section="Socket options",
    says="A TCP socket over IPv4 that was closed with a TCP_LINGER2 of a minute still answers its peer's "
    "probes after 3 seconds, though tcp_fin_timeout is 1 second.",
    since="2.4",
    needs=[Capability.NET_RAW],
)
def test_it_goes_before_the_sysctl(ns, observe):
    ns.sysctl["net.ipv4.tcp_fin_timeout"] = 1
    with probing_peer() as (sock, peer), segments() as arriving:
        arriving.rcvtimeo = SOON
        sock.tcp_linger2 = 60
        with timed() as took:
            sock.close()
            ends = [next_segment(arriving).flags & (FIN | RST) for _ in range(8)]

        later = [took.lasted(3), peer.error]
        assert observe("ends_and_after_three_seconds", [ends, *later]) == [[FIN, *[0] * 7], True, 0]


def in_fin_wait2(sock: Socket) -> bool:
    return sock.tcp_info.state == FIN_WAIT2


@claim(
    "defacto/TCP_LINGER2/negative-resets",
    says="A TCP socket, over IPv4 and IPv6, with a negative TCP_LINGER2 that is closed once its end was "
    "acknowledged, in FIN-WAIT-2, resets its peer, which is told EPIPE; with a positive one it does not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={
        "no-op: setsockopt(*TCP_LINGER2, ?60?*": "it is positive at first",
        "no-op: close(*": "the one that is not to reset its peer does not when it is open either",
    },
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_negative_lifetime_resets(ns, observe, kind):
    with connected(kind) as (staying, peer), connected(kind) as (sock, told):
        for one, other, linger2 in ((staying, peer, 60), (sock, told, -1)):
            one.tcp_linger2 = linger2
            one.shutdown(Shutdown.WRITE)
            await_end(other)
            wait_until(partial(in_fin_wait2, one))
            one.close()
        await_error(told)
        found = [peer.error, errno_name(told.error)]

        assert observe("positive_and_negative", found) == [0, "EPIPE"]
