"""MCAST_JOIN_GROUP and the like of IPv6, and IPV6_MULTICAST_ALL: which groups are heard, and whom in them."""

from __future__ import annotations

import errno
from typing import NamedTuple

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.groups import Sender
from conformance.plugin.setups.ipv6 import LOOPBACK, index_of, udp6
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import (
    IPV6_MCAST_BLOCK_SOURCE,
    IPV6_MCAST_JOIN_GROUP,
    IPV6_MCAST_JOIN_SOURCE_GROUP,
    IPV6_MCAST_LEAVE_GROUP,
    IPV6_MCAST_LEAVE_SOURCE_GROUP,
    IPV6_MCAST_MSFILTER,
    IPV6_MCAST_UNBLOCK_SOURCE,
    GroupFilter,
    GroupReq,
    GroupSourceReq,
    Ipv6Mreq,
    Socket,
)

GROUP, ANOTHER, PORT = "ff05::1234", "ff05::1235", 4321
FIRST, SECOND = "fd00:1::1", "fd00:1::9"
NO_INTERFACE = 999
JOINED = GroupReq(GROUP, LOOPBACK)


class Group(NamedTuple):
    """Two senders to a group, and on another host one that hears both, and one that shall hear some."""

    first: Sender
    second: Sender
    sent: list[str]
    """As one that hears all of it has it."""
    receiver: Socket
    interface: int
    """By its index, the one by which the other host hears them."""


def source(address: str, group: str = GROUP, *, interface: int = LOOPBACK) -> GroupSourceReq:
    """A group, as one sender sends to it."""
    return GroupSourceReq(group, address, interface)


@pytest.fixture
def group(peers):
    peers.left.namespace.add_address(peers.left.device, f"{SECOND}/64")
    interface = index_of(peers.right)
    with peers.left.entered():
        first, second = udp6(), udp6()
    with peers.right.entered():
        witness, receiver = udp6(), udp6()
    with first, second, witness, receiver:
        for sender, address in (first, FIRST), (second, SECOND):
            sender.bind((address, 0))
            sender.connect((GROUP, PORT))
        for hearing in (witness, receiver):
            hearing.rcvtimeo = SOON
            hearing.reuseaddr = True
            hearing.bind(("::", PORT))
        witness.set(IPV6_MCAST_JOIN_GROUP, GroupReq(GROUP, interface))
        sent: list[str] = []
        yield Group(Sender(first, witness, sent), Sender(second, witness, sent), sent, receiver, interface)


@claim(
    "defacto/IPV6_MULTICAST_ALL/groups-of-others",
    says="At first, with IPV6_MULTICAST_ALL at 1, a UDP socket bound to :: receives what is sent to a group "
    "that only another socket of its network namespace joined; with it at 0 only what is sent to groups that "
    "it joined itself.",
    since="4.20",
    commit="15033f0457dc",
    needs=[IPV6, VETH],
)
def test_groups_of_others_are_received(group, observe):
    group.first.send(b"by default")
    by_default = group.receiver.recv(20).decode()
    group.receiver.ipv6_multicast_all = False
    group.first.send(b"to others")
    group.receiver.ipv6_join_group = Ipv6Mreq(ANOTHER, group.interface)
    group.first.sendto(b"to its own", (ANOTHER, PORT))
    received = [by_default, *received_until("to its own", group.receiver)]

    assert [observe("by_the_other", group.sent), observe("received", received)] == [
        ["by default", "to others", "to its own"],
        ["by default", "to its own"],
    ]


@claim(
    "defacto/MCAST_JOIN_GROUP/ipv6",
    sentence="in6.h/MCAST/shared",
    says="A UDP socket of IPv6 that joined a group with MCAST_JOIN_GROUP and a struct group_req has it as if "
    "with IPV6_ADD_MEMBERSHIP: with IPV6_MULTICAST_ALL at 0 it hears it, joining it so fails with "
    "EADDRINUSE until IPV6_DROP_MEMBERSHIP has left it, and then it hears it no longer.",
    since="4.20",
    commit="15033f0457dc",
    needs=[IPV6, VETH],
)
def test_a_group_is_joined(group, observe):
    group.receiver.ipv6_multicast_all = False
    group.first.send(b"before")
    group.receiver.set(IPV6_MCAST_JOIN_GROUP, GroupReq(GROUP, group.interface))
    with refused(errno.EADDRINUSE):
        group.receiver.ipv6_join_group = Ipv6Mreq(GROUP, group.interface)
    group.first.send(b"joined")
    group.receiver.ipv6_leave_group = Ipv6Mreq(GROUP, group.interface)
    group.first.send(b"left")
    group.receiver.ipv6_join_group = Ipv6Mreq(GROUP, group.interface)
    group.first.send(b"end")

    assert [
        observe("sent", group.sent),
        observe("heard", received_until("end", group.receiver)),
    ] == [["before", "joined", "left", "end"], ["joined", "end"]]


