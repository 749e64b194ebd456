"""PACKET_ADD_MEMBERSHIP and PACKET_DROP_MEMBERSHIP: what else an interface takes."""

from __future__ import annotations

import errno
import sys
from socket import PACKET_OTHERHOST, SOCK_DGRAM, SOCK_RAW

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ALLMULTI, VETH, link, proc_net
from conformance.plugin.refusal import refused
from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.packet_sockets import (
    SOMEBODY,
    TO_ALL,
    TO_GROUP,
    frame,
    hardware_groups,
    name_of,
    network_ioctl,
    packet_socket,
    promiscuity,
    received_until,
    sending_socket,
)
from conformance.plugin.setups.processors import on_one_processor
from libsocket import PACKET_ADD_MEMBERSHIP, Packet, PacketMembership, PacketMreq, Socket, raw
from netns import Capability, Peers, without

NEEDS = (Capability.NET_RAW, VETH)
SECTION = "Socket options"
TYPES = pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM], ids=["raw", "dgram"])
MULTICAST, PROMISC = PacketMembership.MULTICAST, PacketMembership.PROMISC
SIOCSIFFLAGS, SIOCADDMULTI, SIOCDELMULTI = 0x8914, 0x8931, 0x8932
UP, UP_AND_PROMISCUOUS = (flags.to_bytes(2, sys.byteorder) for flags in (0x1043, 0x1143))
NOWHERE = 999_999
"""The index of no interface."""
ADDRESS = 8
"""Where mr_address begins in a struct packet_mreq."""


def of_right(hosts: Peers, type_: PacketMembership, address: bytes = b"") -> PacketMreq:
    """A membership of the wire on the right."""
    return PacketMreq(index_of(hosts.right), type_, address)


def bridge_on_right(hosts: Peers) -> Socket:
    """A packet socket on a bridge whose only port is the wire on the right."""
    namespace = hosts.right.namespace
    namespace.add_bridge("made")
    namespace.set_link(hosts.right.device, master="made")
    namespace.set_link("made", up=True)
    sock = packet_socket(hosts.right, protocol=0)
    sock.bind(("made", EXPERIMENTAL))
    return sock


@claim(
    "packet.7/PACKET_ADD_MEMBERSHIP/promisc",
    sentence=(
        *("packet.7/PACKET_ADD_MEMBERSHIP/promisc", "packet.7/PACKET_ADD_MEMBERSHIP/uses"),
        *("packet.7/PACKET_ADD_MEMBERSHIP/add-and-drop", "packet.7/sockaddr_ll/pkttype-otherhost"),
    ),
    section=SECTION,
    says="A packet socket of SOCK_RAW on a bridge receives frames to other hosts, which the bridge takes for "
    "itself too, as PACKET_OTHERHOST, from PACKET_ADD_MEMBERSHIP with PACKET_MR_PROMISC until "
    "PACKET_DROP_MEMBERSHIP.",
    needs=[*NEEDS, link("bridge")],
)
def test_a_promiscuous_interface_takes_frames_to_others(peers, observe):
    with bridge_on_right(peers) as receiver, sending_socket(peers.left) as sender, on_one_processor():
        wish = PacketMreq(name_of(receiver).ifindex, PROMISC)
        address = Packet(index_of(peers.left))
        sender.sendto(frame(b"before", to=SOMEBODY), address)
        sender.sendto(frame(b"to all", to=TO_ALL), address)
        before = received_until("to all", receiver)
        receiver.packet_add_membership = wish
        sender.sendto(frame(b"while", to=SOMEBODY), address)
        data, (_, _, pkttype, *_) = receiver.recvfrom(100)
        receiver.packet_drop_membership = wish
        sender.sendto(frame(b"after", to=SOMEBODY), address)
        sender.sendto(frame(b"last", to=TO_ALL), address)

        received = [before, data[HEADER:].decode(), pkttype, received_until("last", receiver)]
        assert observe("received", received) == [["to all"], "while", PACKET_OTHERHOST, ["last"]]


