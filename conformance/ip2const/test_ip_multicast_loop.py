"""IP_MULTICAST_LOOP: whether what is sent to a group comes back to this host."""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import IpMreqn, Socket

GROUP, PORT = "239.1.2.3", 4321
LOOPBACK = 1
"""The index of lo in every network namespace."""


@claim(
    "IP_MULTICAST_LOOP.2const/IP_MULTICAST_LOOP/local-sockets",
    sentence="IP_MULTICAST_LOOP.2const/IP_MULTICAST_LOOP/local-sockets",
    section="DESCRIPTION",
    says="What a UDP socket sends to a group by an Ethernet link comes to the sockets of its own host that "
    "joined the group, as is the default, and with IP_MULTICAST_LOOP off not. To other hosts it goes either "
    "way.",
    since="1.2",
    needs=[VETH],
)
def test_it_comes_back_to_this_host(peers, observe):
    peers.left.namespace.add_route("224.0.0.0/4", dev=peers.left.device)
    with peers.right.entered():
        remote = Socket.udp()
    with peers.left.entered(), remote, Socket.udp() as local, Socket.udp() as sender:
        remote.rcvtimeo = local.rcvtimeo = SOON
        remote.bind(("0.0.0.0", PORT))
        remote.ip_add_membership = IpMreqn(GROUP, address=peers.right.address)
        local.bind(("0.0.0.0", PORT))
        local.ip_add_membership = IpMreqn(GROUP, address=peers.left.address)
        sender.sendto(b"by default", (GROUP, PORT))
        sender.ip_multicast_loop = False
        sender.sendto(b"off", (GROUP, PORT))
        sender.sendto(b"to one", (peers.left.address, PORT))
        elsewhere = [remote.recv(20).decode(), remote.recv(20).decode()]

        assert [observe("elsewhere", elsewhere), observe("here", received_until("to one", local))] == [
            ["by default", "off"],
            ["by default", "to one"],
        ]


@claim(
    "IP_MULTICAST_LOOP.2const/IP_MULTICAST_LOOP/by-loopback",
    sentence="IP_MULTICAST_LOOP.2const/IP_MULTICAST_LOOP/local-sockets",
    section="DESCRIPTION",
    says="What a UDP socket with IP_MULTICAST_LOOP off sends to a group by the loopback device does not "
    "come to the sockets of its own host that joined the group.",
    since="1.2",
    expect=differs(
        "it comes, once: the option keeps the link's copy for this host back, and on loopback the packet "
        "itself comes to it (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"option": False, "received": ["to the group", "to one"]},
    ),
)
def test_it_does_not_come_back_by_loopback(ns, observe):
    ns.add_route("224.0.0.0/4", dev="lo")
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("0.0.0.0", 0))
        receiver.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
        port = receiver.getsockname()[1]
        sender.ip_multicast_loop = False
        sender.sendto(b"to the group", (GROUP, port))
        sender.sendto(b"to one", ("127.0.0.1", port))
        observe("option", sender.ip_multicast_loop)

        assert observe("received", received_until("to one", receiver)) == ["to one"]
