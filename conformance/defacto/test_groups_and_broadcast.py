"""Groups of IPv4 and broadcasts where documents are silent: who receives them, and from where they come."""

from __future__ import annotations

import errno
import sys
from socket import AF_INET6, IPPROTO_IPV6, IPPROTO_UDP, IPV6_JOIN_GROUP, MSG_DONTWAIT, inet_pton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.groups import broadcaster, member
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.setups.reuse import STAY_OPEN, arrivals, group
from conformance.plugin.timing import SOON
from libsocket import IP_MULTICAST_IF, IpMreqn, Socket, raw
from netns import Capability

GROUP, PORT = "239.1.2.3", 4321
LOOPBACK = 1
"""The index of lo in every network namespace."""
ADDRESS = "127.0.0.1"
ANOTHER = "10.1.1.1"
ALL = "255.255.255.255"
ALONE = {"no-op: setsockopt(*SO_REUSEADDR*": "it has its port alone"}
JOINED_BY_ANOTHER = {
    "no-op: setsockopt(*IP_ADD_MEMBERSHIP*": "with IP_MULTICAST_ALL it is enough that another has"
}
ALL_NODES = inet_pton(AF_INET6, "ff02::1") + LOOPBACK.to_bytes(4, sys.byteorder)
"""A struct ipv6_mreq."""
BY_LOOPBACK = IpMreqn("0.0.0.0", ifindex=LOOPBACK)


def payloads_until(last: str, wire: Socket) -> list[str]:
    """What the packets of UDP carry that come, up to one that is sure to."""
    found: list[str] = []
    while found[-1:] != [last]:
        packet = wire.recv(200)
        found += [payload(packet)] if packet[9] == IPPROTO_UDP else []
    return found


@claim(
    "defacto/IP_MULTICAST_IF/taken-away",
    says="An all-zero struct ip_mreqn as IP_MULTICAST_IF takes the interface away by which a UDP socket "
    "sends to groups: where no route leads there a send fails with ENETUNREACH, as before.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ALONE,
)
def test_there_is_no_interface(ns, observe):
    with member(GROUP, PORT) as receiver, Socket.udp() as sender:
        before = answer(lambda: sender.sendto(b"x", (GROUP, PORT)))
        sender.ip_multicast_if = BY_LOOPBACK
        sender.sendto(b"by loopback", (GROUP, PORT))
        sender.ip_multicast_if = IpMreqn("0.0.0.0")
        after = answer(lambda: sender.sendto(b"x", (GROUP, PORT)))

        assert observe("before_received_after", [before, receiver.recv(20).decode(), after]) == [
            "ENETUNREACH",
            "by loopback",
            "ENETUNREACH",
        ]


@claim(
    "defacto/IP_MULTICAST_IF/read",
    says="IP_MULTICAST_IF of a UDP socket reads as the address by which it was set, in a struct in_addr, "
    "ip_mreq or ip_mreqn, also beside an index, and as 0.0.0.0 where it was set by an index alone.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (bytes([127, 0, 0, 1]), ADDRESS),
        (bytes([0, 0, 0, 0, 127, 0, 0, 1]), ADDRESS),
        (bytes([0, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0]), ADDRESS),
        (bytes([0, 0, 0, 0, 127, 0, 0, 1, 1, 0, 0, 0]), ADDRESS),
        (bytes([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]), "0.0.0.0"),
    ],
    ids=["in_addr", "ip_mreq", "ip_mreqn", "both", "index"],
)
def test_the_address_is_read(ns, observe, given, expected):
    with Socket.udp() as sock:
        sock.set(IP_MULTICAST_IF.through(raw(12)), bytes([0, 0, 0, 0, 127, 0, 0, 2, 1, 0, 0, 0]))
        before = sock.get(IP_MULTICAST_IF.through(raw(4)))
        sock.set(IP_MULTICAST_IF.through(raw(12)), given)
        after = sock.get(IP_MULTICAST_IF.through(raw(4)))

        found = [".".join(map(str, one)) for one in (before, after)]
        assert observe("before_and_after", found) == ["127.0.0.2", expected]


