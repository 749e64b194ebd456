"""Groups and senders to them: the errnos of those that are too many, or named twice, and what counts."""

from __future__ import annotations

import errno
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.refusal import refused
from libsocket import (
    IP_ADD_MEMBERSHIP,
    IP_ADD_SOURCE_MEMBERSHIP,
    IP_BLOCK_SOURCE,
    IP_MCAST_BLOCK_SOURCE,
    IP_MCAST_JOIN_GROUP,
    IP_MCAST_JOIN_SOURCE_GROUP,
    IP_MCAST_MSFILTER,
    IP_MSFILTER,
    GroupFilter,
    GroupReq,
    GroupSourceReq,
    IpMreqn,
    IpMreqSource,
    IpMsfilter,
    Socket,
)

LOOPBACK: Final = 1
HERE: Final = "127.0.0.1"
GROUP: Final = "239.1.2.3"
BY_ADDRESS: Final = {"address": HERE}
BY_INDEX: Final = {"ifindex": LOOPBACK}
MEMBERSHIPS: Final = "net.ipv4.igmp_max_memberships"
SENDERS: Final = "net.ipv4.igmp_max_msf"


def group(number: int) -> str:
    """One of several groups."""
    return f"239.1.1.{number}"


def source(number: int) -> str:
    """One of several senders."""
    return f"10.1.2.{number}"


NAMING = pytest.mark.parametrize(
    ("option", "of", "interface"),
    [
        (IP_BLOCK_SOURCE, lambda number: IpMreqSource(GROUP, HERE, source(number)), BY_ADDRESS),
        (IP_MCAST_BLOCK_SOURCE, lambda number: GroupSourceReq(GROUP, source(number), LOOPBACK), BY_INDEX),
        (
            IP_MCAST_JOIN_SOURCE_GROUP,
            lambda number: GroupSourceReq(GROUP, source(number), LOOPBACK),
            BY_INDEX,
        ),
    ],
    ids=["IP_BLOCK_SOURCE", "MCAST_BLOCK_SOURCE", "MCAST_JOIN_SOURCE_GROUP"],
)
"""The options that name a sender to a group which was joined on an interface so."""
JOINS: Final = {"no-op: setsockopt(*IP_ADD_MEMBERSHIP*": "MCAST_JOIN_SOURCE_GROUP joins the group itself"}


def named(sock: Socket) -> list[str]:
    """The senders to the group that a socket names."""
    return sorted(sock.get(IP_MSFILTER, request=IpMsfilter(GROUP, HERE)).sources)


@claim(
    "defacto/IP_ADD_MEMBERSHIP/limited",
    says="Groups that a UDP socket over IPv4 joins with IP_ADD_MEMBERSHIP, MCAST_JOIN_GROUP, "
    "IP_ADD_SOURCE_MEMBERSHIP or MCAST_JOIN_SOURCE_GROUP count alike: beyond net.ipv4.igmp_max_memberships, "
    "here 2, joining is refused with ENOBUFS, until one is left.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[sysctl(MEMBERSHIPS)],
)
@pytest.mark.parametrize(
    ("option", "of"),
    [
        (IP_ADD_MEMBERSHIP, lambda number: IpMreqn(group(number), HERE)),
        (IP_MCAST_JOIN_GROUP, lambda number: GroupReq(group(number), LOOPBACK)),
        (IP_ADD_SOURCE_MEMBERSHIP, lambda number: IpMreqSource(group(number), HERE, source(1))),
        (IP_MCAST_JOIN_SOURCE_GROUP, lambda number: GroupSourceReq(group(number), source(1), LOOPBACK)),
    ],
    ids=["IP_ADD_MEMBERSHIP", "MCAST_JOIN_GROUP", "IP_ADD_SOURCE_MEMBERSHIP", "MCAST_JOIN_SOURCE_GROUP"],
)
def test_groups_are_limited(ns, observe, option, of):
    ns.sysctl[MEMBERSHIPS] = 2
    with Socket.udp() as sock:
        sock.ip_add_membership = IpMreqn(group(1), HERE)
        sock.set(option, of(2))
        with refused(errno.ENOBUFS):
            sock.set(option, of(3))
        with refused(errno.ENOBUFS, "errno_of_IP_ADD_MEMBERSHIP"):
            sock.ip_add_membership = IpMreqn(group(3), HERE)
        sock.ip_drop_membership = IpMreqn(group(1), HERE)
        sock.set(option, of(3))
        joined = [sock.get(IP_MSFILTER, request=IpMsfilter(group(number), HERE)).group for number in (2, 3)]

        assert observe("joined", joined) == [group(2), group(3)]


@claim(
    "defacto/IP_ADD_SOURCE_MEMBERSHIP/limited",
    says="Where net.ipv4.igmp_max_msf is 2, a UDP socket joins a group with IP_ADD_SOURCE_MEMBERSHIP for two "
    "senders; a third is refused with ENOBUFS.",
    since="2.6.13",
    commit="8cdaaa15da58",
    needs=[sysctl(SENDERS)],
)
def test_senders_by_whom_it_is_joined_are_limited(ns, observe):
    ns.sysctl[SENDERS] = 2
    with Socket.udp() as sock:
        sock.ip_add_source_membership = IpMreqSource(GROUP, HERE, source(1))
        sock.ip_add_source_membership = IpMreqSource(GROUP, HERE, source(2))
        with refused(errno.ENOBUFS):
            sock.ip_add_source_membership = IpMreqSource(GROUP, HERE, source(3))

        assert observe("named", named(sock)) == [source(1), source(2)]


