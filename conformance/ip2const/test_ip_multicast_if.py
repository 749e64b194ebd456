"""IP_MULTICAST_IF: by which device a socket sends to groups."""

from __future__ import annotations

import sys
from socket import inet_aton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import IP_MULTICAST_IF, IpMreqn, Socket, raw

GROUP, PORT = "239.1.2.3", 4321
LOOPBACK = 1
"""The index of lo in every network namespace."""


@claim(
    "IP_MULTICAST_IF.2const/IP_MULTICAST_IF/device",
    sentence=(
        "IP_MULTICAST_IF.2const/IP_MULTICAST_IF/device",
        "IP_MULTICAST_IF.2const/IP_MULTICAST_IF/structures",
        "IP_MULTICAST_IF.2const/IP_MULTICAST_IF/by-size",
    ),
    section="DESCRIPTION",
    says="A UDP socket sends to a group by the device that IP_MULTICAST_IF was set to: by the index in a "
    "struct ip_mreqn, whose address counts where there is no index, by the address in a struct ip_mreq, or "
    "by a struct in_addr; without it as the route says. What is sent to one host goes as the route says.",
    since="3.5",
    needs=[VETH],
)
@pytest.mark.parametrize("structure", ["index", "ip_mreqn", "ip_mreq", "in_addr"])
def test_groups_are_reached_by_the_device(peers, observe, structure):
    left, right = peers.left, peers.right
    left.namespace.add_route("224.0.0.0/4", dev="lo")
    [index] = [link.index for link in left.namespace.links() if link.name == left.device]
    address = inet_aton(left.address)
    value = {
        "index": bytes(8) + index.to_bytes(4, sys.byteorder),
        "ip_mreqn": bytes(4) + address + bytes(4),
        "ip_mreq": bytes(4) + address,
        "in_addr": address,
    }[structure]
    with right.entered():
        receiver = Socket.udp()
    with left.entered(), receiver, Socket.udp() as here, Socket.udp() as sender:
        receiver.rcvtimeo = here.rcvtimeo = SOON
        here.bind(("0.0.0.0", PORT))
        here.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
        receiver.bind(("0.0.0.0", PORT))
        receiver.ip_add_membership = IpMreqn(GROUP, address=right.address)
        sender.sendto(b"by the route", (GROUP, PORT))
        sender.set(IP_MULTICAST_IF.through(raw(12)), value)
        sender.sendto(b"by the device", (GROUP, PORT))
        sender.sendto(b"to one", (right.address, PORT))
        by_loopback = here.recv(20).decode()
        received = received_until("to one", receiver)

        assert [observe("by_loopback", by_loopback), observe("received", received)] == [
            "by the route",
            ["by the device", "to one"],
        ]
