"""Addresses: port ids and multicast groups."""

from __future__ import annotations

import errno
import os
import socket
import sys

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, NOBODY
from conformance.plugin.refusal import refused
from conformance.plugin.setups.netlink import (
    GROUPS,
    NETLINK_FIB_LOOKUP,
    NETLINK_GENERIC,
    NETLINK_KOBJECT_UEVENT,
    NETLINK_USERSOCK,
    NEWLINK,
    bound,
    drained,
    framed,
    groups_of,
    mtu_of,
    multicast,
    netlink_socket,
    port_of,
    set_mtu,
    types,
    waiting,
)
from conformance.plugin.setups.socket_addresses import bind_to, connect_to, octets_told
from libsocket import NETLINK_ADD_MEMBERSHIP, Netlink
from netns import Capability, Namespace, as_user, only


@claim(
    "netlink.7/addresses/unicast-or-groups",
    sentence=("netlink.7/addresses/unicast-or-multicast", "netlink.7/nl_pid/unicast"),
    section="Address formats",
    says="In NETLINK_USERSOCK what is sent to a port is received by the socket that has it alone, and what "
    "is sent to a group by its two listeners.",
)
def test_an_address_is_of_one_or_of_a_group(ns, observe):
    with bound() as sender, bound(groups=1) as left, bound(groups=1) as right:
        sender.sendto(b"to one", Netlink(port_of(left)))
        multicast(sender, b"to a group", 1)

        assert observe("left_and_right", [waiting(left), waiting(right)]) == [
            ["to one", "to a group"],
            ["to a group"],
        ]


@claim(
    "netlink.7/nl_pid/usually-the-process",
    sentence=("netlink.7/nl_pid/usually-pid", "netlink.7/nl_pid/kernel-assigns"),
    section="Address formats",
    says="A netlink socket that is bound to nl_pid 0 has a port id that the kernel assigns: the first one of "
    "a process, in a family, its process id.",
)
@pytest.mark.parametrize("family", [socket.NETLINK_ROUTE, NETLINK_USERSOCK, NETLINK_GENERIC])
def test_the_kernel_assigns_the_process_id(ns, observe, family):
    with bound(family) as sock:
        assert observe("apart_from_process_id", port_of(sock) - os.getpid()) == 0


@claim(
    "netlink.7/nl_pid/unique",
    sentence=("netlink.7/nl_pid/socket-not-process", "netlink.7/nl_pid/unique-to-later"),
    section="Address formats",
    says="The later sockets of NETLINK_ROUTE of a process, bound to nl_pid 0, each have a port id of their "
    "own, which is neither 0 nor the process id.",
)
def test_later_sockets_have_ports_of_their_own(ns, observe):
    with bound(0) as first, bound(0) as second, bound(0) as third:
        ports = {port_of(first), port_of(second), port_of(third)}

        assert observe("different", [len(ports), len(ports - {0, os.getpid()})]) == [3, 2]


@claim(
    "netlink.7/nl_pid/at-most-one",
    sentence="netlink.7/nl_pid/at-most-one",
    section="Address formats",
    says="Of the netlink sockets of a process, one of NETLINK_ROUTE and one of NETLINK_USERSOCK, at most one "
    "has the process id as its port id.",
    expect=differs(
        "one of each family can",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"with_process_id": 2},
    ),
)
def test_at_most_one_socket_has_the_process_id(ns, observe):
    with bound(socket.NETLINK_ROUTE) as route, bound(NETLINK_USERSOCK) as other:
        assert observe("with_process_id", [port_of(route), port_of(other)].count(os.getpid())) == 1


@claim(
    "netlink.7/nl_pid/first-opened",
    sentence="netlink.7/nl_pid/first-opened",
    section="Address formats",
    says="Of two sockets of NETLINK_ROUTE the one that the process opens first has the process id as its "
    "port id, though it is bound second.",
    expect=differs(
        "the one that is bound first has it",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"which_has_process_id": 1},
    ),
)
def test_the_first_that_is_opened_has_the_process_id(ns, observe):
    with netlink_socket() as first, netlink_socket() as second:
        second.bind(Netlink(0))
        first.bind(Netlink(0))

        ports = [port_of(first), port_of(second)]
        assert observe("which_has_process_id", ports.index(os.getpid())) == 0


