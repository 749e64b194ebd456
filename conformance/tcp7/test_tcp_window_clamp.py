"""TCP_WINDOW_CLAMP: the most that is advertised as window."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers

SEGMENT = 1460
"""Bytes that a segment carries here, of which a window is a multiple unless it is less."""


def advertised(hosts: Peers, sock: Socket) -> int:
    """The window in the SYN that a socket of the left host sends."""
    with hosts.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with refused(errno.ECONNREFUSED, "errno_connect"):
            sock.connect((hosts.right.address, 9))
        return next_segment(arriving).window


@claim(
    "tcp.7/TCP_WINDOW_CLAMP/bounds",
    sentence=("tcp.7/TCP_WINDOW_CLAMP/bounds", "tcp.h/TCP_WINDOW_CLAMP/bounds"),
    section="Socket options",
    says="A TCP socket over IPv4 with a TCP_WINDOW_CLAMP that is set before connecting advertises no larger "
    "window: one of that size up to a segment's, else as many segments as fit.",
    since="2.4",
    needs=[Capability.NET_RAW, VETH],
)
@pytest.mark.parametrize(
    ("clamp", "window"),
    [(SEGMENT - 1, SEGMENT - 1), (SEGMENT, SEGMENT), (SEGMENT + 1, SEGMENT), (2 * SEGMENT, 2 * SEGMENT)],
)
def test_the_window_is_no_larger(peers, observe, clamp, window):
    with peers.left.entered(), Socket.tcp() as sock:
        sock.tcp_window_clamp = clamp

        assert observe("window", advertised(peers, sock)) == window


@claim(
    "tcp.7/TCP_WINDOW_CLAMP/least",
    sentence="tcp.7/TCP_WINDOW_CLAMP/least",
    section="Socket options",
    says="A TCP_WINDOW_CLAMP of a TCP socket, over IPv4 and IPv6, is not less than half the least SO_RCVBUF: "
    "a smaller one is raised to that.",
    since="2.4",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_it_has_a_least(ns, observe, family):
    with Socket.tcp(family) as sock:
        sock.rcvbuf = 0
        least = sock.rcvbuf // 2
        sock.tcp_window_clamp = least + 1
        clamps = [sock.tcp_window_clamp - least]
        sock.tcp_window_clamp = least - 1
        clamps.append(sock.tcp_window_clamp - least)
        sock.tcp_window_clamp = least + 1
        clamps.append(sock.tcp_window_clamp - least)
        sock.tcp_window_clamp = least
        clamps.append(sock.tcp_window_clamp - least)

        assert observe("above_least", clamps) == [1, 0, 1, 0]
