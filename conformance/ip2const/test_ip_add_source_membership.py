"""Groups of which some senders are heard and others not."""

from __future__ import annotations

import errno
from typing import NamedTuple

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.groups import Sender
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import IpMreqn, IpMreqSource, Socket

GROUP, PORT = "239.1.2.3", 4321
INTERFACE = "127.0.0.1"
FIRST, SECOND, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
EVERYONE = IpMreqn(GROUP, address=INTERFACE)


class Group(NamedTuple):
    """Senders to a group by loopback, one that hears them all, and one that shall hear some."""

    first: Sender
    second: Sender
    third: Sender
    sent: list[str]
    """As one that hears all of it has it."""
    receiver: Socket


def source(address: str) -> IpMreqSource:
    """The group, as one sender sends to it."""
    return IpMreqSource(GROUP, INTERFACE, address)


@pytest.fixture
def group(ns):
    ns.add_route("224.0.0.0/4", dev="lo")
    with (
        Socket.udp() as first,
        Socket.udp() as second,
        Socket.udp() as third,
        Socket.udp() as witness,
        Socket.udp() as receiver,
    ):
        first.bind((FIRST, 0))
        second.bind((SECOND, 0))
        third.bind((THIRD, 0))
        for sender in (first, second, third):
            sender.connect((GROUP, PORT))
        for hearing in (witness, receiver):
            hearing.rcvtimeo = SOON
            hearing.reuseaddr = True
            hearing.ip_multicast_all = False
            hearing.bind(("0.0.0.0", PORT))
        witness.ip_add_membership = EVERYONE
        sent: list[str] = []
        yield Group(
            Sender(first, witness, sent),
            Sender(second, witness, sent),
            Sender(third, witness, sent),
            sent,
            receiver,
        )


@claim(
    "IP_ADD_SOURCE_MEMBERSHIP.2const/IP_ADD_SOURCE_MEMBERSHIP/one-sender",
    sentence=(
        "IP_ADD_SOURCE_MEMBERSHIP.2const/IP_ADD_SOURCE_MEMBERSHIP/one-sender",
        "IP_ADD_SOURCE_MEMBERSHIP.2const/IP_ADD_SOURCE_MEMBERSHIP/several",
    ),
    section="DESCRIPTION",
    says="A UDP socket that joins a group with IP_ADD_SOURCE_MEMBERSHIP hears only the sender that is "
    "named, and with the option again a second one too.",
    since="2.4.22",
)
def test_only_senders_that_are_named_are_heard(group, observe):
    group.receiver.ip_add_source_membership = source(FIRST)
    group.second.send(b"unheard")
    group.first.send(b"first")
    heard = received_until("first", group.receiver)
    group.receiver.ip_add_source_membership = source(SECOND)
    group.second.send(b"second")
    group.first.send(b"end")
    heard += received_until("end", group.receiver)

    assert [observe("sent", group.sent), observe("heard", heard)] == [
        ["unheard", "first", "second", "end"],
        ["first", "second", "end"],
    ]


@claim(
    "IP_DROP_SOURCE_MEMBERSHIP.2const/IP_DROP_SOURCE_MEMBERSHIP/one-sender",
    sentence=(
        "IP_DROP_SOURCE_MEMBERSHIP.2const/IP_DROP_SOURCE_MEMBERSHIP/leaves",
        "IP_DROP_SOURCE_MEMBERSHIP.2const/IP_DROP_SOURCE_MEMBERSHIP/others-remain",
    ),
    section="DESCRIPTION",
    says="With IP_DROP_SOURCE_MEMBERSHIP a UDP socket that joined a group for two senders no longer hears "
    "one of them. The other it hears still.",
    since="2.4.22",
)
def test_one_sender_is_left(group, observe):
    group.receiver.ip_add_source_membership = source(FIRST)
    group.receiver.ip_add_source_membership = source(SECOND)
    group.second.send(b"second")
    group.first.send(b"first")
    heard = received_until("first", group.receiver)
    group.receiver.ip_drop_source_membership = source(SECOND)
    group.second.send(b"unheard")
    group.first.send(b"end")
    heard += received_until("end", group.receiver)

    assert [observe("sent", group.sent), observe("heard", heard)] == [
        ["second", "first", "unheard", "end"],
        ["second", "first", "end"],
    ]


@claim(
    "IP_DROP_SOURCE_MEMBERSHIP.2const/IP_DROP_SOURCE_MEMBERSHIP/all-at-once",
    sentence="IP_DROP_SOURCE_MEMBERSHIP.2const/IP_DROP_SOURCE_MEMBERSHIP/all-at-once",
    section="DESCRIPTION",
    says="With IP_DROP_MEMBERSHIP a UDP socket that joined a group for two senders hears neither any more.",
    since="2.4.22",
)
def test_all_senders_are_left_at_once(group, observe):
    group.receiver.ip_add_source_membership = source(FIRST)
    group.receiver.ip_add_source_membership = source(SECOND)
    group.second.send(b"second")
    group.first.send(b"first")
    heard = received_until("first", group.receiver)
    group.receiver.ip_drop_membership = EVERYONE
    group.second.send(b"unheard")
    group.first.send(b"nor this")
    group.receiver.ip_add_source_membership = source(THIRD)
    group.third.send(b"end")
    heard += received_until("end", group.receiver)

    assert [observe("sent", group.sent), observe("heard", heard)] == [
        ["second", "first", "unheard", "nor this", "end"],
        ["second", "first", "end"],
    ]


