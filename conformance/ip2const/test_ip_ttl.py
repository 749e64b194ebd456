"""IP_TTL: how far a packet may go."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.packets import packets
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability


def raw_socket() -> Socket:
    return Socket.raw(253)


KINDS = pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, raw_socket], ids=["udp", "tcp", "raw"])

TCP_SENDS_TO_CONNECT = UDP_NEEDS_NO_LISTENER | {
    "no-op: sendto(*": "a TCP socket has sent its first packet when it is connected"
}


def ttl_of(packet: bytes) -> int:
    """What the IP header says."""
    return packet[8]


@claim(
    "IP_TTL.2const/IP_TTL/in-every-packet",
    sentence=(
        "IP_TTL.2const/IP_TTL/get-and-set",
        "IP_TTL.2const/IP_TTL/in-every-packet",
        "proc_sys_net_ipv4.5/ip_default_ttl/per-socket",
    ),
    section="DESCRIPTION",
    says="The packets of a UDP, TCP or raw socket have the time to live that its option was set to, and "
    "reads, 1 to 255.",
    since="1.0",
    needs=[Capability.NET_RAW],
    survives=TCP_SENDS_TO_CONNECT,
)
@KINDS
@pytest.mark.parametrize("ttl", [1, 255])
def test_packets_have_it(ns, observe, make, ttl):
    with packets() as seen, listening() as listener, make() as sock:
        seen.rcvtimeo = SOON
        sock.ip_ttl = ttl
        sock.connect(listener.getsockname())
        sock.send(b"hello")

        assert observe("option_and_packet", [sock.ip_ttl, ttl_of(seen.recv(100))]) == [ttl, ttl]


@claim(
    "IP_TTL.2const/IP_TTL/default",
    sentence=(
        "IP_TTL.2const/IP_TTL/get-and-set",
        "IP_TTL.2const/IP_TTL/in-every-packet",
        "proc_sys_net_ipv4.5/description/parameters",
        "proc_sys_net_ipv4.5/ip_default_ttl/outgoing",
        "ip-sysctl/ip_default_ttl/outgoing",
    ),
    section="DESCRIPTION",
    says="IP_TTL of a UDP, TCP or raw socket that was not set reads as the time to live that its packets "
    "have, which is net.ipv4.ip_default_ttl.",
    since="1.0",
    needs=[Capability.NET_RAW],
    survives=TCP_SENDS_TO_CONNECT,
)
@KINDS
def test_the_default_is_that_of_packets(ns, observe, make):
    ns.sysctl["net.ipv4.ip_default_ttl"] = 99
    with packets() as seen, listening() as listener, make() as sock:
        seen.rcvtimeo = SOON
        sock.connect(listener.getsockname())
        sock.send(b"hello")

        assert observe("option_and_packet", [sock.ip_ttl, ttl_of(seen.recv(100))]) == [99, 99]


@claim(
    "IP_TTL.2const/IP_TTL/in-every-packet-to-a-group",
    sentence="IP_TTL.2const/IP_TTL/in-every-packet",
    section="DESCRIPTION",
    says="The packets that a UDP or raw socket sends to a group have the time to live of its option, too.",
    since="1.0",
    needs=[Capability.NET_RAW],
    expect=differs(
        "they have that of IP_MULTICAST_TTL, 1 by default (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"option_and_packet": [33, 1]},
    ),
)
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
def test_packets_to_a_group_have_it(ns, observe, make):
    ns.add_route("224.0.0.0/4", dev="lo")
    with packets() as seen, make() as sock:
        seen.rcvtimeo = SOON
        sock.ip_ttl = 33
        sock.sendto(b"hello", ("239.1.2.3", 9))

        assert observe("option_and_packet", [sock.ip_ttl, ttl_of(seen.recv(100))]) == [33, 33]
