"""drop_unicast_in_l2_multicast: packets for one host, in frames for many."""

from __future__ import annotations

from socket import AF_INET, SOCK_DGRAM
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, OWN_KERNEL, VETH
from conformance.plugin.setups.ipv6 import ETH_P_IPV6, address6, index_of, udp6_across
from conformance.plugin.setups.packets import ETH_P_IP
from conformance.plugin.setups.pairs import received_until, udp_across
from conformance.plugin.timing import SOON
from libsocket import Packet, Socket
from netns import Capability, Peers

DROP = "net.ipv{}.conf.{}.drop_unicast_in_l2_multicast"
TO_ONE, TO_ALL, TO_GROUP = 0, 1, 2
"""How a frame comes: PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST."""
HARDWARE: Final = {TO_ALL: b"\xff" * 6, TO_GROUP: bytes([1, 0, 0x5E, 0, 0, 1])}
TO_MANY = pytest.mark.parametrize("to", list(HARDWARE), ids=["broadcast", "multicast"])
SURVIVES: Final = {
    "no-op: close(*": "what was received does not change later",
    "no-op: connect(*": "each datagram is sent to an address",
    "no-op: setsockopt(*NO_CHECK*": "where it is dropped anyway its checksum may be wrong too",
}
NEEDS: Final = (VETH, Capability.NET_RAW)
ONE, LAST = b"to one host", b"last"


def framed(hosts: Peers, to: int, version: int = 4) -> list[object]:
    """A datagram that a socket on the left sends comes once more, in a frame for many, and then another.

    How the frames with the first come, and what a UDP socket on the right receives.
    """
    protocol = ETH_P_IP if version == 4 else ETH_P_IPV6
    host = hosts.right.address if version == 4 else address6(hosts.right)
    with hosts.right.entered():
        seen = Socket.packet(SOCK_DGRAM, protocol)
    with hosts.left.entered():
        frames = Socket.packet(SOCK_DGRAM, 0)
    with seen, frames, (udp_across if version == 4 else udp6_across)(hosts) as (sender, receiver):
        seen.rcvtimeo = SOON
        address = host, receiver.getsockname()[1]
        without_checksum(sender, receiver)
        sender.sendto(ONE, address)
        packet, how = next_frame(seen)
        frames.sendto(packet, Packet(index_of(hosts.left), protocol, address=HARDWARE[to]))
        sender.sendto(LAST, address)
        return [[how, next_frame(seen)[1]], received_until(LAST.decode(), receiver)]


def without_checksum(sender: Socket, receiver: Socket) -> None:
    """Have a datagram sent and received without one: on a wire of veth none is filled in."""
    if sender.family == AF_INET:
        sender.no_check = True
    else:
        sender.udp_no_check6_tx = receiver.udp_no_check6_rx = True


def set_both(hosts: Peers, values: tuple[int, int], version: int) -> None:
    """Set it on the right, for conf/all and for the interface."""
    names = DROP.format(version, "all"), DROP.format(version, hosts.right.device)
    hosts.right.namespace.sysctl.update(dict(zip(names, values, strict=True)))


def next_frame(seen: Socket) -> tuple[bytes, int]:
    """The packet of the next frame that comes with the datagram, and how it comes."""
    came = iter(lambda: seen.recvfrom(200), None)
    return next((packet, source[2]) for packet, source in came if packet.endswith(ONE))


@claim(
    "ip-sysctl/drop_unicast_in_l2_multicast/drops",
    sentence="ip-sysctl/drop_unicast_in_l2_multicast/drops",
    section="/proc/sys/net/ipv4/conf/*",
    says="With drop_unicast_in_l2_multicast of the interface or of conf/all a UDP socket over IPv4 does not "
    "receive a datagram to its address that comes in a broadcast or multicast frame, and without it does.",
    since="4.6",
    needs=NEEDS,
    survives=SURVIVES,
)
@TO_MANY
@pytest.mark.parametrize(
    ("values", "times"), [((0, 0), 2), ((0, 1), 1), ((1, 0), 1)], ids=["off", "here", "all"]
)
def test_frames_for_many_are_dropped(peers, observe, to, values, times):
    set_both(peers, values, 4)
    came, received = framed(peers, to)

    assert [observe("came", came), observe("received", received)] == [
        [TO_ONE, to],
        [*[ONE.decode()] * times, LAST.decode()],
    ]


@claim(
    "ip-sysctl/drop_unicast_in_l2_multicast/default",
    sentence="ip-sysctl/drop_unicast_in_l2_multicast/default",
    section="/proc/sys/net/ipv4/conf/*",
    says="In a new network namespace of a kernel that nobody has set up a UDP socket over IPv4 receives a "
    "datagram to its address that comes in a broadcast or multicast frame.",
    since="4.6",
    needs=[*NEEDS, OWN_KERNEL],
    survives=SURVIVES,
)
@TO_MANY
def test_frames_for_many_are_received_at_first(peers, observe, to):
    came, received = framed(peers, to)

    assert [observe("came", came), observe("received", received)] == [
        [TO_ONE, to],
        [ONE.decode(), ONE.decode(), LAST.decode()],
    ]


@claim(
    "ip-sysctl/ipv6-drop_unicast_in_l2_multicast/drops",
    sentence="ip-sysctl/ipv6-drop_unicast_in_l2_multicast/drops",
    section="/proc/sys/net/ipv6/conf/*",
    says="With net.ipv6's drop_unicast_in_l2_multicast of the interface a UDP socket over IPv6 does not "
    "receive a datagram to its address that comes in a broadcast or multicast frame; with that of conf/all "
    "alone it does.",
    since="4.6",
    needs=[*NEEDS, IPV6],
    survives=SURVIVES,
)
@TO_MANY
@pytest.mark.parametrize(
    ("values", "times"), [((0, 0), 2), ((0, 1), 1), ((1, 0), 2)], ids=["off", "here", "all"]
)
def test_frames_for_many_are_dropped_over_ipv6(peers, observe, to, values, times):
    set_both(peers, values, 6)
    came, received = framed(peers, to, 6)

    assert [observe("came", came), observe("received", received)] == [
        [TO_ONE, to],
        [*[ONE.decode()] * times, LAST.decode()],
    ]


@claim(
    "ip-sysctl/ipv6-drop_unicast_in_l2_multicast/default",
    sentence="ip-sysctl/ipv6-drop_unicast_in_l2_multicast/default",
    section="/proc/sys/net/ipv6/conf/*",
    says="In a new network namespace a UDP socket over IPv6 receives a "
    "datagram to its address that comes in a broadcast or multicast frame.",
    since="4.6",
    needs=[*NEEDS, IPV6],
    survives=SURVIVES,
)
@TO_MANY
def test_frames_for_many_are_received_over_ipv6_at_first(peers, observe, to):
    came, received = framed(peers, to, 6)

    assert [observe("came", came), observe("received", received)] == [
        [TO_ONE, to],
        [ONE.decode(), ONE.decode(), LAST.decode()],
    ]