@claim(
    "defacto/IP_BLOCK_SOURCE/limited",
    says="Where net.ipv4.igmp_max_msf is 2, a UDP socket over IPv4 names two senders for a group that it "
    "joined, with IP_BLOCK_SOURCE, MCAST_BLOCK_SOURCE or MCAST_JOIN_SOURCE_GROUP; one more is refused with "
    "ENOBUFS.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[sysctl(SENDERS)],
    survives=JOINS,
)
@NAMING
def test_senders_are_limited(ns, observe, option, of, interface):
    ns.sysctl[SENDERS] = 2
    with Socket.udp() as sock:
        sock.ip_add_membership = IpMreqn(GROUP, **interface)
        sock.set(option, of(1))
        sock.set(option, of(2))
        with refused(errno.ENOBUFS):
            sock.set(option, of(3))

        assert observe("named", named(sock)) == [source(1), source(2)]


@claim(
    "defacto/IP_MSFILTER/limited",
    says="A filter that a UDP socket over IPv4 sets with IP_MSFILTER or MCAST_MSFILTER names "
    "net.ipv4.igmp_max_msf senders, here 2; one with one more is refused with ENOBUFS.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[sysctl(SENDERS)],
)
@pytest.mark.parametrize(
    ("option", "of"),
    [
        (IP_MSFILTER, lambda sources: IpMsfilter(GROUP, HERE, True, sources)),
        (IP_MCAST_MSFILTER, lambda sources: GroupFilter(GROUP, LOOPBACK, True, sources)),
    ],
    ids=["IP_MSFILTER", "MCAST_MSFILTER"],
)
def test_a_filter_is_limited(ns, observe, option, of):
    ns.sysctl[SENDERS] = 2
    with Socket.udp() as sock:
        sock.ip_add_membership = IpMreqn(GROUP, HERE)
        sock.set(option, of((source(1), source(2))))
        with refused(errno.ENOBUFS):
            sock.set(option, of((source(3), source(4), source(5))))

        assert observe("named", named(sock)) == [source(1), source(2)]


@claim(
    "defacto/IP_MSFILTER/errors",
    says="Setting IP_MSFILTER of a UDP socket is refused with EINVAL for a group that it has not joined and "
    "for an address that is no group, and with ENODEV for an interface's address that this host does not "
    "have.",
    since="2.6.13",
    commit="917f2f105ea4",
)
@pytest.mark.parametrize(
    ("filter_", "number"),
    [
        (IpMsfilter(group(9), HERE, True, (source(2),)), errno.EINVAL),
        (IpMsfilter("10.1.2.3", HERE, True, (source(2),)), errno.EINVAL),
        (IpMsfilter(GROUP, "10.9.9.9", True, (source(2),)), errno.ENODEV),
    ],
    ids=["not-joined", "no-group", "no-interface"],
)
def test_what_is_no_filter(ns, observe, filter_, number):
    with Socket.udp() as sock:
        sock.ip_add_membership = IpMreqn(GROUP, HERE)
        sock.set(IP_MSFILTER, IpMsfilter(GROUP, HERE, True, (source(1),)))
        with refused(number):
            sock.set(IP_MSFILTER, filter_)

        assert observe("named", named(sock)) == [source(1)]


@claim(
    "defacto/IP_BLOCK_SOURCE/twice",
    says="Naming a sender to a group a second time, with IP_BLOCK_SOURCE, MCAST_BLOCK_SOURCE or "
    "MCAST_JOIN_SOURCE_GROUP, is refused with EADDRNOTAVAIL on a UDP socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=JOINS,
)
@NAMING
def test_a_sender_is_named_once(ns, observe, option, of, interface):
    with Socket.udp() as sock:
        sock.ip_add_membership = IpMreqn(GROUP, **interface)
        sock.set(option, of(1))
        with refused(errno.EADDRNOTAVAIL):
            sock.set(option, of(1))
        sock.set(option, of(2))

        assert observe("named", named(sock)) == [source(1), source(2)]


@claim(
    "defacto/IP_ADD_MEMBERSHIP/twice",
    says="Joining a group again with IP_ADD_MEMBERSHIP, on an interface that is named by its address, is "
    "refused with EADDRINUSE on a UDP socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_group_is_joined_once(ns, observe):
    with Socket.udp() as sock:
        sock.ip_add_membership = IpMreqn(GROUP, HERE)
        with refused(errno.EADDRINUSE):
            sock.ip_add_membership = IpMreqn(GROUP, HERE)
        held = sock.get(IP_MSFILTER, request=IpMsfilter(GROUP, HERE))

        assert observe("exclude_none", [held.include, *held.sources]) == [False]


@claim(
    "defacto/IP_DROP_MEMBERSHIP/twice",
    says="Leaving a group that a UDP socket has left, or has not joined, is refused with EADDRNOTAVAIL by "
    "IP_DROP_MEMBERSHIP.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_group_is_left_once(ns, observe):
    with Socket.udp() as sock:
        with refused(errno.EADDRNOTAVAIL):
            sock.ip_drop_membership = IpMreqn(GROUP, HERE)
        sock.ip_add_membership = IpMreqn(GROUP, HERE)
        joined = sock.get(IP_MSFILTER, request=IpMsfilter(GROUP, HERE)).group
        sock.ip_drop_membership = IpMreqn(GROUP, HERE)
        with refused(errno.EADDRNOTAVAIL, "errno_of_second"):
            sock.ip_drop_membership = IpMreqn(GROUP, HERE)

        assert observe("joined", joined) == GROUP
