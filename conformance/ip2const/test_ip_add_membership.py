"""IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP: groups that are joined and left."""

from __future__ import annotations

import errno
import sys
from socket import inet_aton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.timing import SOON
from libsocket import IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IpMreqn, Socket, raw
from netns import Capability

GROUP = "239.1.2.3"
NOT_LOCAL = "192.0.2.1"
LOOPBACK = 1
"""The index of lo in every network namespace."""


@claim(
    "IP_ADD_MEMBERSHIP.2const/IP_ADD_MEMBERSHIP/joins",
    sentence=(
        "IP_ADD_MEMBERSHIP.2const/IP_ADD_MEMBERSHIP/joins",
        "IP_DROP_MEMBERSHIP.2const/IP_DROP_MEMBERSHIP/leaves",
    ),
    section="DESCRIPTION",
    says="A UDP socket receives what another host sends to a group while it has joined it, and neither what "
    "came before nor what comes once it has left it with IP_DROP_MEMBERSHIP.",
    since="1.2",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_group_is_joined_and_left(peers, observe):
    peers.left.namespace.add_route("224.0.0.0/4", dev=peers.left.device)
    membership = IpMreqn(GROUP, address=peers.right.address)
    with peers.right.entered():
        seen = packets()
    with seen, udp_across(peers) as (sender, receiver):
        seen.rcvtimeo = SOON
        port = receiver.getsockname()[1]
        sender.sendto(b"before", (GROUP, port))
        arrived = [payload(seen.recv(100))]
        receiver.ip_add_membership = membership
        sender.sendto(b"joined", (GROUP, port))
        arrived.append(payload(seen.recv(100)))
        receiver.ip_drop_membership = membership
        sender.sendto(b"left", (GROUP, port))
        sender.sendto(b"to one", (peers.right.address, port))
        arrived += [payload(seen.recv(100)), payload(seen.recv(100))]
        received = [receiver.recv(9).decode(), receiver.recv(9).decode()]

        assert [observe("at_host", arrived), observe("received", received)] == [
            ["before", "joined", "left", "to one"],
            ["joined", "to one"],
        ]


@claim(
    "IP_ADD_MEMBERSHIP.2const/IP_ADD_MEMBERSHIP/set-only",
    sentence="IP_ADD_MEMBERSHIP.2const/IP_ADD_MEMBERSHIP/set-only",
    section="DESCRIPTION",
    says="IP_ADD_MEMBERSHIP can only be set, not read.",
    since="1.2",
)
def test_it_cannot_be_read(ns, observe):
    ns.add_route("224.0.0.0/4", dev="lo")
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((GROUP, 0))
        receiver.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
        with refused():
            receiver.get(IP_ADD_MEMBERSHIP)
        sender.sendto(b"hello", receiver.getsockname())

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "IP_ADD_MEMBERSHIP.2const/EINVAL/no-group",
    sentence="IP_ADD_MEMBERSHIP.2const/IP_ADD_MEMBERSHIP/einval",
    section="ERRORS",
    says="Joining an address next to those of groups, 223.255.255.255 or 240.0.0.0, fails with EINVAL on a "
    "UDP socket.",
    since="1.2",
)
@pytest.mark.parametrize(
    ("outside", "group"), [("223.255.255.255", "224.0.0.0"), ("240.0.0.0", "239.255.255.255")]
)
def test_only_groups_are_joined(ns, observe, outside, group):
    ns.add_route("224.0.0.0/4", dev="lo")
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((group, 0))
        with refused(errno.EINVAL):
            receiver.ip_add_membership = IpMreqn(outside, ifindex=LOOPBACK)
        receiver.ip_add_membership = IpMreqn(group, ifindex=LOOPBACK)
        sender.sendto(b"hello", receiver.getsockname())

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "IP_ADD_MEMBERSHIP.2const/IP_ADD_MEMBERSHIP/old-structure",
    sentence=(
        "IP_ADD_MEMBERSHIP.2const/IP_ADD_MEMBERSHIP/old-structure",
        "IP_ADD_MEMBERSHIP.2const/IP_ADD_MEMBERSHIP/size",
        "IP_DROP_MEMBERSHIP.2const/IP_DROP_MEMBERSHIP/old-structure",
        "IP_DROP_MEMBERSHIP.2const/IP_DROP_MEMBERSHIP/size",
    ),
    section="HISTORY",
    says="A UDP socket joins and leaves a group with the eight bytes of the old struct ip_mreq, too: a group "
    "and the address of an interface. The size given tells: of twelve bytes the index at their end counts, "
    "not the address.",
    since="2.2",
)
def test_the_old_structure_is_taken(ns, observe):
    ns.add_route("224.0.0.0/4", dev="lo")
    old = inet_aton(GROUP) + inet_aton("127.0.0.1")
    new = inet_aton(GROUP) + inet_aton(NOT_LOCAL) + LOOPBACK.to_bytes(4, sys.byteorder)
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((GROUP, 0))
        receiver.set(IP_ADD_MEMBERSHIP.through(raw(12)), new)
        receiver.set(IP_DROP_MEMBERSHIP.through(raw(12)), new)
        with refused(name="errno_without_index"):
            receiver.set(IP_ADD_MEMBERSHIP.through(raw(8)), new[:8])
        receiver.set(IP_ADD_MEMBERSHIP.through(raw(8)), old)
        sender.sendto(b"hello", receiver.getsockname())
        received = receiver.recv(9).decode()
        receiver.set(IP_DROP_MEMBERSHIP.through(raw(8)), old)
        with refused(name="errno_left_already"):
            receiver.set(IP_DROP_MEMBERSHIP.through(raw(8)), old)

        assert observe("received", received) == "hello"
