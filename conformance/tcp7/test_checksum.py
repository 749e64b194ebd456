"""The checksum of TCP segments."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, made_peer
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import checksum_is_right, segment, segments, waiting_segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

DONT = 0
"""IP_PMTUDISC_DONT."""


@claim(
    "tcp.7/DESCRIPTION/checksum-made",
    sentence="tcp.7/DESCRIPTION/checksum-made",
    section="DESCRIPTION",
    says="A segment of a TCP connection over IPv4, of an odd size or an even one, that arrives in fragments, "
    "so that no hardware was left to compute its checksum, has the right one.",
    needs=[Capability.NET_RAW, VETH],
)
@pytest.mark.parametrize("size", [1399, 1400])
def test_a_segment_has_its_checksum(routed, observe, size):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1300)
    with (
        routed.right.entered(),
        listening(routed.right.address) as listener,
        Socket.raw(socket.IPPROTO_TCP) as arriving,
        routed.left.entered(),
        Socket.tcp() as sender,
    ):
        sender.ip_mtu_discover = DONT
        sender.connect(listener.getsockname())
        sender.send(bytes([1]) * size)
        arriving.rcvtimeo = SOON
        packets = [arriving.recv(2000) for _ in range(3)]

        right = [[len(segment(one).data), checksum_is_right(one)] for one in packets[2:]]
        assert observe("size_and_right", right) == [[size, True]]


@claim(
    "tcp.7/DESCRIPTION/checksum-checked",
    sentence="tcp.7/DESCRIPTION/checksum",
    section="DESCRIPTION",
    says="A TCP connection over IPv4 drops a segment whose checksum is wrong, by one or by another number, "
    "and takes its data from a copy whose checksum is right.",
    needs=MADE,
)
@pytest.mark.parametrize("wrong", [1, 0x100])
def test_a_wrong_checksum_is_dropped(peers, observe, wrong):
    with (
        made_peer(peers) as peer,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        segments() as arriving,
    ):
        peer.connect(listener)
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.rcvtimeo = SOON
            peer.send(data=b"wrong", wrong=wrong)
            peer.tell(b"right")
            received = sock.read_exact(5).decode()
            arrived = [one.data.decode() for one in waiting_segments(arriving) if one.data]

            assert observe("arrived_and_received", [arrived, received]) == [["wrong", "right"], "right"]