@claim(
    "defacto/IP_ADD_MEMBERSHIP/nowhere",
    says="Joining a group over IPv4 without an interface, where no route leads there, fails with ENODEV; "
    "with the index of one it is joined.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_group_is_joined_somewhere(ns, observe):
    with Socket.udp() as sock:
        with refused(errno.ENODEV):
            sock.ip_add_membership = IpMreqn(GROUP)
        sock.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
        with refused(errno.EADDRINUSE, "errno_of_again"):
            sock.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)

        assert observe("domain", sock.family.name) == "AF_INET"


@claim(
    "defacto/sendto/group-by-own-address",
    says="A UDP socket that is bound to 127.0.0.1 sends to a group by loopback, where no route leads there: "
    "those receive it who joined by the address 127.0.0.1, by the index, or by the index beside another "
    "address.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={"no-op: close(*": "who has sent is not asked again"},
)
@pytest.mark.parametrize(
    "joined",
    [
        IpMreqn(GROUP, address=ADDRESS),
        IpMreqn(GROUP, ifindex=LOOPBACK),
        IpMreqn(GROUP, address="192.0.2.1", ifindex=LOOPBACK),
    ],
    ids=["address", "index", "both"],
)
def test_the_address_says_by_which(ns, observe, joined):
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("0.0.0.0", PORT))
        receiver.ip_add_membership = joined
        unbound = answer(lambda: sender.sendto(b"x", (GROUP, PORT)))
        with Socket.udp() as bound:
            bound.bind((ADDRESS, 0))
            bound.sendto(b"hello", (GROUP, PORT))

        assert observe("unbound_and_received", [unbound, receiver.recv(9).decode()]) == [
            "ENETUNREACH",
            "hello",
        ]


@claim(
    "defacto/connect/group",
    says="A UDP socket with IP_MULTICAST_IF, by address or by index, that is connected to a group sends "
    "there by that interface, and getsockname(2) tells the address from which it comes.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ALONE,
)
@pytest.mark.parametrize(
    ("interface", "expected"),
    [(IpMreqn("0.0.0.0", address=ADDRESS), ADDRESS), (BY_LOOPBACK, ANOTHER)],
    ids=["address", "index"],
)
def test_a_group_is_a_peer(ns, observe, interface, expected):
    ns.add_address("lo", f"{ANOTHER}/32")
    with member(GROUP, PORT) as receiver, Socket.udp() as sender:
        sender.ip_multicast_if = interface
        sender.connect((GROUP, PORT))
        sender.send(b"hello")
        data, source = receiver.recvfrom(9)

        found = [data.decode(), source == sender.getsockname(), source[0]]
        assert observe("data_same_source", found) == ["hello", True, expected]


@claim(
    "defacto/connect/group-not-own",
    says="A UDP socket that is connected to a group which it has joined does not receive what it sends "
    "there, which comes from another address; another member does.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=JOINED_BY_ANOTHER,
)
def test_its_own_is_not_received(ns, observe):
    with member(GROUP, PORT) as other, member(GROUP, PORT) as sock:
        sock.ip_multicast_if = BY_LOOPBACK
        other_sees = []
        sock.sendto(b"before", (GROUP, PORT))
        other_sees.append(other.recv(9).decode())
        own = [answer(lambda: sock.recv(9))]
        sock.connect((GROUP, PORT))
        sock.send(b"after")
        other_sees.append(other.recv(9).decode())
        own.append(answer(lambda: sock.recv(9, MSG_DONTWAIT)))

        assert observe("other_and_own", [other_sees, own]) == [["before", "after"], ["6 bytes", "EAGAIN"]]


