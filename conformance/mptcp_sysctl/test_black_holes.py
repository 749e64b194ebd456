"""What a client does where SYNs with MPTCP's options are not answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.black_hole import (
    TRIES_END,
    asks_for_mptcp,
    connecting_to,
    let_pass,
    swallow,
    syns,
)
from conformance.plugin.setups.made_peer import MadePeer, made_peer, made_peers
from conformance.plugin.setups.mptcp_peer import MADE_MPTCP
from conformance.plugin.setups.readiness import readable_by_select
from netns import Peers

RETRANSMISSIONS, BLACKHOLE = (
    f"net.mptcp.{name}" for name in ("syn_retrans_before_tcp_fallback", "blackhole_timeout")
)
SECTION = "/proc/sys/net/mptcp/* Variables"
BETWEEN_TRIES = 0.2
"""Seconds."""


def with_option(hosts: Peers, value: int, number: int) -> list[bool]:
    """Whether the first SYNs of a client on the right host have MPTCP's option."""
    hosts.right.namespace.sysctl[RETRANSMISSIONS] = value
    with made_peer(hosts) as peer, hosts.right.entered():
        return syns(peer, number)


@claim(
    "mptcp-sysctl/syn_retrans_before_tcp_fallback/times",
    sentence=(
        "mptcp-sysctl/syn_retrans_before_tcp_fallback/times",
        "mptcp-sysctl/syn_retrans_before_tcp_fallback/zero",
    ),
    section=SECTION,
    says="The SYN of an MPTCP socket over IPv4 that is not answered is sent again with MPTCP's option "
    "syn_retrans_before_tcp_fallback times, 0, 1 or 2, and without it after that.",
    since="6.14",
    needs=MADE_MPTCP,
    survives=TRIES_END,
)
@pytest.mark.parametrize("times", [0, 1, 2])
def test_so_many_have_the_option(peers, observe, times):
    seen = with_option(peers, times, times + 2)

    assert observe("with_option", seen) == [True] * (times + 1) + [False]


@claim(
    "mptcp-sysctl/syn_retrans_before_tcp_fallback/all",
    sentence="mptcp-sysctl/syn_retrans_before_tcp_fallback/128",
    section=SECTION,
    says="With a syn_retrans_before_tcp_fallback of 128, or of 255, the SYN of an MPTCP socket over IPv4 "
    "that is not answered is sent again with MPTCP's option the third time, too.",
    since="6.14",
    needs=MADE_MPTCP,
    survives=TRIES_END,
)
@pytest.mark.parametrize("value", [128, 255])
def test_all_have_the_option(peers, observe, value):
    assert observe("with_option", with_option(peers, value, 4)) == [True] * 4


@contextmanager
def blackhole_timeout(hosts: Peers, seconds: int | None) -> Iterator[MadePeer]:
    """A peer of hosts on which a client falls back after the first SYN; None: as at first."""
    settings = hosts.right.namespace.sysctl
    settings[RETRANSMISSIONS] = 0
    if seconds is not None:
        settings[BLACKHOLE] = seconds
    with made_peer(hosts) as peer, hosts.right.entered():
        yield peer


def await_mptcp(peer: MadePeer) -> None:
    """Try until a SYN has the option again."""
    while not asks_for_mptcp(peer):
        readable_by_select(peer.arriving, BETWEEN_TRIES)


@claim(
    "mptcp-sysctl/blackhole_timeout/disabled",
    sentence="mptcp-sysctl/blackhole_timeout/disabled",
    section=SECTION,
    says="After a SYN of an MPTCP socket over IPv4 was answered only when it was sent again without MPTCP's "
    "option, other MPTCP sockets of the network namespace send theirs without it for blackhole_timeout "
    "seconds, 1 or 2, and with it after that.",
    since="6.12",
    needs=MADE_MPTCP,
    survives=TRIES_END,
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_clients_do_without_mptcp(peers, observe, seconds):
    with blackhole_timeout(peers, seconds) as peer:
        since = swallow(peer)
        await_mptcp(peer)

        assert observe("late", since.lasted(seconds)) is True


@claim(
    "mptcp-sysctl/blackhole_timeout/grows",
    sentence="mptcp-sysctl/blackhole_timeout/grows",
    section=SECTION,
    says="With a blackhole_timeout of 1, where two SYNs of MPTCP sockets over IPv4, one after the other, "
    "were answered only when they were sent again without MPTCP's option, other MPTCP sockets of the "
    "network namespace send theirs without it for 2 seconds after the second.",
    since="6.12",
    needs=MADE_MPTCP,
    survives=TRIES_END,
)
def test_the_time_doubles(peers, observe):
    with blackhole_timeout(peers, 1) as peer:
        swallow(peer)
        await_mptcp(peer)
        since = swallow(peer)
        await_mptcp(peer)

        assert observe("late", since.lasted(2)) is True


@claim(
    "mptcp-sysctl/blackhole_timeout/reset",
    sentence="mptcp-sysctl/blackhole_timeout/reset",
    section=SECTION,
    says="With a blackhole_timeout of 1, where the SYNs of seven MPTCP sockets over IPv4 were answered only "
    "when they were sent again without MPTCP's option, which is for 64 seconds, and then one with it is "
    "answered with it, that is for 1 second again: after another such SYN, MPTCP sockets of the network "
    "namespace send theirs with it long before 64 seconds have passed.",
    since="6.12",
    needs=MADE_MPTCP,
    survives=TRIES_END,
    # 833d4313bc1e turned the condition round: it was only so where the answer came by a loopback interface.
    expect=[
        differs(
            "they go on without it: what is answered with it by another interface than lo changes nothing",
            since=since,
            until=until,
            commit="27069e7cb3d1",
            observed={"before": False},
        )
        for since, until in [("6.12", "6.12.55"), ("6.13", "6.17.4")]
    ],
)
def test_the_time_is_as_at_first(peers, observe):
    settings = peers.right.namespace.sysctl
    settings[BLACKHOLE] = 1
    settings[RETRANSMISSIONS] = 255
    with made_peers(peers, 9) as (early, *others, late), peers.right.entered():
        with connecting_to(early):
            asked, _ = early.next(), early.next()  # it is too late to fall back after no retransmission
            settings[RETRANSMISSIONS] = 0
            swallow(*others)
            before = observe("before", asks_for_mptcp(late))
            let_pass(early, asked)
        since = swallow(late)
        await_mptcp(late)

        times = [since.lasted(seconds) for seconds in (1, 64)]
        assert [before, observe("times", times)] == [False, [True, False]]


@claim(
    "mptcp-sysctl/blackhole_timeout/zero",
    sentence=("mptcp-sysctl/blackhole_timeout/zero", "mptcp-sysctl/blackhole_timeout/default"),
    section=SECTION,
    says="With a blackhole_timeout of 0 MPTCP sockets over IPv4 send their SYNs with MPTCP's option right "
    "after another one's was answered only when it was sent again without; in a new network namespace they "
    "do not.",
    since="6.12",
    needs=MADE_MPTCP,
    survives=TRIES_END,
)
@pytest.mark.parametrize(("seconds", "asks"), [(0, True), (None, False)], ids=["0", "new"])
def test_nobody_looks_for_a_firewall(peers, observe, seconds, asks):
    with blackhole_timeout(peers, seconds) as peer:
        swallow(peer)

        assert observe("asks", asks_for_mptcp(peer)) is asks