@claim(
    "defacto/MCAST_JOIN_GROUP/errnos-ipv6",
    says="MCAST_JOIN_GROUP of a UDP socket of IPv6 fails with EADDRINUSE for a group that it has joined, "
    "with EINVAL for what is no group, and with ENODEV for an interface that there is not. MCAST_LEAVE_GROUP "
    "fails with EADDRNOTAVAIL for a group that it has left.",
    since="2.6.13",
    commit="9951f036fe8a",
    needs=[IPV6],
)
def test_errnos_of_joining_and_leaving(ns):
    with udp6() as sock:
        sock.set(IPV6_MCAST_JOIN_GROUP, JOINED)
        with refused(errno.EADDRINUSE, "errno_twice"):
            sock.set(IPV6_MCAST_JOIN_GROUP, JOINED)
        with refused(errno.EINVAL, "errno_unicast"):
            sock.set(IPV6_MCAST_JOIN_GROUP, GroupReq("fd00::1", LOOPBACK))
        with refused(errno.ENODEV, "errno_interface"):
            sock.set(IPV6_MCAST_JOIN_GROUP, GroupReq(GROUP, NO_INTERFACE))
        sock.set(IPV6_MCAST_LEAVE_GROUP, JOINED)
        with refused(errno.EADDRNOTAVAIL, "errno_left"):
            sock.set(IPV6_MCAST_LEAVE_GROUP, JOINED)


@claim(
    "defacto/MCAST_JOIN_SOURCE_GROUP/ipv6",
    sentence="in6.h/MCAST/shared",
    says="A UDP socket of IPv6 that joined a group with MCAST_JOIN_SOURCE_GROUP hears only the sender that "
    "is named, with the option again a second one too, and after MCAST_LEAVE_SOURCE_GROUP for one of them "
    "only the other.",
    since="2.6.13",
    commit="c9e3e8b6958e",
    needs=[IPV6, VETH],
)
def test_only_senders_that_are_named_are_heard(group, observe):
    group.receiver.set(IPV6_MCAST_JOIN_SOURCE_GROUP, source(FIRST, interface=group.interface))
    group.second.send(b"unheard")
    group.first.send(b"first")
    group.receiver.set(IPV6_MCAST_JOIN_SOURCE_GROUP, source(SECOND, interface=group.interface))
    group.first.send(b"still")
    group.second.send(b"second")
    group.receiver.set(IPV6_MCAST_LEAVE_SOURCE_GROUP, source(FIRST, interface=group.interface))
    group.first.send(b"no longer")
    group.second.send(b"end")

    assert [
        observe("sent", group.sent),
        observe("heard", received_until("end", group.receiver)),
    ] == [["unheard", "first", "still", "second", "no longer", "end"], ["first", "still", "second", "end"]]


@claim(
    "defacto/MCAST_BLOCK_SOURCE/ipv6",
    says="A UDP socket of IPv6 that joined a group no longer hears a sender that it named to "
    "MCAST_BLOCK_SOURCE, until it names it to MCAST_UNBLOCK_SOURCE. Others it hears.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH],
)
def test_a_sender_is_blocked(group, observe):
    group.receiver.set(IPV6_MCAST_JOIN_GROUP, GroupReq(GROUP, group.interface))
    group.first.send(b"first")
    group.receiver.set(IPV6_MCAST_BLOCK_SOURCE, source(FIRST, interface=group.interface))
    group.first.send(b"blocked")
    group.second.send(b"second")
    group.receiver.set(IPV6_MCAST_UNBLOCK_SOURCE, source(FIRST, interface=group.interface))
    group.first.send(b"end")

    assert [
        observe("sent", group.sent),
        observe("heard", received_until("end", group.receiver)),
    ] == [["first", "blocked", "second", "end"], ["first", "second", "end"]]