@claim(
    "packet.7/PACKET_ADD_MEMBERSHIP/counted",
    sentence=(
        *("packet.7/PACKET_ADD_MEMBERSHIP/promisc", "packet.7/PACKET_ADD_MEMBERSHIP/add-and-drop"),
        *("packet.7/PACKET_ADD_MEMBERSHIP/argument", "packet.7/PACKET_ADD_MEMBERSHIP/ifindex"),
        *("packet.7/PACKET_ADD_MEMBERSHIP/type", "packet.7/Socket-options/level"),
    ),
    section=SECTION,
    says="PACKET_ADD_MEMBERSHIP with PACKET_MR_PROMISC of a packet socket, of SOCK_RAW or SOCK_DGRAM, makes "
    "the interface of mr_ifindex promiscuous, whatever the socket is bound to, and PACKET_DROP_MEMBERSHIP "
    "ends that.",
    needs=NEEDS,
)
@TYPES
def test_a_membership_makes_the_interface_promiscuous(peers, observe, type_):
    with packet_socket(peers.right, type_) as sock:
        sock.bind(("lo", EXPERIMENTAL))
        counts = [promiscuity(peers.right)[0]]
        sock.packet_add_membership = of_right(peers, PROMISC)
        counts.append(promiscuity(peers.right)[0])
        sock.packet_drop_membership = of_right(peers, PROMISC)
        counts.append(promiscuity(peers.right)[0])

        assert observe("bound_to_and_counts", [sock.getsockname()[0], counts]) == ["lo", [0, 1, 0]]


@claim(
    "packet.7/PACKET_ADD_MEMBERSHIP/multicast",
    sentence=(
        *("packet.7/PACKET_ADD_MEMBERSHIP/multicast", "packet.7/PACKET_ADD_MEMBERSHIP/uses"),
        "packet.7/PACKET_ADD_MEMBERSHIP/add-and-drop",
    ),
    section=SECTION,
    says="From PACKET_ADD_MEMBERSHIP with PACKET_MR_MULTICAST of a packet socket, of SOCK_RAW or SOCK_DGRAM, "
    "until PACKET_DROP_MEMBERSHIP the interface is in the link-layer group of mr_address.",
    needs=[*NEEDS, proc_net("dev_mcast")],
)
@TYPES
def test_a_membership_joins_a_group(peers, observe, type_):
    with packet_socket(peers.right, type_) as sock:
        groups = [hardware_groups(peers.right)]
        sock.packet_add_membership = of_right(peers, MULTICAST, TO_GROUP)
        groups.append(hardware_groups(peers.right))
        sock.packet_drop_membership = of_right(peers, MULTICAST, TO_GROUP)
        groups.append(hardware_groups(peers.right))

    assert observe("groups", groups) == [[], ["01005e000077"], []]


@claim(
    "packet.7/PACKET_ADD_MEMBERSHIP/allmulti",
    sentence="packet.7/PACKET_ADD_MEMBERSHIP/allmulti",
    section=SECTION,
    says="PACKET_ADD_MEMBERSHIP with PACKET_MR_ALLMULTI of a packet socket of SOCK_RAW makes the interface "
    "take all multicast frames, and not all others, until PACKET_DROP_MEMBERSHIP.",
    needs=[*NEEDS, ALLMULTI],
)
def test_a_membership_takes_all_multicast(peers, observe):
    with packet_socket(peers.right) as sock:
        counts = [promiscuity(peers.right)]
        sock.packet_add_membership = of_right(peers, PacketMembership.ALLMULTI)
        counts.append(promiscuity(peers.right))
        sock.packet_drop_membership = of_right(peers, PacketMembership.ALLMULTI)
        counts.append(promiscuity(peers.right))

    assert observe("promiscuity_and_allmulti", counts) == [[0, 0], [0, 1], [0, 0]]


@claim(
    "packet.7/PACKET_ADD_MEMBERSHIP/ioctls",
    sentence="packet.7/PACKET_ADD_MEMBERSHIP/ioctls",
    section=SECTION,
    says="SIOCADDMULTI and SIOCDELMULTI of a packet socket of SOCK_RAW put the interface into a link-layer "
    "group and out of it, and SIOCSIFFLAGS with IFF_PROMISC makes it promiscuous and without no longer.",
    needs=[*NEEDS, Capability.NET_ADMIN, proc_net("dev_mcast")],
    survives={"*": "what an ioctl does is seen, and it is only made to fail"},
)
def test_ioctls_do_the_same(peers, observe):
    device = peers.right.device
    with packet_socket(peers.right) as sock:
        seen = [[promiscuity(peers.right)[0], hardware_groups(peers.right)]]
        network_ioctl(sock, SIOCADDMULTI, device, bytes(2) + TO_GROUP)
        network_ioctl(sock, SIOCSIFFLAGS, device, UP_AND_PROMISCUOUS)
        seen.append([promiscuity(peers.right)[0], hardware_groups(peers.right)])
        network_ioctl(sock, SIOCDELMULTI, device, bytes(2) + TO_GROUP)
        network_ioctl(sock, SIOCSIFFLAGS, device, UP)
        seen.append([promiscuity(peers.right)[0], hardware_groups(peers.right)])

    assert observe("promiscuity_and_groups", seen) == [[0, []], [1, ["01005e000077"]], [0, []]]