@claim(
    "netlink.7/nl_pid/application-sets",
    sentence=("netlink.7/nl_pid/two-ways", "netlink.7/nl_pid/application"),
    section="Address formats",
    says="The port id that a program sets nl_pid to before bind(2) is that of its socket of "
    "NETLINK_USERSOCK; a second socket of the family in the network namespace cannot have it: EADDRINUSE.",
)
@pytest.mark.parametrize("port", [1, 77, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_the_program_sets_a_unique_port(ns, observe, port):
    with bound(NETLINK_USERSOCK, port=port) as sock, netlink_socket(NETLINK_USERSOCK) as later:
        with refused(errno.EADDRINUSE):
            later.bind(Netlink(port))
        later.bind(Netlink(78))

        assert observe("ports", [port_of(sock), port_of(later)]) == [port, 78]


@claim(
    "netlink.7/nl_pid/unique-where",
    sentence="netlink.7/nl_pid/application",
    section="Address formats",
    says="The port id that a program sets for a socket of NETLINK_USERSOCK can be set as well for one of "
    "another family, NETLINK_ROUTE, and for one of NETLINK_USERSOCK in another network namespace.",
)
def test_a_port_is_of_a_family_in_a_namespace(ns, observe):
    with (
        bound(NETLINK_USERSOCK, port=77) as sock,
        bound(socket.NETLINK_ROUTE, port=77) as route,
        Namespace(),
        bound(NETLINK_USERSOCK, port=77) as elsewhere,
    ):
        assert observe("ports", [port_of(sock), port_of(route), port_of(elsewhere)]) == [77, 77, 77]


@claim(
    "netlink.7/nl_groups/mask",
    sentence=("netlink.7/nl_groups/mask", "netlink.7/nl_groups/bind"),
    section="Address formats",
    says="A socket of NETLINK_USERSOCK that is bound with a mask of groups has what is sent to those, each "
    "bit a group, from the first to the 32nd, and not what is sent to another.",
)
@pytest.mark.parametrize("mask", [0x1, 0x8000_0000, 0x8000_0001])
def test_a_socket_listens_to_the_groups_of_its_mask(ns, observe, mask):
    with bound() as sender, bound(groups=mask) as receiver:
        multicast(sender, b"first", 0x1)
        multicast(sender, b"second", 0x2)
        multicast(sender, b"last", 0x8000_0000)

        expected = {0x1: ["first"], 0x8000_0000: ["last"], 0x8000_0001: ["first", "last"]}
        assert observe("groups_and_received", [groups_of(receiver), waiting(receiver)]) == [
            mask,
            expected[mask],
        ]


@claim(
    "netlink.7/nl_groups/default",
    sentence="netlink.7/nl_groups/default",
    section="Address formats",
    says="A socket of NETLINK_ROUTE that is bound with an nl_groups of 0 receives no multicasts, where one "
    "that is bound with a group does.",
)
def test_without_groups_no_multicast_is_received(ns, observe):
    with bound(0) as without, bound(0, groups=1) as with_, netlink_socket() as changer:
        changer.send(set_mtu(1400))

        assert observe("without_and_with", [types(drained(without)), types(drained(with_))[:1]]) == [
            [],
            [NEWLINK],
        ]


@claim(
    "netlink.7/families/groups",
    sentence="netlink.7/nl_groups/thirty-two",
    section="Address formats",
    says="NETLINK_USERSOCK, NETLINK_FIB_LOOKUP and NETLINK_KOBJECT_UEVENT have 32 multicast groups each, of "
    "which the 32nd can be joined and the 33rd not: EINVAL.",
)
@pytest.mark.parametrize(
    "family",
    [NETLINK_USERSOCK, NETLINK_FIB_LOOKUP, NETLINK_KOBJECT_UEVENT],
    ids=["usersock", "fib_lookup", "uevent"],
)
def test_a_family_has_32_groups(ns, observe, family):
    with netlink_socket(family) as sock:
        sock.set(NETLINK_ADD_MEMBERSHIP, GROUPS)
        with refused(errno.EINVAL):
            sock.set(NETLINK_ADD_MEMBERSHIP, GROUPS + 1)

        assert observe("groups", groups_of(sock)) == 0x8000_0000


@claim(
    "netlink.7/families/groups-of-route",
    sentence="netlink.7/nl_groups/thirty-two",
    section="Address formats",
    says="NETLINK_ROUTE has 32 multicast groups as each family has, of which the 33rd cannot be joined.",
    expect=differs(
        "it has more",
        since="5.6",
        commit="cf5bddb95cbe",
        observed={"groups": 0x8000_0000, "errno": None},
    ),
    survives={"no-op: setsockopt(*?33?*": "that it is not refused is the difference"},
)
def test_netlink_route_has_32_groups(ns, observe):
    with netlink_socket() as sock:
        sock.set(NETLINK_ADD_MEMBERSHIP, GROUPS)
        groups = observe("groups", groups_of(sock))
        with refused():
            sock.set(NETLINK_ADD_MEMBERSHIP, GROUPS + 1)

        assert groups == 0x8000_0000


@claim(
    "netlink.7/nl_groups/sendto",
    sentence="netlink.7/nl_groups/send",
    section="Address formats",
    says="A socket of NETLINK_USERSOCK multicasts to the group of the nl_groups that it sends to, and to no "
    "other.",
)
def test_a_socket_sends_to_a_group(ns, observe):
    with bound() as sender, bound(groups=0b100) as member, bound(groups=0b1000) as another:
        sender.sendto(b"data", Netlink(port_of(sender), 0b100))
        sender.sendto(b"other", Netlink(port_of(sender), 0b1000))

        assert observe("member_and_another", [waiting(member), waiting(another)]) == [["data"], ["other"]]


@claim(
    "netlink.7/nl_groups/connect",
    sentence="netlink.7/nl_groups/send",
    section="Address formats",
    says="A socket of NETLINK_USERSOCK multicasts to the group of the nl_groups that it is connected to, and "
    "to no other.",
)
def test_a_socket_is_connected_to_a_group(ns, observe):
    with bound() as sender, bound(groups=0b100) as member, bound(groups=0b1000) as another:
        sender.connect(Netlink(port_of(sender), 0b100))
        sender.send(b"data")
        sender.sendto(b"other", Netlink(port_of(sender), 0b1000))

        assert observe("member_and_another", [waiting(member), waiting(another)]) == [["data"], ["other"]]


@claim(
    "netlink.7/nl_groups/one-at-a-time",
    sentence="netlink.7/nl_groups/one-group",
    section="Address formats",
    says="What is sent to two groups of NETLINK_USERSOCK at once, by the nl_groups of sendto(2), is received "
    "in one of them alone.",
    since="2.6.13",
)
def test_only_one_group_is_sent_to(ns, observe):
    with bound() as sender, bound(groups=0b100) as lower, bound(groups=0b1000) as higher:
        multicast(sender, b"both", 0b1100)
        multicast(sender, b"lower", 0b100)
        multicast(sender, b"higher", 0b1000)

        received = sorted([*waiting(lower), *waiting(higher)])
        assert observe("received", received) == ["both", "higher", "lower"]


@claim(
    "netlink.7/nl_groups/privilege",
    sentence="netlink.7/nl_groups/privilege",
    section="Address formats",
    says="It takes CAP_NET_ADMIN or the effective user id 0 to listen to a group of NETLINK_USERSOCK; user "
    "65534 may not: EPERM.",
    needs=[ANOTHER_USER],
)
def test_another_user_may_not_listen(ns, observe):
    def listens():
        with bound(groups=1) as sock:
            return groups_of(sock)

    allowed = listens()
    with refused(errno.EPERM):
        as_user(NOBODY, listens)

    assert observe("allowed", allowed) == 1


@claim(
    "netlink.7/nl_groups/user-0-listens",
    sentence="netlink.7/nl_groups/privilege",
    section="Address formats",
    says="The effective user id 0 is enough to listen to a group of NETLINK_USERSOCK, without CAP_NET_ADMIN.",
    needs=[Capability.NET_ADMIN],
    expect=differs(
        "only the capability counts, not the user",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"euid": 0, "allowed": 1, "errno": "EPERM"},
    ),
)
def test_user_0_may_listen(ns, observe):
    euid = observe("euid", os.geteuid())
    with bound(groups=1) as allowed, netlink_socket(NETLINK_USERSOCK) as sock:
        groups = observe("allowed", groups_of(allowed))
        with only():
            sock.bind(Netlink(0, 1))

        assert [euid, groups, observe("groups", groups_of(sock))] == [0, 1, 1]


@claim(
    "netlink.7/nl_groups/user-0-sends",
    sentence="netlink.7/nl_groups/privilege",
    section="Address formats",
    says="The effective user id 0 is enough to send to a group of NETLINK_ROUTE, without CAP_NET_ADMIN.",
    needs=[Capability.NET_ADMIN],
    expect=differs(
        "only the capability counts, not the user",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"euid": 0, "allowed": [99], "errno": "EPERM"},
    ),
)
def test_user_0_may_send(ns, observe):
    euid = observe("euid", os.geteuid())
    with bound(0, groups=1) as member, netlink_socket() as sock:
        sock.sendto(framed(99), Netlink(0, 1))
        allowed = observe("allowed", types(drained(member)))
        with only():
            sock.sendto(framed(99), Netlink(0, 1))

        assert [euid, allowed, observe("received", types(drained(member)))] == [0, [99], [99]]


