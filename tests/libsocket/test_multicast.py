"""Groups, whose packets arrive and from whom: joined, asked about and left on loopback."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

import libsocket as ls
from libsocket import (
    GroupFilter,
    GroupReq,
    GroupSourceReq,
    IpMreqn,
    IpMreqSource,
    IpMsfilter,
    Ipv6Mreq,
    Socket,
)
from netns import Namespace

GROUP, GROUP6 = "232.1.2.3", "ff35::1234"
HERE, SENDER, SENDER6 = "127.0.0.1", "10.9.8.7", "2001:db8::7"
LOOPBACK = 1


@pytest.fixture
def sock() -> Iterator[Socket]:
    with Namespace(), Socket.udp() as sock:
        yield sock


@pytest.fixture
def sock6() -> Iterator[Socket]:
    with Namespace(), Socket.udp(socket.AF_INET6) as sock:
        yield sock


def senders(sock: Socket) -> tuple[bool, tuple[str, ...]]:
    found = sock.get(ls.IP_MSFILTER, request=IpMsfilter(GROUP, HERE))
    return found.include, found.sources


def group_senders(sock: Socket, option: ls.Option[GroupFilter], group: str) -> tuple[bool, tuple[str, ...]]:
    found = sock.get(option, request=GroupFilter(group, LOOPBACK))
    return found.include, found.sources


def test_joined_group_lets_everyone_in(sock: Socket) -> None:
    sock.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)

    assert senders(sock) == (False, ())


def test_group_that_was_left_cannot_be_asked_about(sock: Socket) -> None:
    sock.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
    sock.ip_drop_membership = IpMreqn(GROUP, ifindex=LOOPBACK)

    with pytest.raises(OSError, match="Cannot assign") as refusal:
        senders(sock)
    assert refusal.value.errno == errno.EADDRNOTAVAIL


def test_blocked_sender_is_in_the_filter(sock: Socket) -> None:
    sock.ip_add_membership = IpMreqn(GROUP, HERE)
    sock.ip_block_source = IpMreqSource(GROUP, HERE, SENDER)

    assert senders(sock) == (False, (SENDER,))


def test_unblocked_sender_is_not(sock: Socket) -> None:
    sock.ip_add_membership = IpMreqn(GROUP, HERE)
    sock.ip_block_source = IpMreqSource(GROUP, HERE, SENDER)
    sock.ip_unblock_source = IpMreqSource(GROUP, HERE, SENDER)

    assert senders(sock) == (False, ())


def test_group_joined_for_one_sender(sock: Socket) -> None:
    sock.ip_add_source_membership = IpMreqSource(GROUP, HERE, SENDER)
    sock.ip_add_source_membership = IpMreqSource(GROUP, HERE, "10.9.8.6")
    sock.ip_drop_source_membership = IpMreqSource(GROUP, HERE, "10.9.8.6")

    assert senders(sock) == (True, (SENDER,))


def test_filter_is_set_whole(sock: Socket) -> None:
    wanted = IpMsfilter(GROUP, HERE, include=True, sources=("10.0.0.1", "10.0.0.2"))
    sock.ip_add_membership = IpMreqn(GROUP, HERE)
    sock.ip_msfilter = wanted

    assert sock.get(ls.IP_MSFILTER, request=IpMsfilter(GROUP, HERE)) == wanted


def test_filter_without_a_request_is_refused(sock: Socket) -> None:
    with pytest.raises(TypeError, match="IP_MSFILTER is read by a request"):
        sock.get(ls.IP_MSFILTER)


def test_request_to_an_option_that_needs_none_is_refused(sock: Socket) -> None:
    with pytest.raises(TypeError, match="SO_RCVBUF is read without"):
        sock.get(ls.SO_RCVBUF, request=1)


def test_address_that_is_none_is_refused(sock: Socket) -> None:
    with pytest.raises(ValueError, match="IP_ADD_MEMBERSHIP cannot be"):
        sock.ip_add_membership = IpMreqn("ff02::1")


def test_group_of_either_family_in_ipv4(sock: Socket) -> None:
    sock.ip_mcast_join_group = GroupReq(GROUP, LOOPBACK)
    sock.ip_mcast_block_source = GroupSourceReq(GROUP, SENDER, LOOPBACK)
    blocked = group_senders(sock, ls.IP_MCAST_MSFILTER, GROUP)
    sock.ip_mcast_unblock_source = GroupSourceReq(GROUP, SENDER, LOOPBACK)

    assert (blocked, group_senders(sock, ls.IP_MCAST_MSFILTER, GROUP)) == ((False, (SENDER,)), (False, ()))


def test_group_of_either_family_for_one_sender_in_ipv4(sock: Socket) -> None:
    sock.ip_mcast_join_source_group = GroupSourceReq(GROUP, SENDER, LOOPBACK)
    joined = group_senders(sock, ls.IP_MCAST_MSFILTER, GROUP)
    sock.ip_mcast_leave_source_group = GroupSourceReq(GROUP, SENDER, LOOPBACK)

    assert joined == (True, (SENDER,))


def test_group_of_either_family_in_ipv6(sock6: Socket) -> None:
    sock6.ipv6_mcast_join_group = GroupReq(GROUP6, LOOPBACK)
    sock6.ipv6_mcast_block_source = GroupSourceReq(GROUP6, SENDER6, LOOPBACK)
    blocked = group_senders(sock6, ls.IPV6_MCAST_MSFILTER, GROUP6)
    sock6.ipv6_mcast_unblock_source = GroupSourceReq(GROUP6, SENDER6, LOOPBACK)

    assert (blocked, group_senders(sock6, ls.IPV6_MCAST_MSFILTER, GROUP6)) == (
        (False, (SENDER6,)),
        (False, ()),
    )


def test_group_of_either_family_for_one_sender_in_ipv6(sock6: Socket) -> None:
    sock6.ipv6_mcast_join_source_group = GroupSourceReq(GROUP6, SENDER6, LOOPBACK)
    joined = group_senders(sock6, ls.IPV6_MCAST_MSFILTER, GROUP6)
    sock6.ipv6_mcast_leave_source_group = GroupSourceReq(GROUP6, SENDER6, LOOPBACK)

    assert joined == (True, (SENDER6,))


def test_group_of_either_family_is_left(sock: Socket) -> None:
    sock.ip_mcast_join_group = GroupReq(GROUP, LOOPBACK)
    sock.ip_mcast_leave_group = GroupReq(GROUP, LOOPBACK)

    with pytest.raises(OSError, match="Cannot assign"):
        sock.ip_mcast_leave_group = GroupReq(GROUP, LOOPBACK)


def test_ipv6_group_is_joined_once(sock6: Socket) -> None:
    sock6.ipv6_join_group = Ipv6Mreq(GROUP6, LOOPBACK)

    with pytest.raises(OSError, match="already in use"):
        sock6.ipv6_join_group = Ipv6Mreq(GROUP6, LOOPBACK)


def test_ipv6_group_is_left_once(sock6: Socket) -> None:
    sock6.ipv6_join_group = Ipv6Mreq(GROUP6, LOOPBACK)
    sock6.ipv6_leave_group = Ipv6Mreq(GROUP6, LOOPBACK)

    with pytest.raises(OSError, match="Cannot assign"):
        sock6.ipv6_leave_group = Ipv6Mreq(GROUP6, LOOPBACK)


def test_ipv6_group_is_left_in_both_ways(sock6: Socket) -> None:
    sock6.ipv6_join_group = Ipv6Mreq(GROUP6, LOOPBACK)
    sock6.ipv6_mcast_leave_group = GroupReq(GROUP6, LOOPBACK)

    with pytest.raises(OSError, match="Cannot assign"):
        sock6.ipv6_leave_group = Ipv6Mreq(GROUP6, LOOPBACK)


def test_netlink_groups_are_a_bitmap() -> None:
    with Namespace(), Socket.netlink() as sock:
        sock.netlink_add_membership = 1
        sock.netlink_add_membership = 3
        sock.netlink_drop_membership = 1

        assert sock.netlink_list_memberships[0] == 0b100
