"""MCAST_* of IPv4: groups by the index of an interface. No page describes them."""

from __future__ import annotations

import errno
from typing import Final, NamedTuple

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.groups import Sender
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import (
    IP_MCAST_BLOCK_SOURCE,
    IP_MCAST_JOIN_GROUP,
    IP_MCAST_JOIN_SOURCE_GROUP,
    IP_MCAST_LEAVE_GROUP,
    IP_MCAST_LEAVE_SOURCE_GROUP,
    IP_MCAST_MSFILTER,
    IP_MCAST_UNBLOCK_SOURCE,
    GroupFilter,
    GroupReq,
    GroupSourceReq,
    Socket,
    raw,
)

LOOPBACK: Final = 1
NO_INTERFACE: Final = 77
PORT: Final = 4321
GROUP, ANOTHER = "239.1.2.3", "239.1.2.4"
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
EVERYONE = GroupReq(GROUP, LOOPBACK)
NAMED = pytest.mark.parametrize(
    "option",
    [
        IP_MCAST_JOIN_SOURCE_GROUP,
        IP_MCAST_LEAVE_SOURCE_GROUP,
        IP_MCAST_BLOCK_SOURCE,
        IP_MCAST_UNBLOCK_SOURCE,
    ],
    ids=["join", "leave", "block", "unblock"],
)


class Group(NamedTuple):
    """Senders to a group by loopback, one that hears them all, and one that shall hear some."""

    first: Sender
    second: Sender
    sent: list[str]
    """As one that hears all of it has it."""
    receiver: Socket


def source(address: str) -> GroupSourceReq:
    """The group, as one sender sends to it."""
    return GroupSourceReq(GROUP, address, LOOPBACK)


def senders(*addresses: str, include: bool) -> GroupFilter:
    """The filter that lets these in, or all but these."""
    return GroupFilter(GROUP, LOOPBACK, include, addresses)


@pytest.fixture
def group(ns):
    ns.add_route("224.0.0.0/4", dev="lo")
    with Socket.udp() as first, Socket.udp() as second, Socket.udp() as witness, Socket.udp() as receiver:
        first.bind((FIRST, 0))
        second.bind((SECOND, 0))
        for sender in (first, second):
            sender.connect((GROUP, PORT))
        for hearing in (witness, receiver):
            hearing.rcvtimeo = SOON
            hearing.reuseaddr = True
            hearing.ip_multicast_all = False
            hearing.bind(("0.0.0.0", PORT))
        witness.ip_mcast_join_group = EVERYONE
        sent: list[str] = []
        yield Group(Sender(first, witness, sent), Sender(second, witness, sent), sent, receiver)


@claim(
    "defacto/MCAST_JOIN_GROUP/joins-and-leaves",
    says="A UDP socket over IPv4 hears a group that it joined with MCAST_JOIN_GROUP on an interface, and not "
    "before that, nor after MCAST_LEAVE_GROUP.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_group_is_joined_and_left(group, observe):
    group.first.send(b"before")
    group.receiver.ip_mcast_join_group = EVERYONE
    group.first.send(b"joined")
    group.receiver.ip_mcast_leave_group = EVERYONE
    group.first.send(b"left")
    group.receiver.ip_mcast_join_group = EVERYONE
    group.first.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["before", "joined", "left", "end"],
        ["joined", "end"],
    ]


@claim(
    "defacto/MCAST_JOIN_GROUP/errors",
    says="MCAST_JOIN_GROUP of a UDP socket over IPv4 is refused with EINVAL for an address that is no group "
    "and for an IPv6 group, and with ENODEV for the index of no interface.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("request_", "number"),
    [
        (GroupReq("10.1.2.3", LOOPBACK), errno.EINVAL),
        (GroupReq("ff02::99", LOOPBACK), errno.EINVAL),
        (GroupReq(GROUP, NO_INTERFACE), errno.ENODEV),
    ],
    ids=["no-group", "ipv6", "no-interface"],
)
def test_what_cannot_be_joined(group, observe, request_, number):
    with refused(number):
        group.receiver.ip_mcast_join_group = request_
    group.first.send(b"unheard")
    group.receiver.ip_mcast_join_group = EVERYONE
    group.first.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["unheard", "end"],
        ["end"],
    ]