@claim(
    "defacto/PACKET_ADD_MEMBERSHIP/closed",
    says="Memberships of a packet socket of SOCK_RAW, PACKET_MR_PROMISC and PACKET_MR_MULTICAST, end when it "
    "is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_memberships_end_with_the_socket(peers, observe):
    with packet_socket(peers.right) as sock:
        sock.packet_add_membership = of_right(peers, PROMISC)
        sock.packet_add_membership = of_right(peers, MULTICAST, TO_GROUP)
        seen = [[promiscuity(peers.right)[0], hardware_groups(peers.right)]]
    seen.append([promiscuity(peers.right)[0], hardware_groups(peers.right)])

    assert observe("promiscuity_and_groups", seen) == [[1, ["01005e000077"]], [0, []]]


@claim(
    "defacto/PACKET_ADD_MEMBERSHIP/counted-by-socket",
    says="A packet socket of SOCK_RAW that adds PACKET_MR_PROMISC of an interface twice makes it promiscuous "
    "once, and has to drop it twice; another socket counts beside it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_memberships_are_counted(peers, observe):
    wish = of_right(peers, PROMISC)
    with packet_socket(peers.right) as sock, packet_socket(peers.right) as other:
        sock.packet_add_membership = wish
        counts = [promiscuity(peers.right)[0]]
        sock.packet_add_membership = wish
        counts.append(promiscuity(peers.right)[0])
        other.packet_add_membership = wish
        counts.append(promiscuity(peers.right)[0])
        sock.packet_drop_membership = wish
        counts.append(promiscuity(peers.right)[0])
        sock.packet_drop_membership = wish
        counts.append(promiscuity(peers.right)[0])

    assert observe("promiscuity", counts) == [1, 1, 2, 2, 1]


@claim(
    "defacto/PACKET_ADD_MEMBERSHIP/no-admin",
    sentence="capabilities.7/CAP_NET_ADMIN/promiscuous",
    says="A packet socket of SOCK_RAW makes an interface promiscuous with PACKET_ADD_MEMBERSHIP without "
    "CAP_NET_ADMIN, for want of which SIOCSIFFLAGS is refused with EPERM.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, Capability.NET_ADMIN],
)
def test_a_membership_takes_no_capability(peers, observe):
    with packet_socket(peers.right) as sock:
        with without(Capability.NET_ADMIN):
            with refused(errno.EPERM):
                network_ioctl(sock, SIOCSIFFLAGS, peers.right.device, UP_AND_PROMISCUOUS)
            sock.packet_add_membership = of_right(peers, PROMISC)
        counts = [promiscuity(peers.right)[0]]
        network_ioctl(sock, SIOCSIFFLAGS, peers.right.device, UP_AND_PROMISCUOUS)

        assert observe("promiscuity", [*counts, promiscuity(peers.right)[0]]) == [1, 2]


@claim(
    "defacto/PACKET_ADD_MEMBERSHIP/not-a-filter",
    says="A packet socket of SOCK_RAW receives all that its interface takes, without any membership: on a "
    "wire of veth frames to a group that nobody has joined, and to other hosts.",
    since="2.6.24",
    commit="e314dbdc1c0d",
    needs=[*NEEDS, proc_net("dev_mcast")],
)
def test_a_membership_is_no_filter(peers, observe):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left) as sender:
        groups = hardware_groups(peers.right)
        with on_one_processor():
            sender.sendto(frame(b"to a group", to=TO_GROUP), Packet(index_of(peers.left)))
            sender.sendto(frame(b"to another", to=SOMEBODY), Packet(index_of(peers.left)))

        assert observe("groups_and_received", [groups, received_until("to another", receiver)]) == [
            [],
            ["to a group", "to another"],
        ]


@claim(
    "packet.7/PACKET_ADD_MEMBERSHIP/enodev",
    sentence="packet.7/errors/enodev",
    section="ERRORS",
    says="PACKET_ADD_MEMBERSHIP of a packet socket of SOCK_RAW with the index of no interface, or 0, in "
    "mr_ifindex is refused with ENODEV.",
    needs=NEEDS,
)
@pytest.mark.parametrize("ifindex", [NOWHERE, 0, -1])
def test_no_interface_is_refused(peers, observe, ifindex):
    with packet_socket(peers.right) as sock:
        with refused(errno.ENODEV):
            sock.packet_add_membership = PacketMreq(ifindex, PROMISC)
        sock.packet_add_membership = of_right(peers, PROMISC)

        assert observe("promiscuity", promiscuity(peers.right)[0]) == 1


@claim(
    "packet.7/PACKET_ADD_MEMBERSHIP/address-size",
    sentence=("packet.7/errors/einval", "packet.7/PACKET_ADD_MEMBERSHIP/multicast"),
    section="ERRORS",
    says="PACKET_ADD_MEMBERSHIP with PACKET_MR_MULTICAST of a packet socket of SOCK_RAW takes an address of "
    "the six bytes of Ethernet, and refuses one of five or seven, or none, with EINVAL.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [0, 5, 7])
def test_an_address_of_another_size_is_refused(peers, observe, size):
    with packet_socket(peers.right) as sock:
        with refused(errno.EINVAL):
            sock.packet_add_membership = of_right(peers, MULTICAST, (TO_GROUP + b"\0")[:size])
        sock.packet_add_membership = of_right(peers, MULTICAST, TO_GROUP)

        assert observe("groups", hardware_groups(peers.right)) == ["01005e000077"]


@claim(
    "packet.7/PACKET_ADD_MEMBERSHIP/address-beyond",
    sentence="packet.7/errors/einval",
    section="ERRORS",
    says="PACKET_ADD_MEMBERSHIP of a packet socket of SOCK_RAW whose mr_alen says that the address goes a "
    "byte beyond the 16, 17 or 40 bytes that are given is refused with EINVAL, for the index of no "
    "interface too, where one that ends with them is refused with ENODEV.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [16, 17, 40])
def test_an_address_beyond_what_is_given_is_refused(peers, observe, size):
    first = PACKET_ADD_MEMBERSHIP.codec.encode(PacketMreq(NOWHERE, PROMISC))[:6]
    option = PACKET_ADD_MEMBERSHIP.through(raw(size))
    within, beyond = ((size - ADDRESS + more).to_bytes(2, sys.byteorder) for more in (0, 1))
    with packet_socket(peers.right) as sock:
        with refused(errno.EINVAL):
            sock.set(option, first + beyond + bytes(size - ADDRESS))
        with refused(errno.ENODEV, "errno_within"):
            sock.set(option, first + within + bytes(size - ADDRESS))
        sock.packet_add_membership = of_right(peers, PROMISC)

        assert observe("promiscuity", promiscuity(peers.right)[0]) == 1


@claim(
    "defacto/PACKET_ADD_MEMBERSHIP/optlen",
    says="PACKET_ADD_MEMBERSHIP of a packet socket of SOCK_RAW refuses fewer than the sixteen bytes of a "
    "struct packet_mreq with EINVAL, and takes sixteen, and more.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [0, 8, 15])
@pytest.mark.parametrize("taken", [16, 17])
def test_fewer_bytes_are_refused(peers, observe, size, taken):
    octets = PACKET_ADD_MEMBERSHIP.codec.encode(of_right(peers, PROMISC)).ljust(17, b"\0")
    with packet_socket(peers.right) as sock:
        with refused(errno.EINVAL):
            sock.set(PACKET_ADD_MEMBERSHIP.through(raw(size)), octets[:size])
        counts = [promiscuity(peers.right)[0]]
        sock.set(PACKET_ADD_MEMBERSHIP.through(raw(taken)), octets[:taken])
        counts.append(promiscuity(peers.right)[0])

    assert observe("promiscuity", counts) == [0, 1]


@claim(
    "defacto/PACKET_ADD_MEMBERSHIP/unknown-type",
    says="PACKET_ADD_MEMBERSHIP of a packet socket of SOCK_RAW takes a mr_type that there is not, 7, without "
    "an error and without effect.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={"no-op: setsockopt(*mr_type=0x7*": "it is to do nothing"},
)
def test_an_unknown_type_does_nothing(peers, observe):
    octets = PACKET_ADD_MEMBERSHIP.codec.encode(of_right(peers, PROMISC))
    wish = PACKET_ADD_MEMBERSHIP.through(raw(16))
    with packet_socket(peers.right) as sock:
        sock.set(wish, octets[:4] + (7).to_bytes(2, sys.byteorder) + octets[6:])
        counts = [promiscuity(peers.right)[0]]
        sock.set(wish, octets)
        counts.append(promiscuity(peers.right)[0])

    assert observe("promiscuity", counts) == [0, 1]
