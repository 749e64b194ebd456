"""tcp_shrink_window: whether a window that was announced is taken back."""

from __future__ import annotations

from itertools import pairwise

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, OFFERED, WITH_SCALE, made_peer
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import WINDOW_SCALE
from netns import Peers

SHRINK, RMEM, MODERATE = (f"net.ipv4.tcp_{name}" for name in ("shrink_window", "rmem", "moderate_rcvbuf"))
BUFFER, LARGEST = 32_768, 6_000_000
"""Bytes of the receive buffer, and those for which windows are scaled."""
SMALL = 60
"""Segments of a byte each, with gaps between them, which take much more of the buffer."""
ONE_FEWER = {
    "no-op: sendto(*": "one segment fewer fills the buffer as well, and any of them ends the handshake"
}


def shrinks(hosts: Peers, options: dict[int, bytes]) -> list[bool]:
    """Whether the window is scaled by more than 0, and whether its end ever goes back as small data comes."""
    hosts.right.namespace.sysctl.update({RMEM: f"4096 {BUFFER} {LARGEST}", MODERATE: 0})
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        answer = peer.connect(listener, options)
        scale = int.from_bytes(answer.options.get(WINDOW_SCALE, b""), "big")
        await_readable(listener)
        with listener.accept()[0]:
            for number in range(1, SMALL):
                peer.send(data=b"x", sequence=peer.sequence + 2 * number)
            ends = [one.acknowledged + (one.window << scale) for one in peer.replies()]
            peer.reset()
        return [scale > 0, any(later < one for one, later in pairwise(ends))]


@claim(
    "ip-sysctl/tcp_shrink_window/values",
    sentence=("ip-sysctl/tcp_shrink_window/never", "ip-sysctl/tcp_shrink_window/shrinks"),
    section="TCP variables",
    says="The end of the window that a TCP connection over IPv4 with window scaling announces goes back "
    "where tcp_shrink_window is 1 and small segments fill the receive buffer sooner than the window, and "
    "never does where it is 0.",
    since="6.6",
    needs=[*MADE, sysctl(SHRINK)],
    survives=ONE_FEWER,
)
@pytest.mark.parametrize("value", [0, 1])
def test_a_window_shrinks(peers, observe, value):
    peers.right.namespace.sysctl[SHRINK] = value

    assert observe("scaled_and_shrinks", shrinks(peers, WITH_SCALE)) == [True, bool(value)]


@claim(
    "ip-sysctl/tcp_shrink_window/scaled",
    sentence="ip-sysctl/tcp_shrink_window/scaled",
    section="TCP variables",
    says="The end of the window that a TCP connection over IPv4 without window scaling announces does not go "
    "back though tcp_shrink_window is 1 and small segments fill the receive buffer sooner than the window.",
    since="6.6",
    needs=[*MADE, sysctl(SHRINK)],
    survives=ONE_FEWER,
)
def test_a_window_that_is_not_scaled_does_not_shrink(peers, observe):
    peers.right.namespace.sysctl[SHRINK] = 1

    assert observe("scaled_and_shrinks", shrinks(peers, OFFERED)) == [False, False]


@claim(
    "ip-sysctl/tcp_shrink_window/default",
    sentence=("ip-sysctl/tcp_shrink_window/default", "ip-sysctl/tcp_shrink_window/never"),
    section="TCP variables",
    says="In a new network namespace the end of the window that a TCP connection over IPv4 with window "
    "scaling announces does not go back though small segments fill the receive buffer sooner than the "
    "window.",
    since="6.6",
    needs=[*MADE, sysctl(SHRINK)],
    survives=ONE_FEWER,
)
def test_a_window_does_not_shrink_at_first(peers, observe):
    assert observe("scaled_and_shrinks", shrinks(peers, WITH_SCALE)) == [True, False]