@claim(
    "defacto/MCAST_JOIN_GROUP/nowhere",
    says="MCAST_JOIN_GROUP of a UDP socket over IPv4 with the index 0 joins the group on the interface that "
    "the routes have for it, and is refused with ENODEV where there is no route.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@pytest.mark.parametrize(("device", "another"), [("lo", "wire"), ("wire", "lo")], ids=["lo", "wire"])
def test_the_interface_is_that_of_the_route(ns, observe, device, another):
    ns.add_veth("wire", "end")
    ns.set_link("wire", up=True)
    with ns.rtnetlink() as netlink:
        chosen, other = netlink.index(device), netlink.index(another)
    with Socket.udp() as receiver:
        with refused(errno.ENODEV):
            receiver.ip_mcast_join_group = GroupReq(GROUP)
        ns.add_route("224.0.0.0/4", dev=device)
        receiver.ip_mcast_join_group = GroupReq(GROUP)
        joined = receiver.get(IP_MCAST_MSFILTER, request=GroupFilter(GROUP, chosen)).group
        with refused(errno.EADDRNOTAVAIL, "errno_of_other"):
            receiver.get(IP_MCAST_MSFILTER, request=GroupFilter(GROUP, other))

        assert observe("joined", joined) == GROUP


@claim(
    "defacto/MCAST_LEAVE_GROUP/errors",
    says="MCAST_LEAVE_GROUP of a UDP socket over IPv4 is refused with EADDRNOTAVAIL for a group that it has "
    "not joined, and with EINVAL for an IPv6 group.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("request_", "number"),
    [
        (GroupReq(ANOTHER, LOOPBACK), errno.EADDRNOTAVAIL),
        (GroupReq("ff02::99", LOOPBACK), errno.EINVAL),
    ],
    ids=["another-group", "ipv6"],
)
def test_what_cannot_be_left(group, observe, request_, number):
    group.receiver.ip_mcast_join_group = EVERYONE
    with refused(number):
        group.receiver.ip_mcast_leave_group = request_
    group.first.send(b"still")
    group.receiver.ip_mcast_leave_group = EVERYONE
    group.first.send(b"left")
    group.receiver.ip_mcast_join_group = EVERYONE
    group.first.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["still", "left", "end"],
        ["still", "end"],
    ]