@claim(
    "defacto/IP_MULTICAST_LOOP/of-receiver",
    says="IP_MULTICAST_LOOP off at a member of a group on the sender's host changes nothing: it receives "
    "what the sender, who has it, sends by an Ethernet link.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_the_receivers_option_does_not_count(peers, observe):
    left, right = peers.left, peers.right
    left.namespace.add_route("224.0.0.0/4", dev=left.device)
    with right.entered():
        remote = Socket.udp()
    with left.entered(), remote, Socket.udp() as receiver, Socket.udp() as sender:
        remote.rcvtimeo = receiver.rcvtimeo = SOON
        remote.bind(("0.0.0.0", PORT))
        remote.ip_add_membership = IpMreqn(GROUP, address=right.address)
        receiver.bind(("0.0.0.0", PORT))
        receiver.ip_add_membership = IpMreqn(GROUP, address=left.address)
        receiver.ip_multicast_loop = False
        sender.sendto(b"with", (GROUP, PORT))
        sender.ip_multicast_loop = False
        sender.sendto(b"without", (GROUP, PORT))
        sender.sendto(b"to one", (left.address, PORT))
        elsewhere = received_until("without", remote)

        found = [receiver.ip_multicast_loop, received_until("to one", receiver), elsewhere]
        assert observe("option_received_elsewhere", found) == [False, ["with", "to one"], ["with", "without"]]


@claim(
    "defacto/SO_REUSEPORT/each-member-of-a-group",
    says="Of UDP sockets that share a port by SO_REUSEPORT and have joined a group over IPv4, bound to "
    "0.0.0.0 or to the group, each receives every datagram that is sent to it.",
    since="3.9",
    commit="ba418fa357a7",
    survives=JOINED_BY_ANOTHER,
)
@pytest.mark.parametrize(
    "hosts",
    [("0.0.0.0", "0.0.0.0"), (GROUP, GROUP), ("0.0.0.0", GROUP)],
    ids=["any", "group", "both"],
)
def test_each_member_has_a_copy(ns, observe, hosts):
    with (
        member(GROUP, PORT, hosts[0], port_shared=True) as one,
        member(GROUP, PORT, hosts[1], port_shared=True) as other,
        Socket.udp() as sender,
    ):
        sender.ip_multicast_if = BY_LOOPBACK
        sender.sendto(b"first", (GROUP, PORT))
        sender.sendto(b"last", (GROUP, PORT))

        assert observe("received", [received_until("last", one), received_until("last", other)]) == [
            ["first", "last"],
            ["first", "last"],
        ]


@claim(
    "defacto/bind/group-received",
    says="A UDP socket over IPv4 that is bound to a group receives what is sent there once it has joined, "
    "and not while nobody has; what is sent to an address of the host it does not receive.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_a_group_is_bound_and_joined(ns, observe):
    with packets() as wire, Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = wire.rcvtimeo = SOON
        receiver.bind((GROUP, PORT))
        sender.ip_multicast_if = BY_LOOPBACK
        sender.sendto(b"before", (GROUP, PORT))
        receiver.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
        sender.sendto(b"to one", (ADDRESS, PORT))
        sender.sendto(b"after", (GROUP, PORT))
        sent = payloads_until("after", wire)

        assert observe("sent_and_received", [sent, received_until("after", receiver)]) == [
            ["before", "to one", "after"],
            ["after"],
        ]


@claim(
    "defacto/bind/group-source",
    says="What a UDP socket over IPv4 that is bound to a group, or to 255.255.255.255, sends to 127.0.0.1 "
    "comes from 127.0.0.1 and the port that it is bound to.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("host", [GROUP, ALL], ids=["group", "broadcast"])
def test_a_group_is_no_source(ns, observe, host):
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((ADDRESS, 0))
        sender.bind((host, PORT))
        sender.sendto(b"hello", receiver.getsockname())
        source = receiver.recvfrom(9)[1]

        assert observe("own_and_source", [sender.getsockname(), source]) == [(host, PORT), (ADDRESS, PORT)]


@claim(
    "defacto/SO_BROADCAST/received-by",
    says="A broadcast to 255.255.255.255 or to the network is received by every UDP socket of its port that "
    "is bound to 0.0.0.0 or to that broadcast address and is not connected, and by none that is bound to an "
    "address of the host, nor of another port.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
    survives={
        "no-op: close(*": "who has sent is not asked again",
        "no-op: setsockopt(*SO_BROADCAST*": "who receives does not need it",
        "no-op: setsockopt(*SO_REUSEADDR*": "one of them has a port of its own",
        "no-op: setsockopt(*SO_BINDTODEVICE*": "a route leads to the network, too",
    },
)
@pytest.mark.parametrize("target", [ALL, "10.0.1.255"], ids=["all", "network"])
def test_who_receives_a_broadcast(peers, observe, target):
    right = peers.right
    with (
        right.entered(),
        broadcaster(target, PORT) as of_target,
        broadcaster("0.0.0.0", PORT) as of_any,
        broadcaster(right.address, PORT) as of_host,
        broadcaster("0.0.0.0", PORT + 1) as of_other,
    ):
        with peers.left.entered(), Socket.udp() as sender:
            sender.broadcast = True
            sender.bindtodevice = peers.left.device
            sender.sendto(b"hello", (target, PORT))
            sender.sendto(b"other", (target, PORT + 1))
            sender.sendto(b"last", (right.address, PORT))
        received = [of_target.recv(9).decode(), of_any.recv(9).decode(), of_other.recv(9).decode()]

        assert observe("received", [*received, received_until("last", of_host)]) == [
            "hello",
            "hello",
            "other",
            ["last"],
        ]


@claim(
    "defacto/SO_BROADCAST/own",
    says="A UDP socket over IPv4 that is bound to 0.0.0.0 or to 255.255.255.255 receives the broadcast that "
    "it sends there itself, by an Ethernet link.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
    survives=ALONE,
)
@pytest.mark.parametrize("host", ["0.0.0.0", ALL], ids=["any", "broadcast"])
def test_its_own_broadcast_comes_back(peers, observe, host):
    with peers.left.entered(), broadcaster(host, PORT) as sock:
        sock.bindtodevice = peers.left.device
        sock.sendto(b"hello", (ALL, PORT))
        data, source = sock.recvfrom(9)

        assert observe("data_and_source", [data.decode(), *source]) == ["hello", peers.left.address, PORT]


@claim(
    "defacto/IP_MULTICAST_IF/index-and-address",
    says="With the index of an interface and an address of another in a struct ip_mreqn as IP_MULTICAST_IF "
    "a UDP socket sends to a group by the index, and from the address.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_the_index_counts_and_the_address_is_the_source(peers, observe):
    left, right = peers.left, peers.right
    left.namespace.add_address("lo", "10.9.9.9/32")
    with right.entered():
        right.namespace.sysctl["net.ipv4.conf.all.rp_filter"] = 0
        right.namespace.sysctl[f"net.ipv4.conf.{right.device}.rp_filter"] = 0
        right.namespace.add_route("10.9.9.9/32", via=left.address, dev=right.device)
        receiver = Socket.udp()
    with left.entered(), receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("0.0.0.0", PORT))
        receiver.ip_add_membership = IpMreqn(GROUP, address=right.address)
        sender.ip_multicast_if = IpMreqn("0.0.0.0", address="10.9.9.9", ifindex=index_of(left))
        sender.sendto(b"hello", (GROUP, PORT))
        data, source = receiver.recvfrom(9)

        assert observe("data_and_source", [data.decode(), source[0]]) == ["hello", "10.9.9.9"]


@claim(
    "defacto/IP_MULTICAST_IF/beside-bindtodevice",
    says="IP_MULTICAST_IF of a UDP socket that SO_BINDTODEVICE binds to lo cannot be another interface, "
    "EINVAL; of one that is bound to 127.0.0.1 it can.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_one_interface_excludes_another(peers, observe):
    with peers.left.entered(), Socket.udp() as by_device, Socket.udp() as by_address:
        index = index_of(peers.left)
        by_device.bindtodevice = "lo"
        by_address.bind((ADDRESS, 0))
        with refused(errno.EINVAL):
            by_device.ip_multicast_if = IpMreqn("0.0.0.0", ifindex=index)
        by_device.ip_multicast_if = IpMreqn("0.0.0.0", address=ADDRESS)
        by_address.ip_multicast_if = IpMreqn("0.0.0.0", address=peers.left.address)

        found = [one.get(IP_MULTICAST_IF.through(raw(4)))[0] for one in (by_device, by_address)]
        assert observe("first_of_address", found) == [127, 10]


@claim(
    "defacto/SO_REUSEPORT/distributes-beside-reuseaddr",
    says="UDP sockets over IPv4 that share a port by SO_REUSEPORT and have SO_REUSEADDR too each get some "
    "of forty datagrams, from a port of its own each.",
    since="3.9",
    commit="ba418fa357a7",
    survives=STAY_OPEN,
)
def test_both_options_distribute(ns, observe):
    with group(2) as members:
        members[0].reuseaddr = members[1].reuseaddr = True
        counts = arrivals(members, 40)

        found = [[one.reuseaddr for one in members], min(counts) > 0, sum(counts)]
        assert observe("option_each_has_some_all", found) == [[True, True], True, 40]


@claim(
    "defacto/bind/network-of-loopback",
    says="With one address of a network on loopback the others of it are the host's own, too: UDP sockets "
    "over IPv4 are bound to two others of 192.0.2.0/24, and reach each other.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_network_is_here(ns, observe):
    with Socket.udp() as receiver, Socket.udp() as sender:
        with refused(errno.EADDRNOTAVAIL):
            receiver.bind(("192.0.2.77", 0))
        ns.add_address("lo", "192.0.2.1/24")
        receiver.rcvtimeo = SOON
        receiver.bind(("192.0.2.77", 0))
        sender.bind(("192.0.2.200", 0))
        sender.sendto(b"hello", receiver.getsockname())
        data, source = receiver.recvfrom(9)

        assert observe("data_and_source", [data.decode(), source[0]]) == ["hello", "192.0.2.200"]


@claim(
    "defacto/IP_ADD_MEMBERSHIP/udp-ipv6",
    says="A UDP socket over IPv6 joins a group of IPv4 with IP_ADD_MEMBERSHIP, and receives it from a "
    "mapped address; IPV6_ADD_MEMBERSHIP cannot be set on one over IPv4: ENOPROTOOPT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_a_socket_over_ipv6_joins_a_group_of_ipv4(ns, observe):
    with Socket.udp(AF_INET6) as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", PORT))
        receiver.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
        with refused(errno.ENOPROTOOPT):
            sender.setsockopt(IPPROTO_IPV6, IPV6_JOIN_GROUP, ALL_NODES)
        sender.ip_multicast_if = IpMreqn("0.0.0.0", address=ADDRESS)
        sender.sendto(b"hello", (GROUP, PORT))
        data, source = receiver.recvfrom(9)

        assert observe("data_and_source", [data.decode(), source[0]]) == ["hello", f"::ffff:{ADDRESS}"]


@claim(
    "defacto/IPV6_MULTICAST_IF/beside-bound-scope",
    says="IPV6_MULTICAST_IF of a UDP socket that is bound to a link-local address cannot be another "
    "interface than that of its scope: EINVAL; it can be that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH],
)
def test_a_scope_excludes_another_interface(peers, observe):
    left = peers.left.namespace
    left.add_address("lo", "fe80::1/64")
    with peers.left.entered(), Socket.udp(AF_INET6) as sock:
        sock.bind(("fe80::1", 0, 0, LOOPBACK))
        with refused(errno.EINVAL):
            sock.ipv6_multicast_if = index_of(peers.left)
        before = sock.ipv6_multicast_if
        sock.ipv6_multicast_if = LOOPBACK

        assert observe("before_and_after", [before, sock.ipv6_multicast_if]) == [0, LOOPBACK]
