"""IP_MULTICAST_ALL: groups that others joined."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import IpMreqn, Socket

GROUP, ANOTHER, PORT = "239.1.2.3", "239.1.2.4", 4321
LOOPBACK = 1
"""The index of lo in every network namespace."""


@claim(
    "IP_MULTICAST_ALL.2const/IP_MULTICAST_ALL/groups-of-others",
    sentence=(
        "IP_MULTICAST_ALL.2const/IP_MULTICAST_ALL/all",
        "IP_MULTICAST_ALL.2const/IP_MULTICAST_ALL/own",
    ),
    section="DESCRIPTION",
    says="A UDP socket bound to INADDR_ANY receives what is sent to a group that another socket of its "
    "network namespace joined, as is the default; with IP_MULTICAST_ALL set to 0 only what is sent to "
    "groups that it joined itself.",
    since="2.6.31",
)
def test_groups_of_others_are_received(ns, observe):
    ns.add_route("224.0.0.0/4", dev="lo")
    with Socket.udp() as other, Socket.udp() as receiver, Socket.udp() as sender:
        other.rcvtimeo = receiver.rcvtimeo = SOON
        other.reuseaddr = receiver.reuseaddr = True
        other.bind(("0.0.0.0", PORT))
        receiver.bind(("0.0.0.0", PORT))
        other.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
        sender.sendto(b"by default", (GROUP, PORT))
        by_default = receiver.recv(20).decode()
        receiver.ip_multicast_all = False
        sender.sendto(b"to others", (GROUP, PORT))
        receiver.ip_add_membership = IpMreqn(ANOTHER, ifindex=LOOPBACK)
        sender.sendto(b"to its own", (ANOTHER, PORT))
        received = [by_default, *received_until("to its own", receiver)]
        elsewhere = received_until("to its own", other)

        assert [observe("by_the_other", elsewhere), observe("received", received)] == [
            ["by default", "to others", "to its own"],
            ["by default", "to its own"],
        ]