@claim(
    "defacto/MCAST_LEAVE_GROUP/another-interface",
    says="MCAST_LEAVE_GROUP of a UDP socket over IPv4 is refused with EADDRNOTAVAIL on another interface "
    "than the one where it joined the group.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_a_group_is_left_where_it_was_joined(ns, observe):
    ns.add_veth("wire", "end")
    with ns.rtnetlink() as netlink:
        wire = netlink.index("wire")
    with Socket.udp() as receiver:
        receiver.ip_mcast_join_group = EVERYONE
        with refused(errno.EADDRNOTAVAIL):
            receiver.ip_mcast_leave_group = GroupReq(GROUP, wire)
        joined = receiver.get(IP_MCAST_MSFILTER, request=GroupFilter(GROUP, LOOPBACK)).group
        receiver.ip_mcast_leave_group = EVERYONE
        with refused(errno.EADDRNOTAVAIL, "errno_of_left"):
            receiver.get(IP_MCAST_MSFILTER, request=GroupFilter(GROUP, LOOPBACK))

        assert observe("joined", joined) == GROUP


@claim(
    "defacto/MCAST_JOIN_SOURCE_GROUP/one-sender",
    says="A UDP socket over IPv4 that joins a group with MCAST_JOIN_SOURCE_GROUP hears only the sender that "
    "is named, with the option again a second one too, and after MCAST_LEAVE_SOURCE_GROUP for one of them "
    "only the other.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_only_senders_that_are_named_are_heard(group, observe):
    group.receiver.ip_mcast_join_source_group = source(FIRST)
    group.second.send(b"unheard")
    group.first.send(b"first")
    group.receiver.ip_mcast_join_source_group = source(SECOND)
    group.second.send(b"second")
    group.receiver.ip_mcast_leave_source_group = source(FIRST)
    group.first.send(b"left")
    group.second.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["unheard", "first", "second", "left", "end"],
        ["first", "second", "end"],
    ]


@claim(
    "defacto/MCAST_BLOCK_SOURCE/one-sender",
    says="A UDP socket over IPv4 that joined a group with MCAST_JOIN_GROUP no longer hears a sender that it "
    "blocks with MCAST_BLOCK_SOURCE, but others, and hears it again after MCAST_UNBLOCK_SOURCE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_sender_is_blocked(group, observe):
    group.receiver.ip_mcast_join_group = EVERYONE
    group.receiver.ip_mcast_block_source = source(SECOND)
    group.second.send(b"unheard")
    group.first.send(b"first")
    group.receiver.ip_mcast_unblock_source = source(SECOND)
    group.second.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["unheard", "first", "end"],
        ["first", "end"],
    ]


@claim(
    "defacto/MCAST_JOIN_SOURCE_GROUP/errors",
    says="MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, MCAST_BLOCK_SOURCE and MCAST_UNBLOCK_SOURCE of "
    "a UDP socket over IPv4 are refused with EADDRNOTAVAIL where the group or the sender is an IPv6 address, "
    "with EINVAL for an address that is no group, and with ENODEV for the index of no interface.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@NAMED
@pytest.mark.parametrize(
    ("request_", "number"),
    [
        (GroupSourceReq("ff02::99", FIRST, LOOPBACK), errno.EADDRNOTAVAIL),
        (GroupSourceReq(GROUP, "::1", LOOPBACK), errno.EADDRNOTAVAIL),
        (GroupSourceReq("10.1.2.3", FIRST, LOOPBACK), errno.EINVAL),
        (GroupSourceReq(GROUP, FIRST, NO_INTERFACE), errno.ENODEV),
    ],
    ids=["ipv6-group", "ipv6-sender", "no-group", "no-interface"],
)
def test_what_a_sender_cannot_be_named_for(group, observe, option, request_, number):
    with refused(number):
        group.receiver.set(option, request_)
    group.second.send(b"unheard")
    group.receiver.ip_mcast_join_source_group = source(FIRST)
    group.second.send(b"nor this")
    group.first.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["unheard", "nor this", "end"],
        ["end"],
    ]


@claim(
    "defacto/MCAST_BLOCK_SOURCE/not-joined",
    says="Naming a sender with MCAST_LEAVE_SOURCE_GROUP, MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE or a "
    "filter with MCAST_MSFILTER, for a group that the UDP socket over IPv4 has not joined, is refused with "
    "EINVAL.",
    since="2.6.13",
    commit="917f2f105ea4",
)
@pytest.mark.parametrize(
    ("option", "value"),
    [
        (IP_MCAST_LEAVE_SOURCE_GROUP, source(SECOND)),
        (IP_MCAST_BLOCK_SOURCE, source(SECOND)),
        (IP_MCAST_UNBLOCK_SOURCE, source(SECOND)),
        (IP_MCAST_MSFILTER, senders(SECOND, include=True)),
    ],
    ids=["leave", "block", "unblock", "filter"],
)
def test_the_group_must_be_joined(group, observe, option, value):
    with refused(errno.EINVAL):
        group.receiver.set(option, value)
    group.receiver.ip_mcast_join_group = EVERYONE
    group.second.send(b"second")

    assert observe("heard", group.receiver.recv(20).decode()) == "second"


@claim(
    "defacto/MCAST_MSFILTER/senders",
    says="A UDP socket over IPv4 that joined a group hears, after it set a filter of mode MCAST_INCLUDE with "
    "MCAST_MSFILTER, only the senders that it names, with MCAST_EXCLUDE all but those; the filter reads "
    "back as it was set.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("include", "heard"),
    [(True, ["before", "first", "again", "end"]), (False, ["before", "second", "again", "end"])],
    ids=["include", "exclude"],
)
def test_senders_are_heard_as_the_filter_says(group, observe, include, heard):
    chosen = senders(FIRST, include=include)
    group.receiver.ip_mcast_join_group = EVERYONE
    group.second.send(b"before")
    group.receiver.ip_mcast_msfilter = chosen
    held = group.receiver.get(IP_MCAST_MSFILTER, request=GroupFilter(GROUP, LOOPBACK))
    group.first.send(b"first")
    group.second.send(b"second")
    group.receiver.ip_mcast_msfilter = senders(include=False)
    group.first.send(b"again")
    group.second.send(b"end")

    assert [held, observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        chosen,
        ["before", "first", "second", "again", "end"],
        heard,
    ]


@claim(
    "defacto/MCAST_MSFILTER/errors",
    says="MCAST_MSFILTER of a UDP socket over IPv4 that joined a group is refused with EADDRNOTAVAIL where "
    "the group or a sender is an IPv6 address, with EINVAL for an address that is no group, and with ENODEV "
    "for the index of no interface.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("filter_", "number"),
    [
        (GroupFilter("ff02::99", LOOPBACK, False, (FIRST,)), errno.EADDRNOTAVAIL),
        (GroupFilter(GROUP, LOOPBACK, False, ("::1",)), errno.EADDRNOTAVAIL),
        (GroupFilter("10.1.2.3", LOOPBACK, False, (FIRST,)), errno.EINVAL),
        (GroupFilter(GROUP, NO_INTERFACE, False, (FIRST,)), errno.ENODEV),
    ],
    ids=["ipv6-group", "ipv6-sender", "no-group", "no-interface"],
)
def test_what_is_no_filter(group, observe, filter_, number):
    group.receiver.ip_mcast_join_group = EVERYONE
    with refused(number):
        group.receiver.ip_mcast_msfilter = filter_
    group.first.send(b"first")
    group.receiver.ip_mcast_msfilter = senders(FIRST, include=False)
    group.first.send(b"unheard")
    group.second.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["first", "unheard", "end"],
        ["first", "end"],
    ]


