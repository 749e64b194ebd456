"""What the sysctls change of the packets with which a connection begins."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.setups.handshakes import answer, request
from conformance.plugin.setups.segments import (
    CWR,
    ECE,
    SACK_PERMITTED,
    SYN,
    TIMESTAMPS,
    WINDOW_SCALE,
    Segment,
)
from netns import Capability
from reports.model import Expectation

ON_THE_WIRE = (Capability.NET_RAW, VETH)
MINUTE = 60_000
"""Milliseconds."""
ENABLED = pytest.mark.parametrize(("value", "offered"), [(0, False), (1, True)])


def one_offset(since: str, until: str) -> Expectation:
    """What a kernel does instead up to 7.0, and in the stable series that end sooner with a backport."""
    return differs(
        "connections to one host have one offset",
        since=since,
        until=until,
        commit="28ee1b746f49",
        observed={"apart": False},
    )


def apart(one: Segment, another: Segment) -> bool:
    """Whether the timestamps that two segments carry, in milliseconds, are more than a minute apart."""
    first, second = (int.from_bytes(it.options[TIMESTAMPS][:4], "big") for it in (one, another))
    return (first - second + MINUTE) % 2**32 > 2 * MINUTE


@claim(
    "tcp.7/tcp_sack/offers",
    sentence=("tcp.7/tcp_sack/enables", "ip-sysctl/tcp_sack/enables"),
    section="/proc interfaces",
    says="The SYN of a TCP connection over IPv4 offers selective acknowledgements where tcp_sack is 1, and "
    "not where it is 0.",
    since="2.2",
    needs=ON_THE_WIRE,
)
@ENABLED
def test_sack_is_offered(peers, observe, value, offered):
    peers.left.namespace.sysctl["net.ipv4.tcp_sack"] = value

    assert observe("offered", SACK_PERMITTED in request(peers).options) is offered


@claim(
    "tcp.7/tcp_window_scaling/offers",
    sentence=("tcp.7/tcp_window_scaling/without", "ip-sysctl/tcp_window_scaling/enables"),
    section="/proc interfaces",
    says="The SYN of a TCP connection over IPv4 offers window scaling where tcp_window_scaling is 1, and not "
    "where it is 0.",
    since="2.2",
    needs=ON_THE_WIRE,
)
@ENABLED
def test_window_scaling_is_offered(peers, observe, value, offered):
    peers.left.namespace.sysctl["net.ipv4.tcp_window_scaling"] = value

    assert observe("offered", WINDOW_SCALE in request(peers).options) is offered


@claim(
    "tcp.7/tcp_timestamps/offers",
    sentence=("tcp.7/tcp_timestamps/values", "ip-sysctl/tcp_timestamps/values"),
    section="/proc interfaces",
    says="The SYN of a TCP connection over IPv4 has a timestamp where tcp_timestamps is 1 or 2, and not "
    "where it is 0.",
    since="4.10",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize(("value", "offered"), [(0, False), (1, True), (2, True)])
def test_timestamps_are_offered(peers, observe, value, offered):
    peers.left.namespace.sysctl["net.ipv4.tcp_timestamps"] = value

    assert observe("offered", TIMESTAMPS in request(peers).options) is offered


@claim(
    "tcp.7/tcp_timestamps/offset",
    sentence=("tcp.7/tcp_timestamps/values", "ip-sysctl/tcp_timestamps/values"),
    section="/proc interfaces",
    says="The timestamps of TCP over IPv4 have a random offset where tcp_timestamps is 1, and none where it "
    "is 2: those of two hosts with one clock, in SYN and SYN-ACK, are more than a minute apart, or less.",
    since="4.10",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize(("value", "random"), [(1, True), (2, False)])
def test_timestamps_have_an_offset(peers, observe, value, random):
    peers.left.namespace.sysctl["net.ipv4.tcp_timestamps"] = value
    peers.right.namespace.sysctl["net.ipv4.tcp_timestamps"] = value

    assert observe("apart", apart(request(peers), answer(peers))) is random


@claim(
    "tcp.7/tcp_timestamps/offset-of-connection",
    sentence=("tcp.7/tcp_timestamps/values", "ip-sysctl/tcp_timestamps/values"),
    section="/proc interfaces",
    says="Where tcp_timestamps is 1 each TCP connection over IPv4 has a random offset of its own: the "
    "timestamps of two that are made one after the other are more than a minute apart.",
    since="4.10",
    needs=ON_THE_WIRE,
    expect=[
        one_offset("4.11", "6.1.191"),
        one_offset("6.2", "6.12.94"),
        one_offset("6.13", "6.18.17"),
        one_offset("6.19", "6.19.7"),
    ],
)
def test_each_connection_has_its_offset(peers, observe):
    peers.left.namespace.sysctl["net.ipv4.tcp_timestamps"] = 1

    assert observe("apart", apart(request(peers), request(peers, "errno_again"))) is True


@claim(
    "tcp.7/tcp_ecn/asks",
    sentence=("tcp.7/tcp_ecn/values", "ip-sysctl/tcp_ecn/values"),
    section="/proc interfaces",
    says="The SYN of a TCP connection over IPv4 asks for Explicit Congestion Notification (the flags ECE and "
    "CWR) where tcp_ecn is 1, and not where it is 0 or 2.",
    since="2.6.31",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize(("value", "flags"), [(0, SYN), (1, SYN | ECE | CWR), (2, SYN)])
def test_ecn_is_asked_for(peers, observe, value, flags):
    peers.left.namespace.sysctl["net.ipv4.tcp_ecn"] = value

    assert observe("flags", request(peers).flags) == flags


@claim(
    "tcp.7/tcp_ecn/grants",
    sentence=("tcp.7/tcp_ecn/values", "ip-sysctl/tcp_ecn/values"),
    section="/proc interfaces",
    says="A TCP listener over IPv4 grants Explicit Congestion Notification to a client that asks for it (the "
    "flag ECE without CWR) where tcp_ecn is 1 or 2, and not where it is 0.",
    since="2.6.31",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize(("value", "flag"), [(0, 0), (1, ECE), (2, ECE)])
def test_ecn_is_granted(peers, observe, value, flag):
    peers.left.namespace.sysctl["net.ipv4.tcp_ecn"] = 1
    peers.right.namespace.sysctl["net.ipv4.tcp_ecn"] = value

    assert observe("flags", answer(peers).flags & (ECE | CWR)) == flag


@claim(
    "tcp.7/tcp_workaround_signed_windows/window",
    sentence=("tcp.7/tcp_workaround_signed_windows/signed", "ip-sysctl/tcp_workaround_signed_windows/signed"),
    section="/proc interfaces",
    says="A TCP listener over IPv4 answers a SYN that offers no window scaling with a window of at most "
    "32767 bytes where tcp_workaround_signed_windows is 1, and with a larger one where it is 0.",
    since="2.6.26",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize(("value", "larger"), [(0, True), (1, False)])
def test_a_signed_window_is_smaller(peers, observe, value, larger):
    peers.left.namespace.sysctl["net.ipv4.tcp_window_scaling"] = 0
    peers.right.namespace.sysctl["net.ipv4.tcp_workaround_signed_windows"] = value
    granted = answer(peers)

    assert [
        observe("scaled", WINDOW_SCALE in granted.options),
        observe("larger", granted.window > 32767),
    ] == [False, larger]


@claim(
    "tcp.7/tcp_sack/at-first",
    sentence=("tcp.7/tcp_sack/default", "ip-sysctl/tcp_sack/default"),
    section="/proc interfaces",
    says="The SYN of a TCP connection over IPv4 offers selective acknowledgements in a network namespace "
    "where tcp_sack is as it was at first.",
    since="2.2",
    needs=ON_THE_WIRE,
)
def test_sack_at_first(peers, observe):
    assert observe("offered", SACK_PERMITTED in request(peers).options) is True


@claim(
    "tcp.7/tcp_window_scaling/at-first",
    sentence=("tcp.7/tcp_window_scaling/default", "ip-sysctl/tcp_window_scaling/default"),
    section="/proc interfaces",
    says="The SYN of a TCP connection over IPv4 offers window scaling in a network namespace where "
    "tcp_window_scaling is as it was at first.",
    since="2.2",
    needs=ON_THE_WIRE,
)
def test_window_scaling_at_first(peers, observe):
    assert observe("offered", WINDOW_SCALE in request(peers).options) is True


@claim(
    "tcp.7/tcp_timestamps/at-first",
    sentence=("tcp.7/tcp_timestamps/default", "ip-sysctl/tcp_timestamps/default"),
    section="/proc interfaces",
    says="The SYN of a TCP connection over IPv4 has a timestamp in a network namespace where tcp_timestamps "
    "is as it was at first.",
    since="2.2",
    needs=ON_THE_WIRE,
)
def test_timestamps_at_first(peers, observe):
    assert observe("offered", TIMESTAMPS in request(peers).options) is True


@claim(
    "tcp.7/tcp_ecn/at-first",
    sentence=("tcp.7/tcp_ecn/default", "ip-sysctl/tcp_ecn/default"),
    section="/proc interfaces",
    says="In a network namespace where tcp_ecn is as it was at first a TCP connection over IPv4 does not ask "
    "for Explicit Congestion Notification, and a listener grants it.",
    since="2.6.31",
    needs=ON_THE_WIRE,
)
def test_ecn_at_first(peers, observe):
    asked = request(peers).flags
    peers.left.namespace.sysctl["net.ipv4.tcp_ecn"] = 1

    assert observe("asked_and_granted", [asked, answer(peers).flags & (ECE | CWR)]) == [SYN, ECE]
