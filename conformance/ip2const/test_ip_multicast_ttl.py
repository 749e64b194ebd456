"""IP_MULTICAST_TTL: how far what is sent to a group may go."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.packets import packets
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

GROUP = "239.1.2.3", 9


def ttl_of(packet: bytes) -> int:
    """What the IP header says."""
    return packet[8]


@claim(
    "IP_MULTICAST_TTL.2const/IP_MULTICAST_TTL/of-packets",
    sentence=(
        "IP_MULTICAST_TTL.2const/IP_MULTICAST_TTL/of-packets",
        "IP_MULTICAST_TTL.2const/IP_MULTICAST_TTL/default",
    ),
    section="DESCRIPTION",
    says="What a UDP socket sends to a group has the time to live that IP_MULTICAST_TTL reads: 1 at first, "
    "and then what it was set to, 0 to 255.",
    since="1.2",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("ttl", [0, 33, 255])
def test_packets_to_a_group_have_it(ns, observe, ttl):
    ns.add_route("224.0.0.0/4", dev="lo")
    with packets() as seen, Socket.udp() as sock:
        seen.rcvtimeo = SOON
        values = [sock.ip_multicast_ttl]
        sock.sendto(b"by default", GROUP)
        values.append(ttl_of(seen.recv(100)))
        sock.ip_multicast_ttl = ttl
        values.append(sock.ip_multicast_ttl)
        sock.sendto(b"set", GROUP)
        values.append(ttl_of(seen.recv(100)))

        assert observe("default_and_set", values) == [1, 1, ttl, ttl]