@claim(
    "netlink.7/nl_groups/others-receive",
    sentence=("netlink.7/nl_groups/some-allow", "netlink.7/nl_groups/receive-as-of-3-0"),
    section="Address formats",
    says="User 65534 may listen to the first group of NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC and "
    "NETLINK_ROUTE.",
    needs=[ANOTHER_USER],
)
@pytest.mark.parametrize(
    "family",
    [NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC, socket.NETLINK_ROUTE],
    ids=["uevent", "generic", "route"],
)
def test_another_user_may_listen(ns, observe, family):
    assert observe("groups", as_user(NOBODY, lambda: groups_of_listener(family))) == 1


def groups_of_listener(family: int) -> int:
    """The groups of a socket that is bound to the first one."""
    with bound(family, groups=1) as sock:
        return groups_of(sock)


@claim(
    "netlink.7/nl_groups/others-receive-of-links",
    sentence=("netlink.7/nl_groups/some-allow", "netlink.7/nl_groups/receive-as-of-3-0"),
    section="Address formats",
    says="A socket of NETLINK_ROUTE that user 65534 has bound to the first group receives that an interface "
    "has changed, which it did not before.",
    needs=[ANOTHER_USER],
)
def test_what_another_user_listens_to_is_received(ns, observe):
    with netlink_socket() as listener, netlink_socket() as changer:
        changer.send(set_mtu(1400))
        before = [mtu_of(changer), types(drained(listener))]
        as_user(NOBODY, lambda: listener.bind(Netlink(0, 1)))
        changer.send(set_mtu(1500))
        after = [mtu_of(changer), types(drained(listener))[:1]]

        assert observe("before_and_after", [before, after]) == [[1400, []], [1500, [NEWLINK]]]