@claim(
    "IP_BLOCK_SOURCE.2const/IP_BLOCK_SOURCE/one-sender",
    sentence=(
        "IP_BLOCK_SOURCE.2const/IP_BLOCK_SOURCE/stops",
        "IP_BLOCK_SOURCE.2const/IP_BLOCK_SOURCE/subscribed",
        "IP_UNBLOCK_SOURCE.2const/IP_UNBLOCK_SOURCE/unblocks",
    ),
    section="DESCRIPTION",
    says="A UDP socket that joined a group with IP_ADD_MEMBERSHIP no longer hears a sender that it blocks "
    "with IP_BLOCK_SOURCE, but others, and hears that one again once it is unblocked with "
    "IP_UNBLOCK_SOURCE.",
    since="2.4.22",
)
def test_a_sender_is_blocked(group, observe):
    group.receiver.ip_add_membership = EVERYONE
    group.receiver.ip_block_source = source(SECOND)
    group.second.send(b"unheard")
    group.first.send(b"first")
    heard = received_until("first", group.receiver)
    group.receiver.ip_unblock_source = source(SECOND)
    group.second.send(b"end")
    heard += received_until("end", group.receiver)

    assert [observe("sent", group.sent), observe("heard", heard)] == [
        ["unheard", "first", "end"],
        ["first", "end"],
    ]


@claim(
    "IP_BLOCK_SOURCE.2const/IP_BLOCK_SOURCE/subscribed-only",
    sentence="IP_BLOCK_SOURCE.2const/IP_BLOCK_SOURCE/subscribed",
    section="DESCRIPTION",
    says="Blocking a sender to a group that the UDP socket has not joined is refused.",
    since="2.4.22",
)
def test_a_sender_is_blocked_only_where_it_is_heard(group, observe):
    with refused():
        group.receiver.ip_block_source = source(SECOND)
    group.receiver.ip_add_membership = EVERYONE
    group.receiver.ip_block_source = source(SECOND)
    group.second.send(b"unheard")
    group.first.send(b"end")

    assert [observe("sent", group.sent), observe("heard", received_until("end", group.receiver))] == [
        ["unheard", "end"],
        ["end"],
    ]


@claim(
    "IP_BLOCK_SOURCE.2const/IP_BLOCK_SOURCE/subscribed-to-a-sender",
    sentence="IP_BLOCK_SOURCE.2const/IP_BLOCK_SOURCE/subscribed",
    section="DESCRIPTION",
    says="A UDP socket that joined a group with IP_ADD_SOURCE_MEMBERSHIP can block a sender with "
    "IP_BLOCK_SOURCE.",
    since="2.4.22",
    expect=differs(
        "it fails: such a sender is left, with IP_DROP_SOURCE_MEMBERSHIP (older than the history in git, but "
        "with EADDRNOTAVAIL before 2.6.13)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL", "heard": "first"},
    ),
)
def test_a_sender_that_was_named_is_blocked(group, observe):
    group.receiver.ip_add_source_membership = source(FIRST)
    group.first.send(b"first")
    observe("heard", group.receiver.recv(20).decode())
    group.receiver.ip_block_source = source(FIRST)
    group.first.send(b"unheard")
    group.receiver.ip_unblock_source = source(FIRST)
    group.first.send(b"end")

    assert observe("heard_then", received_until("end", group.receiver)) == ["end"]


@claim(
    "IP_UNBLOCK_SOURCE.2const/EADDRNOTAVAIL/not-blocked",
    sentence="IP_UNBLOCK_SOURCE.2const/IP_UNBLOCK_SOURCE/not-blocked",
    section="DESCRIPTION",
    says="Unblocking a sender that the UDP socket, which joined the group, does not block fails with "
    "EADDRNOTAVAIL.",
    since="2.4.22",
)
def test_only_who_is_blocked_is_unblocked(group, observe):
    group.receiver.ip_add_membership = EVERYONE
    group.receiver.ip_block_source = source(SECOND)
    with refused(errno.EADDRNOTAVAIL):
        group.receiver.ip_unblock_source = source(FIRST)
    group.receiver.ip_unblock_source = source(SECOND)
    group.second.send(b"second")

    assert observe("heard", group.receiver.recv(20).decode()) == "second"


@claim(
    "IP_UNBLOCK_SOURCE.2const/EADDRNOTAVAIL/not-joined",
    sentence="IP_UNBLOCK_SOURCE.2const/IP_UNBLOCK_SOURCE/not-blocked",
    section="DESCRIPTION",
    says="Unblocking a sender fails with EADDRNOTAVAIL on a UDP socket that has not joined the group, too.",
    since="2.4.22",
    expect=differs(
        "it fails with EINVAL, as blocking it does (since 2.6.13; with EADDRNOTAVAIL in git's first commit)",
        since="2.6.13",
        commit="917f2f105ea4",
        observed={"errno": "EINVAL"},
    ),
)
def test_only_in_a_group_that_was_joined_is_unblocked(group, observe):
    with refused(errno.EADDRNOTAVAIL):
        group.receiver.ip_unblock_source = source(FIRST)
