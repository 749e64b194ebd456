"""How many bytes structures of IPv6 are set with and read into, of which no page speaks."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.groups import join_and_leave
from conformance.plugin.setups.ipv6 import LOOPBACK, udp6
from libsocket import (
    ICMPV6_FILTER,
    INT,
    IPV6_ADDRFORM,
    IPV6_FLOWLABEL_MGR,
    IPV6_HOPOPTS,
    IPV6_JOIN_ANYCAST,
    IPV6_JOIN_GROUP,
    IPV6_LEAVE_ANYCAST,
    IPV6_LEAVE_GROUP,
    IPV6_MCAST_BLOCK_SOURCE,
    IPV6_MCAST_JOIN_GROUP,
    IPV6_MCAST_JOIN_SOURCE_GROUP,
    IPV6_MCAST_LEAVE_GROUP,
    IPV6_MCAST_LEAVE_SOURCE_GROUP,
    IPV6_MCAST_UNBLOCK_SOURCE,
    IPV6_MTU,
    IPV6_PATHMTU,
    IPV6_ROUTER_ALERT,
    IPV6_RTHDR,
    IPV6_UNICAST_IF,
    GroupReq,
    Ipv6Mreq,
    Socket,
    raw,
)
from netns import Capability, without

GROUP, SENDER = "ff02::1234", "fd00::2"
SEGMENT = bytes([0, 2, 4, 0, 0, 0, 0, 0]) + bytes(15) + b"\1"
"""A segment routing header of one segment, ::1."""
FEWER = pytest.mark.parametrize("size", [0, 1, 3])
IPPROTO_ICMPV6, IPPROTO_RAW, AF_INET, AF_INET6 = 58, 255, 2, 10


@claim(
    "defacto/IPV6_JOIN_GROUP/optlen",
    says="Joining a group with IPV6_JOIN_GROUP, and leaving it with IPV6_LEAVE_GROUP, with a UDP socket "
    "over IPv6 is refused with EINVAL with fewer than the 20 bytes of a struct ipv6_mreq, none or 19, where "
    "21 are taken as 20.",
    since="2.6.26",
    commit="a28398ba6112",
    needs=[IPV6],
)
@pytest.mark.parametrize("size", [0, 19])
def test_a_membership_has_twenty_bytes_at_least(ns, size):
    octets = IPV6_JOIN_GROUP.codec.encode(Ipv6Mreq(GROUP, LOOPBACK)) + b"\xff"
    join, leave = IPV6_JOIN_GROUP.through(raw(21)), IPV6_LEAVE_GROUP.through(raw(21))
    with udp6() as sock:
        join_and_leave(sock, join, leave, octets, octets[:size])


@claim(
    "defacto/IPV6_JOIN_ANYCAST/optlen",
    says="Setting IPV6_JOIN_ANYCAST or IPV6_LEAVE_ANYCAST of a UDP socket over IPv6 with fewer than the 20 "
    "bytes of a struct ipv6_mreq, none or 19, is refused with EINVAL; with 20 that name an address which it "
    "has not joined leaving is refused with ENOENT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("size", [0, 19])
def test_an_anycast_address_has_a_structure(ns, size):
    octets = IPV6_JOIN_ANYCAST.codec.encode(Ipv6Mreq("fd00::", LOOPBACK))
    with udp6() as sock:
        with refused(errno.EINVAL):
            sock.set(IPV6_JOIN_ANYCAST.through(raw(20)), octets[:size])
        with refused(errno.EINVAL, "errno_of_leaving"):
            sock.set(IPV6_LEAVE_ANYCAST.through(raw(20)), octets[:size])
        with refused(errno.ENOENT, "errno_not_joined"):
            sock.set(IPV6_LEAVE_ANYCAST.through(raw(20)), octets)


@claim(
    "defacto/MCAST_JOIN_GROUP/size-ipv6",
    says="MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP of a UDP socket over IPv6 are refused with EINVAL with "
    "fewer than the 136 bytes that a struct group_req has on a 64-bit machine, none or 135, where 137 are "
    "taken as 136.",
    since="2.6.26",
    commit="a28398ba6112",
    needs=[IPV6],
)
@pytest.mark.parametrize("size", [0, 135])
def test_a_group_has_a_structure(ns, size):
    octets = IPV6_MCAST_JOIN_GROUP.codec.encode(GroupReq(GROUP, LOOPBACK)) + b"\xff"
    join, leave = IPV6_MCAST_JOIN_GROUP.through(raw(137)), IPV6_MCAST_LEAVE_GROUP.through(raw(137))
    with udp6() as sock:
        join_and_leave(sock, join, leave, octets, octets[:size])


@claim(
    "defacto/MCAST_JOIN_SOURCE_GROUP/size-ipv6",
    says="MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, MCAST_BLOCK_SOURCE and MCAST_UNBLOCK_SOURCE of "
    "a UDP socket over IPv6 are refused with EINVAL with fewer than the 264 bytes that a struct "
    "group_source_req has on a 64-bit machine, none or 263; with 264 or 265 of zeros, which name no IPv6 "
    "address, with EADDRNOTAVAIL.",
    since="2.6.26",
    commit="a28398ba6112",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    "option",
    [
        IPV6_MCAST_JOIN_SOURCE_GROUP,
        IPV6_MCAST_LEAVE_SOURCE_GROUP,
        IPV6_MCAST_BLOCK_SOURCE,
        IPV6_MCAST_UNBLOCK_SOURCE,
    ],
    ids=["join", "leave", "block", "unblock"],
)
@pytest.mark.parametrize(("fewer", "enough"), [(0, 264), (263, 265)])
def test_a_sender_has_a_structure(ns, option, fewer, enough):
    with udp6() as sock:
        with refused(errno.EINVAL):
            sock.set(option.through(raw(265)), bytes(fewer))
        with refused(errno.EADDRNOTAVAIL, "errno_of_size"):
            sock.set(option.through(raw(265)), bytes(enough))


@claim(
    "defacto/IPV6_UNICAST_IF/room",
    says="Reading IPV6_UNICAST_IF of a UDP socket over IPv6, an index in network byte order, with room for "
    "fewer than four bytes gives the first ones, for none no byte, and with room for five four.",
    since="3.4",
    commit="c4062dfc425e",
    needs=[IPV6],
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (1, 1), (3, 3), (5, 4)])
def test_room_for_an_index(ns, observe, room, size):
    with udp6() as sock:
        sock.ipv6_unicast_if = LOOPBACK
        given = sock.get(IPV6_UNICAST_IF.through(raw(room)))

        assert observe("index_and_given", [sock.ipv6_unicast_if, list(given)]) == [
            LOOPBACK,
            [0, 0, 0, 1][:size],
        ]


@claim(
    "defacto/IPV6_MTU/optlen",
    says="Setting IPV6_MTU of a UDP socket over IPv6 with fewer than four bytes, or none, is refused with "
    "EINVAL; five are taken, whatever the last is, where 1279 in the first four is too small: EINVAL.",
    since="2.6.26",
    commit="b2a9d7c2f8ab",
    needs=[IPV6],
    survives={"no-op: setsockopt(*IPV6_MTU, *": "what is set does not read back"},
)
@FEWER
def test_fewer_bytes_are_no_mtu(ns, size):
    with udp6() as sock:
        with refused(errno.EINVAL):
            sock.set(IPV6_MTU.through(raw(5)), bytes(size))
        sock.set(IPV6_MTU.through(raw(5)), INT.encode(1280) + b"\xff")
        with refused(errno.EINVAL, "errno_small"):
            sock.set(IPV6_MTU.through(raw(5)), INT.encode(1279) + b"\xff")


@claim(
    "defacto/IPV6_PATHMTU/room",
    says="Reading IPV6_PATHMTU of a connected UDP socket over IPv6 with room for fewer than the 32 bytes of "
    "a struct ip6_mtuinfo, none or 31, is refused with EINVAL, and with room for 33 gives 32.",
    since="2.6.35",
    commit="793b14731686",
    needs=[IPV6],
)
@pytest.mark.parametrize("room", [0, 31])
def test_a_path_mtu_has_a_structure(ns, observe, room):
    with udp6() as sock:
        sock.connect(("::1", 9))
        with refused(errno.EINVAL):
            sock.get(IPV6_PATHMTU.through(raw(room)))

        assert observe("size", len(sock.get(IPV6_PATHMTU.through(raw(33))))) == 32


@claim(
    "defacto/IPV6_ADDRFORM/optlen",
    says="Setting IPV6_ADDRFORM to AF_INET on a UDP socket over IPv6 that is connected to an IPv4-mapped "
    "address with fewer than four bytes, or none, is refused with EINVAL, and it stays one of IPv6; five "
    "make it one of IPv4, whatever the last is.",
    since="2.6.26",
    commit="b2a9d7c2f8ab",
    needs=[IPV6],
)
@FEWER
def test_fewer_bytes_are_no_family(ns, observe, size):
    with udp6() as sock:
        sock.connect(("::ffff:127.0.0.1", 9))
        with refused(errno.EINVAL):
            sock.set(IPV6_ADDRFORM.through(raw(5)), INT.encode(AF_INET)[:size])
        before = sock.get(IPV6_ADDRFORM)
        sock.set(IPV6_ADDRFORM.through(raw(5)), INT.encode(AF_INET) + b"\xff")

        assert observe("before_and_after", [before, sock.domain]) == [AF_INET6, AF_INET]


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/optlen",
    says="Setting IPV6_FLOWLABEL_MGR of a UDP socket over IPv6 with fewer than the 32 bytes of a struct "
    "in6_flowlabel_req, none or 31, is refused with EINVAL; with 32 that ask for a label which is not "
    "leased, with ENOENT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("size", [0, 31])
def test_a_lease_has_a_structure(ns, size):
    request = bytes(15) + b"\1" + (7).to_bytes(4, "big") + bytes([0, 1]) + bytes(10)
    with udp6() as sock:
        with refused(errno.EINVAL):
            sock.set(IPV6_FLOWLABEL_MGR.through(raw(32)), request[:size])
        with refused(errno.ENOENT, "errno_whole"):
            sock.set(IPV6_FLOWLABEL_MGR.through(raw(32)), request)


@claim(
    "defacto/IPV6_RTHDR/default",
    says="IPV6_RTHDR of a new TCP or UDP socket over IPv6 reads as no byte.",
    since="2.6.21",
    commit="286930797d74",
    needs=[IPV6],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_no_routing_header_at_first(ns, observe, make):
    with make(AF_INET6) as sock:
        assert observe("size", len(sock.get(IPV6_RTHDR))) == 0


@claim(
    "defacto/IPV6_RTHDR/unprivileged",
    says="A TCP or UDP socket over IPv6 takes a segment routing header as IPV6_RTHDR without CAP_NET_RAW, "
    "reads it back, and has none any more once it is set with no byte; IPV6_HOPOPTS with no byte is refused "
    "with EPERM there.",
    since="4.10",
    commit="a149e7c7ce81",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_a_routing_header_takes_no_capability(ns, observe, make):
    with make(AF_INET6) as sock, without(Capability.NET_RAW):
        with refused(errno.EPERM):
            sock.set(IPV6_HOPOPTS, b"")
        sock.set(IPV6_RTHDR, SEGMENT)
        read = [sock.get(IPV6_RTHDR).hex()]
        sock.set(IPV6_RTHDR, b"")
        read.append(sock.get(IPV6_RTHDR).hex())

        assert observe("read", read) == [SEGMENT.hex(), ""]


@claim(
    "defacto/ICMPV6_FILTER/optlen",
    says="Setting ICMPV6_FILTER of a raw socket of IPPROTO_ICMPV6 with fewer than 32 bytes takes these and "
    "keeps the others, with none all, and what is beyond 32 is ignored.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
    survives={"no-op: setsockopt(SOL_ICMPV6, 1, *, 0)*": "of no bytes none is taken"},
)
@pytest.mark.parametrize("size", [0, 1, 31, 33])
def test_a_filter_takes_the_bytes_it_gets(ns, observe, size):
    with Socket.raw(IPPROTO_ICMPV6, AF_INET6) as sock:
        sock.set(ICMPV6_FILTER.through(raw(33)), 31 * b"\xff" + b"\xfe")
        before = sock.get(ICMPV6_FILTER.through(raw(32)))
        sock.set(ICMPV6_FILTER.through(raw(33)), size * b"\1")

        after = sock.get(ICMPV6_FILTER.through(raw(32)))
        expected = size * b"\1" + before[size:]
        assert observe("before_and_after", [before.hex(), after.hex()]) == [
            "ff" * 31 + "fe",
            expected[:32].hex(),
        ]


@claim(
    "defacto/ICMPV6_FILTER/room",
    says="Reading ICMPV6_FILTER of a raw socket of IPPROTO_ICMPV6 with room for fewer than 32 bytes gives "
    "the first ones, for none no byte, and with room for 33 32.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (1, 1), (31, 31), (33, 32)])
def test_room_for_a_filter(ns, observe, room, size):
    types = bytes(range(1, 33))
    with Socket.raw(IPPROTO_ICMPV6, AF_INET6) as sock:
        sock.set(ICMPV6_FILTER, types)
        given = sock.get(ICMPV6_FILTER.through(raw(room)))

        assert observe("whole_and_given", [sock.get(ICMPV6_FILTER).hex(), given.hex()]) == [
            types.hex(),
            types[:size].hex(),
        ]


@claim(
    "defacto/IPV6_ROUTER_ALERT/optlen",
    says="Setting IPV6_ROUTER_ALERT of a raw socket of IPPROTO_RAW over IPv6 with fewer than four bytes, or "
    "none, is refused with EINVAL, and it stays on; at first it is 0.",
    since="6.9",
    commit="eeb78df4063c",
    needs=[IPV6, Capability.NET_RAW],
)
@FEWER
def test_fewer_bytes_are_no_alert(ns, observe, size):
    with Socket.raw(IPPROTO_RAW, AF_INET6) as sock:
        at_first = sock.get(IPV6_ROUTER_ALERT)
        sock.set(IPV6_ROUTER_ALERT, 7)
        with refused(errno.EINVAL):
            sock.set(IPV6_ROUTER_ALERT.through(raw(5)), bytes(size))

        assert observe("at_first_and_kept", [at_first, sock.get(IPV6_ROUTER_ALERT)]) == [0, 1]
