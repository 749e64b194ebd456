"""Groups over IPv4: who hears which, from which source, and by which interface one joins and leaves."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.event_calls import errno_of
from conformance.plugin.setups.pairs import AWAITED, await_those_before, received_until, udp_pair
from conformance.plugin.timing import SOON
from libsocket import IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF, GroupReq, IpMreqn, Socket, raw

GROUP, ANOTHER, HERE, EVERY = "239.1.2.3", "239.1.2.4", "127.0.0.1", "0.0.0.0"
LOOPBACK = 1
JOIN, JOIN_ANOTHER = GroupReq(GROUP, LOOPBACK), GroupReq(ANOTHER, LOOPBACK)
ONLY_THIS_GROUP = {"no-op: setsockopt(*IP_MULTICAST_ALL*": "nobody else joins another group here"}
FEW = {
    **ONLY_THIS_GROUP,
    "no-op: setsockopt(*SO_REUSEADDR*": "who has a port of its own needs none",
}


@pytest.fixture
def routed_groups(ns):
    """A namespace in which groups are reached by loopback."""
    ns.add_route("224.0.0.0/4", dev="lo")
    return ns


@contextmanager
def hearing(host: str, port: int = 0) -> Iterator[Socket]:
    """A UDP socket that is bound to an address of IPv4, and hears only groups that it joins."""
    with Socket.udp() as sock:
        sock.rcvtimeo = SOON
        sock.reuseaddr = True
        sock.ip_multicast_all = False
        sock.bind((host, port))
        yield sock


def interface_of(sock: Socket) -> list[int]:
    """IP_MULTICAST_IF, as the four numbers of an address."""
    given: bytes = sock.get(IP_MULTICAST_IF.through(raw(4)))
    return list(given)


def port_of(sock: Socket) -> int:
    port: int = sock.getsockname()[1]
    return port


@claim(
    "defacto/bind/group-hears-it-alone",
    says="A UDP socket over IPv4 that is bound to a group which it joined receives what is sent to the "
    "group and its port, and neither what is sent there to another group, nor to 127.0.0.1, as one bound "
    "to 0.0.0.0 does.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONLY_THIS_GROUP,
)
def test_a_bound_group_is_heard_alone(routed_groups, observe):
    with hearing(GROUP) as bound, hearing(EVERY, port_of(bound)) as witness, Socket.udp() as sender:
        bound.ip_mcast_join_group = witness.ip_mcast_join_group = JOIN
        witness.ip_mcast_join_group = JOIN_ANOTHER
        sender.sendto(b"another", (ANOTHER, port_of(bound)))
        sender.sendto(b"here", (HERE, port_of(bound)))
        sender.sendto(b"group", (GROUP, port_of(bound)))

        found = [received_until("group", sock) for sock in (witness, bound)]
        assert observe("witness_and_bound", found) == [["another", "here", "group"], ["group"]]


@claim(
    "defacto/MCAST_JOIN_GROUP/two-groups",
    says="A UDP socket over IPv4 that joined two groups receives both, and after it left one the other only.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_two_groups_are_heard(routed_groups, observe):
    with hearing(EVERY) as sock, hearing(EVERY, port_of(sock)) as witness, Socket.udp() as sender:
        witness.ip_mcast_join_group = JOIN
        sock.ip_mcast_join_group = JOIN
        sock.ip_mcast_join_group = JOIN_ANOTHER
        sender.sendto(b"one", (GROUP, port_of(sock)))
        sender.sendto(b"two", (ANOTHER, port_of(sock)))
        both = received_until("two", sock)
        sock.ip_mcast_leave_group = JOIN
        sender.sendto(b"left", (GROUP, port_of(sock)))
        sender.sendto(b"end", (ANOTHER, port_of(sock)))

        found = [both, received_until("end", sock), received_until("left", witness)]
        assert observe("both_left_witness", found) == [["one", "two"], ["end"], ["one", "left"]]


@claim(
    "defacto/MCAST_JOIN_GROUP/each-receives",
    says="Of UDP sockets over IPv4 that are bound to one port with SO_REUSEADDR, or SO_REUSEPORT, and "
    "joined a group each receives what is sent there, and one that left it no more.",
    since="3.9",
    commit="ba418fa357a7",
    survives=ONLY_THIS_GROUP | AWAITED,
)
@pytest.mark.parametrize("option", ["reuseaddr", "reuseport"])
def test_each_receives(routed_groups, observe, option):
    with Socket.udp() as first, Socket.udp() as second, Socket.udp() as sender:
        share(first, option, 0)
        share(second, option, port_of(first))
        sender.connect((GROUP, port_of(first)))
        sender.send(b"both")
        heard = [[sock.recv(9).decode()] for sock in (first, second)]
        second.ip_mcast_leave_group = JOIN
        sender.send(b"one")
        await_those_before(udp_pair)
        second.ip_mcast_join_group = JOIN
        sender.send(b"end")

        found = [heard, received_until("end", first), received_until("end", second)]
        assert observe("both_first_second", found) == [[["both"], ["both"]], ["one", "end"], ["end"]]


def share(sock: Socket, option: str, port: int) -> None:
    """Bind a socket to a port with SO_REUSEADDR or SO_REUSEPORT, and let it join the group."""
    if option == "reuseaddr":
        sock.reuseaddr = True
    else:
        sock.reuseport = True
    sock.rcvtimeo = SOON
    sock.ip_multicast_all = False
    sock.bind((EVERY, port))
    sock.ip_mcast_join_group = JOIN


@claim(
    "defacto/MCAST_JOIN_GROUP/connected",
    says="Of two UDP sockets over IPv4 at one port that joined a group, one bound to it and connected, the "
    "other bound to 0.0.0.0, the first receives only what its peer sends there.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=FEW,
)
def test_a_connected_one_hears_its_peer(routed_groups, observe):
    with (
        hearing(GROUP) as connected,
        hearing(EVERY, port_of(connected)) as other,
        hearing(HERE) as peer,
        hearing(HERE) as stranger,
    ):
        connected.ip_mcast_join_group = other.ip_mcast_join_group = JOIN
        connected.connect(peer.getsockname())
        stranger.sendto(b"stranger", (GROUP, port_of(other)))
        peer.sendto(b"peer", (GROUP, port_of(other)))

        found = [received_until("peer", connected), received_until("peer", other)]
        assert observe("connected_and_other", found) == [["peer"], ["stranger", "peer"]]


@claim(
    "defacto/MCAST_JOIN_GROUP/before-bind",
    says="A UDP socket over IPv4 that joined a group before it was bound receives what is sent there, as "
    "one that joined after that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONLY_THIS_GROUP,
)
def test_a_group_is_joined_before_bind(routed_groups, observe):
    with hearing(EVERY) as after, Socket.udp() as before, Socket.udp() as sender:
        before.rcvtimeo = SOON
        before.reuseaddr = True
        before.ip_multicast_all = False
        before.ip_mcast_join_group = JOIN
        before.bind((EVERY, port_of(after)))
        after.ip_mcast_join_group = JOIN
        sender.sendto(b"hello", (GROUP, port_of(after)))

        found = [before.recv(9).decode(), after.recv(9).decode()]
        assert observe("before_and_after", found) == ["hello", "hello"]


@claim(
    "defacto/IP_MULTICAST_IF/address-read",
    says="IP_MULTICAST_IF of a UDP socket over IPv4 that is set to an address, 127.0.0.1, reads as that, "
    "and once set to 0.0.0.0 as 0.0.0.0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_address_reads_back(ns, observe):
    with Socket.udp() as sock:
        sock.set(IP_MULTICAST_IF.through(raw(4)), bytes([127, 0, 0, 1]))
        first = interface_of(sock)
        sock.set(IP_MULTICAST_IF.through(raw(4)), bytes(4))

        found = [first, interface_of(sock)]
        assert observe("set_and_cleared", found) == [[127, 0, 0, 1], [0, 0, 0, 0]]


@claim(
    "defacto/IP_ADD_MEMBERSHIP/index-before-address",
    says="Where the index in struct ip_mreqn is of one interface and the address of another, "
    "IP_ADD_MEMBERSHIP of a UDP socket over IPv4 joins by the index: the group is left there with the "
    "index, and not with that address alone.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_the_index_is_stronger(peers, observe):
    with peers.right.entered(), Socket.udp() as sock:
        sock.set(IP_ADD_MEMBERSHIP, IpMreqn(GROUP, peers.right.address, LOOPBACK))
        with refused(errno.EADDRNOTAVAIL):
            sock.set(IP_DROP_MEMBERSHIP, IpMreqn(GROUP, peers.right.address, 0))
        left = errno_of(lambda: sock.set(IP_DROP_MEMBERSHIP, IpMreqn(GROUP, EVERY, LOOPBACK)))
        with refused(errno.EADDRNOTAVAIL, "errno_again"):
            sock.set(IP_DROP_MEMBERSHIP, IpMreqn(GROUP, EVERY, LOOPBACK))

        assert observe("left_by_index", left) is None


@claim(
    "defacto/IP_ADD_MEMBERSHIP/by-route",
    says="IP_ADD_MEMBERSHIP of a UDP socket over IPv4 with neither an address nor an index joins the group "
    "on the interface that the routes have for it, and is refused with ENODEV where there is no route.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_group_is_joined_by_route(ns, observe):
    with Socket.udp() as sock:
        with refused(errno.ENODEV):
            sock.set(IP_ADD_MEMBERSHIP, IpMreqn(GROUP, EVERY, 0))
        ns.add_route("224.0.0.0/4", dev="lo")
        sock.set(IP_ADD_MEMBERSHIP, IpMreqn(GROUP, EVERY, 0))
        left = errno_of(lambda: sock.set(IP_DROP_MEMBERSHIP, IpMreqn(GROUP, HERE, 0)))
        with refused(errno.EADDRNOTAVAIL, "errno_again"):
            sock.set(IP_DROP_MEMBERSHIP, IpMreqn(GROUP, HERE, 0))

        assert observe("left_by_address", left) is None


@claim(
    "defacto/IP_DROP_MEMBERSHIP/other-option",
    says="A group that a UDP socket over IPv4 joined with IP_ADD_MEMBERSHIP is left with "
    "MCAST_LEAVE_GROUP, and one that it joined with MCAST_JOIN_GROUP with IP_DROP_MEMBERSHIP; then it is "
    "no member: EADDRNOTAVAIL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_another_option_leaves(ns, observe):
    member = IpMreqn(GROUP, HERE, LOOPBACK)
    with Socket.udp() as sock:
        sock.set(IP_ADD_MEMBERSHIP, member)
        sock.ip_mcast_leave_group = JOIN
        with refused(errno.EADDRNOTAVAIL):
            sock.set(IP_DROP_MEMBERSHIP, member)
        sock.ip_mcast_join_group = JOIN
        left = errno_of(lambda: sock.set(IP_DROP_MEMBERSHIP, member))
        with refused(errno.EADDRNOTAVAIL, "errno_again"):
            sock.set(IP_DROP_MEMBERSHIP, member)

        assert observe("left", left) is None


@claim(
    "defacto/IP_MULTICAST_TTL/in-any-state",
    says="IP_MULTICAST_TTL, IP_MULTICAST_LOOP and IP_MULTICAST_IF of a UDP socket over IPv4 that is bound "
    "and joined a group can be set, and read so.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=FEW,
)
def test_options_of_a_member(routed_groups, observe):
    with hearing(EVERY) as sock:
        sock.ip_mcast_join_group = JOIN
        before = [sock.ip_multicast_ttl, sock.ip_multicast_loop]
        sock.ip_multicast_ttl = 7
        sock.ip_multicast_loop = False
        sock.set(IP_MULTICAST_IF.through(raw(4)), bytes([127, 0, 0, 1]))

        with refused(errno.EADDRINUSE):
            sock.ip_mcast_join_group = JOIN

        found = [
            sock.ip_multicast_ttl,
            sock.ip_multicast_loop,
            interface_of(sock),
        ]
        assert observe("before_and_after", [before, found]) == [[1, True], [7, False, [127, 0, 0, 1]]]


@claim(
    "defacto/IP_MULTICAST_TTL/zero",
    says="What a UDP socket over IPv4 sends to a group with IP_MULTICAST_TTL 0 is received by a member on "
    "its own host, and not on another of the same wire, which receives what is sent with 1.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
    survives=FEW,
)
def test_a_time_to_live_of_zero(peers, observe):
    left, right = peers.left, peers.right
    with left.entered(), Socket.udp() as sender, hearing(EVERY) as near:
        member = IpMreqn(GROUP, left.address, 0)
        near.set(IP_ADD_MEMBERSHIP, member)
        sender.set(IP_MULTICAST_IF, member)
        sender.ip_multicast_ttl = 0
        with right.entered(), hearing(EVERY, port_of(near)) as far:
            far.set(IP_ADD_MEMBERSHIP, IpMreqn(GROUP, right.address, 0))
            with left.entered():
                sender.sendto(b"zero", (GROUP, port_of(near)))
                sender.ip_multicast_ttl = 1
                sender.sendto(b"one", (GROUP, port_of(near)))

            found = [received_until("one", near), received_until("one", far)]
            assert observe("near_and_far", found) == [["zero", "one"], ["one"]]


@claim(
    "defacto/IP_ADD_MEMBERSHIP/all-hosts",
    says="A UDP socket over IPv4 with IP_MULTICAST_ALL, as it is at first, receives what another host of the "
    "same wire sends to 224.0.0.1 without having joined it.",
    since="2.6.31",
    commit="f771bef98004",
    needs=[VETH],
)
def test_all_hosts_are_members(peers, observe):
    left, right = peers.left, peers.right
    with right.entered(), Socket.udp() as sock, left.entered(), Socket.udp() as sender:
        sock.rcvtimeo = SOON
        sock.bind((EVERY, 0))
        sender.set(IP_MULTICAST_IF, IpMreqn(GROUP, left.address, 0))
        sender.sendto(b"all", ("224.0.0.1", port_of(sock)))

        found = [sock.ip_multicast_all, sock.recv(9).decode()]
        assert observe("option_and_received", found) == [True, "all"]