@claim(
    "netlink.7/nl_groups/others-do-not-send",
    sentence="netlink.7/nl_groups/no-group-sends",
    section="Address formats",
    says="User 65534 may not send to a group of NETLINK_ROUTE, as root may: EPERM.",
    needs=[ANOTHER_USER],
)
def test_another_user_may_not_send(ns, observe):
    with bound(0, groups=1) as member, netlink_socket() as sender:
        sender.sendto(framed(99), Netlink(0, 1))
        with refused(errno.EPERM):
            as_user(NOBODY, lambda: sender.sendto(framed(98), Netlink(0, 1)))

        assert observe("received", types(drained(member))) == [99]


@claim(
    "netlink.7/nl_groups/others-do-not-send-to-usersock",
    sentence="netlink.7/nl_groups/no-group-sends",
    section="Address formats",
    says="User 65534 may not send to a group of NETLINK_USERSOCK, as root may.",
    needs=[ANOTHER_USER],
    expect=differs(
        "any user may",
        since="3.6",
        backports=("3.5.5",),
        commit="20e1db19db5d",
        observed={"allowed": ["root"], "errno": None},
    ),
    survives={"no-op: sendto(*nobody*": "that it is not refused is the difference"},
)
def test_another_user_may_not_send_to_usersock(ns, observe):
    with bound(groups=1) as member, bound() as sender:
        multicast(sender, b"root", 1)
        allowed = observe("allowed", waiting(member))
        with refused():
            as_user(NOBODY, lambda: sender.sendto(b"nobody", Netlink(port_of(sender), 1)))

        assert allowed == ["root"]


def padded(port: int) -> bytes:
    """A struct sockaddr_nl whose nl_pad is not 0."""
    return socket.AF_NETLINK.to_bytes(2, sys.byteorder) + b"\7\7" + port.to_bytes(4, sys.byteorder) + bytes(4)


@claim(
    "netlink.7/sockaddr_nl/pad",
    sentence=("netlink.7/sockaddr_nl/pad", "netlink.h/sockaddr_nl/pad"),
    section="Address formats",
    says="nl_pad of the struct sockaddr_nl that getsockname(2) and getpeername(2) of a netlink socket give "
    "is 0, though the socket was bound and connected with another.",
)
def test_the_padding_is_zero(ns, observe):
    with netlink_socket(NETLINK_USERSOCK) as sock:
        bind_to(sock, padded(0x0404_0404))
        connect_to(sock, padded(0x0505))
        told = [octets_told(call, sock, 12) for call in ("getsockname", "getpeername")]

    found = [[one[2:4].hex(), int.from_bytes(one[4:8], sys.byteorder)] for one in told]
    assert observe("pads_and_ports", found) == [["0000", 0x0404_0404], ["0000", 0x0505]]