@claim(
    "defacto/MCAST_MSFILTER/unread",
    says="Reading MCAST_MSFILTER of a UDP socket over IPv4 is refused with EADDRNOTAVAIL for a group that it "
    "has not joined, and with EINVAL for an address that is no group.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("address", "number"), [(ANOTHER, errno.EADDRNOTAVAIL), ("10.1.2.3", errno.EINVAL)], ids=["other", "no"]
)
def test_only_the_filter_of_a_group_is_read(group, observe, address, number):
    group.receiver.ip_mcast_join_group = EVERYONE
    with refused(number):
        group.receiver.get(IP_MCAST_MSFILTER, request=GroupFilter(address, LOOPBACK))
    held = group.receiver.get(IP_MCAST_MSFILTER, request=GroupFilter(GROUP, LOOPBACK))

    assert observe("exclude_none", [held.include, list(held.sources)]) == [False, []]


@claim(
    "defacto/MCAST_JOIN_SOURCE_GROUP/size",
    says="MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, MCAST_BLOCK_SOURCE and MCAST_UNBLOCK_SOURCE of "
    "a UDP socket over IPv4 are refused with EINVAL with a byte less or more than they have.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@NAMED
@pytest.mark.parametrize("more", [-1, 1])
def test_they_have_one_size(group, observe, option, more):
    group.receiver.ip_mcast_join_group = EVERYONE
    size = option.codec.size
    with refused(errno.EINVAL):
        group.receiver.set(option.through(raw(size + 1)), bytes(size + more))
    with refused(errno.EADDRNOTAVAIL, "errno_of_size"):  # zeros are no IPv4 address
        group.receiver.set(option.through(raw(size + 1)), bytes(size))
    group.first.send(b"heard")

    assert observe("heard", group.receiver.recv(20).decode()) == "heard"


@claim(
    "defacto/MCAST_JOIN_GROUP/size",
    says="MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP of a UDP socket over IPv4 are refused with EINVAL with a "
    "byte less than they have; what is more is ignored.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("more", [0, 1])
def test_a_group_has_a_least_size(group, observe, more):
    octets = IP_MCAST_JOIN_GROUP.codec.encode(EVERYONE)
    size = len(octets)
    join, leave = IP_MCAST_JOIN_GROUP.through(raw(size + 1)), IP_MCAST_LEAVE_GROUP.through(raw(size + 1))
    with refused(errno.EINVAL):
        group.receiver.set(join, octets[:-1])
    group.first.send(b"unheard")
    group.receiver.set(join, octets + bytes(more))
    with refused(errno.EINVAL, "errno_of_leaving"):
        group.receiver.set(leave, octets[:-1])
    group.first.send(b"heard")
    group.receiver.set(leave, octets + bytes(more))
    group.first.send(b"left")
    group.receiver.ip_mcast_join_group = EVERYONE
    group.first.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["unheard", "heard", "left", "end"],
        ["heard", "end"],
    ]


@claim(
    "defacto/MCAST_JOIN_GROUP/not-inherited",
    says="A TCP connection that a listener over IPv4 accepted which joined a group with MCAST_JOIN_GROUP is "
    "not in that group: leaving it fails with EADDRNOTAVAIL, and succeeds on the listener after that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={"no-op: close(*": "what is closed at the end is not used again"},
)
def test_an_accepted_connection_is_no_member(ns, observe):
    with listening() as listener, pending_connection(listener):
        listener.ip_mcast_join_group = EVERYONE
        with listener.accept()[0] as server, refused(errno.EADDRNOTAVAIL):
            server.ip_mcast_leave_group = EVERYONE
        listener.ip_mcast_leave_group = EVERYONE
        with refused(errno.EADDRNOTAVAIL, "errno_of_left"):
            listener.ip_mcast_leave_group = EVERYONE

        assert observe("listens", listener.acceptconn) is True
