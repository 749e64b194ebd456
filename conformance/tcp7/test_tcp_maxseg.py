"""TCP_MAXSEG: the largest segment that is sent, and announced to the peer."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers

IP_AND_TCP = 40
"""Bytes of the headers of IPv4 and TCP without options, which an interface's MTU includes."""
MTU = 1500
ON_THE_WIRE = (Capability.NET_RAW, VETH)


@contextmanager
def across(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """A TCP socket on the left, still to connect, and a listener on the right."""
    with hosts.left.entered():
        sock = Socket.tcp()
    with sock, hosts.right.entered(), listening(hosts.right.address) as listener:
        yield sock, listener


def announced(hosts: Peers, sock: Socket) -> int:
    """The segment size in the SYN that a socket of the left host sends."""
    with hosts.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with refused(errno.ECONNREFUSED, "errno_connect"):
            sock.connect((hosts.right.address, 9))
        return next_segment(arriving).mss


@claim(
    "tcp.7/TCP_MAXSEG/announced",
    sentence="tcp.7/TCP_MAXSEG/announced",
    section="Socket options",
    says="A TCP_MAXSEG that is set on a TCP socket over IPv4 before it connects is the segment size that its "
    "SYN announces.",
    since="2.6.28",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize("size", [88, 600, 601])
def test_it_is_announced(peers, observe, size):
    with peers.left.entered(), Socket.tcp() as sock:
        sock.tcp_maxseg = size

        assert observe("announced", announced(peers, sock)) == size


@claim(
    "tcp.7/TCP_MAXSEG/above-mtu",
    sentence="tcp.7/TCP_MAXSEG/above-mtu",
    section="Socket options",
    says="A TCP_MAXSEG beyond what fits into the interface's MTU, headers and all, has no effect: the SYN of "
    "a TCP socket over IPv4 announces what fits.",
    needs=ON_THE_WIRE,
    survives={"no-op: setsockopt(*TCP_MAXSEG, ?146[01]?*": "it has no effect, as the page says"},
)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_what_does_not_fit_has_no_effect(peers, observe, more):
    fits = MTU - IP_AND_TCP
    with peers.left.entered(), Socket.tcp() as sock:
        sock.tcp_maxseg = fits + more

        assert observe("announced", announced(peers, sock)) == min(fits, fits + more)


@claim(
    "tcp.7/TCP_MAXSEG/bounds",
    sentence="tcp.7/TCP_MAXSEG/bounds",
    section="Socket options",
    says="TCP puts its bounds, 88 and 32767, over a TCP_MAXSEG that is set: less and more is taken as these.",
    needs=ON_THE_WIRE,
    expect=differs(
        "it is refused with EINVAL",
        since="2.6.37",
        commit="c39508d6f118",
        observed={"errno": "EINVAL"},
    ),
)
@pytest.mark.parametrize("size", [1, 87, 32768])
def test_it_has_bounds(peers, observe, size):
    with peers.left.entered(), Socket.tcp() as sock:
        sock.tcp_maxseg = size

        assert observe("announced", announced(peers, sock)) == min(max(size, 88), MTU - IP_AND_TCP)


@claim(
    "tcp.7/TCP_MAXSEG/outgoing",
    sentence=("tcp.7/TCP_MAXSEG/outgoing", "tcp.h/TCP_MAXSEG/limits"),
    section="Socket options",
    says="With a TCP_MAXSEG of 600, set before connecting, a TCP socket over IPv4 sends 600 bytes in one "
    "segment and 601 in two, as its peer counts them, where segments have no timestamps.",
    needs=[VETH],
)
def test_segments_are_so_large_at_most(peers, observe):
    peers.left.namespace.sysctl["net.ipv4.tcp_timestamps"] = 0
    with across(peers) as (sock, listener):
        sock.tcp_maxseg = 600
        sock.connect(listener.getsockname())
        with listener.accept()[0] as peer:
            peer.rcvtimeo = SOON
            sock.send(bytes(600))
            peer.read_exact(600)
            segments_in = [peer.tcp_info.data_segs_in]
            sock.send(bytes(601))
            peer.read_exact(601)
            segments_in.append(peer.tcp_info.data_segs_in)

            assert observe("segments", segments_in) == [1, 3]


@claim(
    "tcp.7/TCP_MAXSEG/connected",
    sentence="tcp.7/TCP_MAXSEG/outgoing",
    section="Socket options",
    says="With a TCP_MAXSEG of 600, set on a connected TCP socket over IPv4, it sends 601 bytes in two "
    "segments, as its peer counts them.",
    needs=[VETH],
    expect=differs(
        "what was agreed on when they connected stays (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"segments": 1},
    ),
    survives={"no-op: setsockopt(*TCP_MAXSEG*": "it has no effect, as is declared"},
)
def test_it_bounds_what_a_connected_socket_sends(peers, observe):
    with across(peers) as (sock, listener):
        sock.connect(listener.getsockname())
        with listener.accept()[0] as peer:
            peer.rcvtimeo = SOON
            sock.tcp_maxseg = 600
            sock.send(bytes(601))
            peer.read_exact(601)

            assert observe("segments", peer.tcp_info.data_segs_in) == 2
