"""What IP does beside the sockets of this host: it forwards, and it multicasts."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.timing import SOON
from libsocket import IpMreqn
from netns import Capability

GROUP = "239.1.2.3"


@claim(
    "ip.7/router/forwards",
    sentence=(
        "ip.7/description/router",
        "proc_sys_net_ipv4.5/ip_forward/forwarding",
        "ip-sysctl/ip_forward/forwards",
    ),
    section="DESCRIPTION",
    says="A host with net.ipv4.ip_forward forwards a datagram that is for another host, and one without it "
    "does not.",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_router_forwards(routed, observe):
    forwarding = routed.router.namespace.sysctl
    with routed.router.entered():
        seen = packets()
    with seen, udp_across(routed) as (sender, receiver):
        sender.rcvtimeo = seen.rcvtimeo = SOON
        address = routed.right.address, receiver.getsockname()[1]
        sender.sendto(b"first", address)
        received = [receiver.recv(9).decode()]
        forwarding["net.ipv4.ip_forward"] = 0
        sender.sendto(b"second", address)
        sender.connect((routed.router.address, 9))
        sender.send(b"to the router")
        with refused(errno.ECONNREFUSED):  # it has dealt with the second
            sender.recv(9)
        forwarding["net.ipv4.ip_forward"] = 1
        sender.sendto(b"third", address)
        received.append(receiver.recv(9).decode())
        arrived = [payload(seen.recv(100)) for _ in range(4)]

        assert [observe("at_router", arrived), observe("received", received)] == [
            ["first", "second", "to the router", "third"],
            ["first", "third"],
        ]


@claim(
    "ip.7/multicast/sent-and-received",
    sentence="ip.7/description/multicast",
    section="DESCRIPTION",
    says="A UDP socket receives what another host sends to a group that it has joined, and not what was sent "
    "there before.",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_group_is_reached(peers, observe):
    peers.left.namespace.add_route("224.0.0.0/4", dev=peers.left.device)
    with peers.right.entered():
        seen = packets()
    with seen, udp_across(peers) as (sender, receiver):
        seen.rcvtimeo = SOON
        port = receiver.getsockname()[1]
        sender.sendto(b"before", (GROUP, port))
        sender.sendto(b"to one", (peers.right.address, port))
        received = [receiver.recv(9).decode()]
        receiver.ip_add_membership = IpMreqn(GROUP, address=peers.right.address)
        sender.sendto(b"after", (GROUP, port))
        received.append(receiver.recv(9).decode())
        arrived = [payload(seen.recv(100)) for _ in range(3)]

        assert [observe("at_host", arrived), observe("received", received)] == [
            ["before", "to one", "after"],
            ["to one", "after"],
        ]
