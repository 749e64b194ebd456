"""How long an MPTCP socket waits for another subflow."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.mptcp_peer import MADE_MPTCP, RESET_AT_THE_END, connected_peer
from conformance.plugin.setups.readiness import await_hangup, events
from conformance.plugin.timing import LONG, timed

TIMEOUT = "net.mptcp.close_timeout"
SECTION = "/proc/sys/net/mptcp/* Variables"
SINCE = "6.7"


@claim(
    "mptcp-sysctl/close_timeout/kept",
    sentence="mptcp-sysctl/close_timeout/kept",
    section=SECTION,
    says="An MPTCP socket over IPv4 whose only subflow is reset is as before (poll(2) reports nothing but "
    "POLLOUT) for close_timeout seconds, 1 or 2, and then over: POLLHUP.",
    since=SINCE,
    needs=MADE_MPTCP,
    survives=RESET_AT_THE_END,
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_a_socket_is_kept(peers, observe, seconds):
    peers.right.namespace.sysctl[TIMEOUT] = seconds
    with connected_peer(peers) as (peer, sock):
        with timed() as took:
            peer.first.reset()
            peer.first.replies()
            at_first = events(sock)
            await_hangup(sock)

        assert [observe("at_first", at_first), observe("late", took.lasted(seconds))] == [["OUT"], True]


@claim(
    "mptcp-sysctl/close_timeout/shut-down",
    sentence="mptcp-sysctl/close_timeout/kept",
    section=SECTION,
    says="An MPTCP socket over IPv4 that was shut down for writing, and whose only subflow is reset then, is "
    "over (POLLHUP) long before a close_timeout of 40 seconds.",
    since=SINCE,
    needs=MADE_MPTCP,
    survives=RESET_AT_THE_END,
)
def test_a_socket_that_is_shut_down_is_not(peers, observe):
    peers.right.namespace.sysctl[TIMEOUT] = LONG
    with connected_peer(peers) as (peer, sock):
        sock.shutdown(1)
        before = events(sock)
        peer.first.reset()
        await_hangup(sock)

        assert observe("hung_up", ["HUP" in before, "HUP" in events(sock)]) == [False, True]