@claim(
    "defacto/MCAST_BLOCK_SOURCE/errnos-ipv6",
    says="MCAST_BLOCK_SOURCE of a UDP socket of IPv6 fails with EINVAL for a group that it has not joined, "
    "or joined with MCAST_JOIN_SOURCE_GROUP, and with EADDRNOTAVAIL for a sender that it has blocked. "
    "MCAST_UNBLOCK_SOURCE fails with EADDRNOTAVAIL for one that it has not, and MCAST_LEAVE_SOURCE_GROUP "
    "with EINVAL for a group that it has left.",
    since="2.6.13",
    commit="917f2f105ea4",
    needs=[IPV6],
)
def test_errnos_of_blocking(ns):
    with udp6() as sock:
        with refused(errno.EINVAL, "errno_unjoined"):
            sock.set(IPV6_MCAST_BLOCK_SOURCE, source(FIRST))
        sock.set(IPV6_MCAST_JOIN_GROUP, JOINED)
        with refused(errno.EADDRNOTAVAIL, "errno_unblocked"):
            sock.set(IPV6_MCAST_UNBLOCK_SOURCE, source(FIRST))
        sock.set(IPV6_MCAST_BLOCK_SOURCE, source(FIRST))
        with refused(errno.EADDRNOTAVAIL, "errno_twice"):
            sock.set(IPV6_MCAST_BLOCK_SOURCE, source(FIRST))
        sock.set(IPV6_MCAST_JOIN_SOURCE_GROUP, source(FIRST, ANOTHER))
        with refused(errno.EINVAL, "errno_named"):
            sock.set(IPV6_MCAST_BLOCK_SOURCE, source(SECOND, ANOTHER))
        sock.set(IPV6_MCAST_LEAVE_SOURCE_GROUP, source(FIRST, ANOTHER))
        with refused(errno.EINVAL, "errno_left"):
            sock.set(IPV6_MCAST_LEAVE_SOURCE_GROUP, source(FIRST, ANOTHER))


@claim(
    "defacto/MCAST_JOIN_SOURCE_GROUP/no-interface-ipv6",
    says="MCAST_JOIN_SOURCE_GROUP of a UDP socket of IPv6 fails with ENODEV for the index of no interface, "
    "and with EINVAL for an address that is no group; with loopback it joins, so that the same again fails "
    "with EADDRNOTAVAIL.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_a_sender_is_heard_by_an_interface(ns, observe):
    with udp6() as sock:
        with refused(errno.ENODEV):
            sock.set(IPV6_MCAST_JOIN_SOURCE_GROUP, source(FIRST, interface=999))
        with refused(errno.EINVAL, "errno_no_group"):
            sock.set(IPV6_MCAST_JOIN_SOURCE_GROUP, source(FIRST, "::1", interface=LOOPBACK))
        sock.set(IPV6_MCAST_JOIN_SOURCE_GROUP, source(FIRST, interface=LOOPBACK))
        with refused(errno.EADDRNOTAVAIL, "errno_again"):
            sock.set(IPV6_MCAST_JOIN_SOURCE_GROUP, source(FIRST, interface=LOOPBACK))
        filter_ = sock.get(IPV6_MCAST_MSFILTER, request=GroupFilter(GROUP, LOOPBACK, sources=(SECOND,)))

        assert observe("senders", list(filter_.sources)) == [FIRST]


@claim(
    "defacto/MCAST_MSFILTER/ipv6",
    says="A UDP socket of IPv6 that joined a group hears, after it set a filter of mode MCAST_INCLUDE with "
    "MCAST_MSFILTER, only the senders that it names, with MCAST_EXCLUDE all but those. The filter reads back "
    "as it was set.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH],
)
@pytest.mark.parametrize(
    ("include", "heard"),
    [(False, ["first", "both", "end"]), (True, ["second", "both", "end"])],
    ids=["exclude", "include"],
)
def test_a_filter_is_set_at_once(group, observe, include, heard):
    chosen = GroupFilter(GROUP, group.interface, include=include, sources=(SECOND,))
    group.receiver.set(IPV6_MCAST_JOIN_GROUP, GroupReq(GROUP, group.interface))
    group.receiver.set(IPV6_MCAST_MSFILTER, chosen)
    read = group.receiver.get(
        IPV6_MCAST_MSFILTER, request=GroupFilter(GROUP, group.interface, sources=(FIRST,))
    )
    group.first.send(b"first")
    group.second.send(b"second")
    group.receiver.set(IPV6_MCAST_MSFILTER, GroupFilter(GROUP, group.interface))
    group.first.send(b"both")
    group.second.send(b"end")

    assert [
        observe("read", [read.include, list(read.sources)]),
        observe("sent", group.sent),
        observe("heard", received_until("end", group.receiver)),
    ] == [[include, [SECOND]], ["first", "second", "both", "end"], heard]
