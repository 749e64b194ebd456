"""When an address is announced again."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.mptcp import (
    ADD_ADDR,
    ANNOUNCED,
    REMOVE_ADDR,
    announce,
    announce_no_more,
    subtype_of,
)
from conformance.plugin.setups.mptcp_peer import (
    MADE_MPTCP,
    RESET_AT_THE_END,
    accepted_from,
    connected_peer,
    mptcp_peers,
)
from conformance.plugin.setups.segments import segments, waiting_segments
from conformance.plugin.timing import timed
from libsocket import Socket

TIMEOUT = "net.mptcp.add_addr_timeout"
SECTION = "/proc/sys/net/mptcp/* Variables"


@claim(
    "mptcp-sysctl/add_addr_timeout/sent-again",
    sentence="mptcp-sysctl/add_addr_timeout/sent-again",
    section=SECTION,
    says="An ADD_ADDR of an MPTCP connection over IPv4 that is not acknowledged is sent again as it was "
    "after add_addr_timeout seconds, 1 or 2, where TCP's own timer would run out later.",
    since="5.11",
    needs=MADE_MPTCP,
    survives=RESET_AT_THE_END,
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_an_address_is_announced_again(peers, observe, seconds):
    peers.right.namespace.sysctl[TIMEOUT] = seconds
    announce(peers.right)
    with timed() as took, connected_peer(peers) as (peer, _):
        first, second = peer.announcements(2)
        took.stop()

        assert [observe("same", first == second), observe("late", took.lasted(seconds))] == [True, True]


@claim(
    "mptcp-sysctl/add_addr_timeout/round-trip",
    sentence="mptcp-sysctl/add_addr_timeout/sent-again",
    section=SECTION,
    says="In a new network namespace, with an add_addr_timeout of 120, an ADD_ADDR of an MPTCP connection "
    "over IPv4 that is not acknowledged is sent again as it was, long before that, where round trips are "
    "short.",
    since="6.18",
    needs=MADE_MPTCP,
    survives=RESET_AT_THE_END,
)
def test_a_short_round_trip_shortens_it(peers, observe):
    announce(peers.right)
    with connected_peer(peers, rto_min=None) as (peer, _):
        first, second = peer.announcements(2)

        seconds = peers.right.namespace.sysctl[TIMEOUT]
        assert [observe("seconds", seconds), observe("same", first == second)] == ["120", True]


def announced_to(watching: Socket) -> list[int]:
    """The ports to which an address has been announced by now."""
    return [one.destination for one in waiting_segments(watching) if subtype_of(one) == ADD_ADDR]


@claim(
    "mptcp-sysctl/add_addr_timeout/zero",
    sentence="mptcp-sysctl/add_addr_timeout/zero",
    section=SECTION,
    says="An ADD_ADDR of an MPTCP connection over IPv4 that is not acknowledged is not sent again where "
    "add_addr_timeout was 0 when it was sent, while that of a later connection is, for which it was 1.",
    since="6.17",
    backports=("5.15.190", "6.1.149", "6.6.103", "6.12.44", "6.16.4"),
    needs=MADE_MPTCP,
    survives={**RESET_AT_THE_END, "no-op: close(*": "what sees all segments may stay open"},
)
def test_an_address_is_not_announced_again(peers, observe):
    settings = peers.right.namespace.sysctl
    announce(peers.right)
    with peers.left.entered():
        watching = segments()
    with watching, mptcp_peers(peers, 2) as (early, late):
        settings[TIMEOUT] = 0
        early.connect()
        with accepted_from(early):
            early.announcements(1)
            settings[TIMEOUT] = 1
            late.connect()
            with accepted_from(late):
                late.announcements(2)
                ports = announced_to(watching)

                seen = [ports.count(early.first.port), ports.count(late.first.port) > 1]
                assert observe("times_and_again", seen) == [1, True]


@claim(
    "mptcp/Path-Manager/announces",
    sentence="mptcp/Path-Manager/announces",
    section="Path Manager",
    says="Where the path manager in the kernel of a listener's host has an endpoint for announcements, an "
    "MPTCP connection over IPv4 announces its address by ADD_ADDR, and takes it back by REMOVE_ADDR, with "
    "the same number, once the endpoint is removed.",
    since="5.10",
    expect=differs(
        "it is announced with what is sent next, of which here is nothing; 84dfe3677a6f ended that",
        since="5.10",
        until="5.11",
        commit="84dfe3677a6f",
        observed={"errno": "EAGAIN"},
    ),
    needs=MADE_MPTCP,
    survives=RESET_AT_THE_END,
)
def test_an_address_is_announced_and_taken_back(peers, observe):
    announce(peers.right)
    with connected_peer(peers) as (peer, _):
        announced = peer.next_of(ADD_ADDR)
        announce_no_more(peers.right)
        removed = peer.next_of(REMOVE_ADDR)

        assert [
            observe("address", socket.inet_ntoa(announced[2:6])),
            observe("same_number", announced[1] == removed[1]),
        ] == [ANNOUNCED, True]
