"""How many bytes structures of IP are set with and read into, of which no page speaks."""

from __future__ import annotations

import errno
import sys
from socket import inet_aton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import optmem_max
from conformance.plugin.setups.groups import join_and_leave
from conformance.plugin.setups.places import requested
from libsocket import (
    INT,
    IP_ADD_MEMBERSHIP,
    IP_ADD_SOURCE_MEMBERSHIP,
    IP_BLOCK_SOURCE,
    IP_DROP_MEMBERSHIP,
    IP_DROP_SOURCE_MEMBERSHIP,
    IP_LOCAL_PORT_RANGE,
    IP_MSFILTER,
    IP_MULTICAST_IF,
    IP_OPTIONS,
    IP_PKTOPTIONS,
    IP_UNBLOCK_SOURCE,
    IP_UNICAST_IF,
    IpMsfilter,
    Socket,
    raw,
)

GROUP, SENDER, LOOPBACK = inet_aton("239.1.2.3"), inet_aton("127.0.0.2"), inet_aton("127.0.0.1")
LO = 1
"""The index of lo in every network namespace."""
INDEX = LO.to_bytes(4, sys.byteorder)
NAMED = GROUP + LOOPBACK + SENDER
"""A struct ip_mreq_source."""
OTHER_THAN_12 = pytest.mark.parametrize("size", [0, 11, 13])
IN_ADDR, MREQ, MREQN = LOOPBACK, bytes(4) + LOOPBACK, bytes(4) + LOOPBACK + INDEX


def address(sock: Socket) -> bytes:
    """Of the interface by which it sends to groups."""
    return sock.get(IP_MULTICAST_IF.through(raw(4)))


@claim(
    "defacto/IP_MULTICAST_IF/default",
    says="IP_MULTICAST_IF of a new TCP or UDP socket over IPv4 reads as 0.0.0.0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_no_interface_at_first(ns, observe, make):
    with make() as sock:
        assert observe("address", list(address(sock))) == [0, 0, 0, 0]


@claim(
    "defacto/IP_MULTICAST_IF/optlen",
    says="Setting IP_MULTICAST_IF of a UDP socket over IPv4 with fewer than the four bytes of an address, "
    "or none, is refused with EINVAL, and it stays as it was; four are taken.",
    since="2.6.32",
    commit="0915921bde4e",
)
@pytest.mark.parametrize("size", [0, 1, 3])
def test_fewer_bytes_are_no_address(ns, observe, size):
    with Socket.udp() as sock:
        sock.set(IP_MULTICAST_IF.through(raw(12)), MREQN)
        with refused(errno.EINVAL):
            sock.set(IP_MULTICAST_IF.through(raw(12)), bytes(size))
        kept = address(sock)
        sock.set(IP_MULTICAST_IF.through(raw(12)), bytes(4))

        assert observe("after_fewer_and_all", [list(kept), list(address(sock))]) == [
            [127, 0, 0, 1],
            [0, 0, 0, 0],
        ]


@claim(
    "defacto/IP_MULTICAST_IF/between-sizes",
    says="IP_MULTICAST_IF of a UDP socket over IPv4 is set with five or seven bytes as with the four of a "
    "struct in_addr, with nine or 11 as with the eight of a struct ip_mreq, and with 13 as with the 12 of a "
    "struct ip_mreqn, whatever the others are.",
    since="3.5",
    commit="3a084ddb4bf2",
)
@pytest.mark.parametrize(
    ("structure", "size"),
    [(IN_ADDR, 5), (IN_ADDR, 7), (MREQ, 9), (MREQ, 11), (MREQN, 13)],
    ids=["5", "7", "9", "11", "13"],
)
def test_the_largest_structure_that_fits_counts(ns, observe, structure, size):
    with Socket.udp() as sock:
        before = address(sock)
        sock.set(IP_MULTICAST_IF.through(raw(13)), structure.ljust(size, b"\xff"))

        assert observe("before_and_after", [list(before), list(address(sock))]) == [
            [0, 0, 0, 0],
            [127, 0, 0, 1],
        ]


@claim(
    "defacto/IP_MULTICAST_IF/room",
    says="Reading IP_MULTICAST_IF of a UDP socket over IPv4 with room for fewer than the four bytes of an "
    "address gives the first ones, for none no byte, and with room for five or 12 four.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (1, 1), (3, 3), (5, 4), (12, 4)])
def test_room_for_an_address(ns, observe, room, size):
    with Socket.udp() as sock:
        sock.set(IP_MULTICAST_IF.through(raw(12)), MREQN)
        given = sock.get(IP_MULTICAST_IF.through(raw(room)))

        assert observe("whole_and_given", [list(address(sock)), list(given)]) == [
            [127, 0, 0, 1],
            [127, 0, 0, 1][:size],
        ]


@claim(
    "defacto/IP_ADD_MEMBERSHIP/optlen",
    says="Joining a group with IP_ADD_MEMBERSHIP, and leaving it with IP_DROP_MEMBERSHIP, with a UDP socket "
    "over IPv4 is refused with EINVAL with fewer than the eight bytes of a struct ip_mreq, none or seven, "
    "where nine and 11 are taken as eight and 13 as the 12 of a struct ip_mreqn.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("fewer", [0, 7])
@pytest.mark.parametrize(
    ("interface", "more"),
    [(LOOPBACK, 9), (LOOPBACK, 11), (bytes(4) + INDEX, 13)],  # without the index there is no interface
    ids=["9", "11", "13"],
)
def test_a_membership_has_eight_bytes_at_least(ns, fewer, interface, more):
    octets = (GROUP + interface).ljust(more, b"\xff")
    join, leave = IP_ADD_MEMBERSHIP.through(raw(13)), IP_DROP_MEMBERSHIP.through(raw(13))
    with Socket.udp() as sock:
        join_and_leave(sock, join, leave, octets, octets[:fewer])


@claim(
    "defacto/IP_ADD_SOURCE_MEMBERSHIP/optlen",
    says="IP_ADD_SOURCE_MEMBERSHIP and IP_DROP_SOURCE_MEMBERSHIP of a UDP socket over IPv4 take exactly the "
    "12 bytes of a struct ip_mreq_source: with none, 11 or 13 they are refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@OTHER_THAN_12
def test_a_sender_to_hear_has_twelve_bytes(ns, size):
    add, drop = IP_ADD_SOURCE_MEMBERSHIP.through(raw(13)), IP_DROP_SOURCE_MEMBERSHIP.through(raw(13))
    with Socket.udp() as sock:
        with refused(errno.EINVAL):
            sock.set(add, NAMED.ljust(size, b"\0")[:size])
        sock.set(add, NAMED)
        with refused(errno.EADDRNOTAVAIL, "errno_twice"):
            sock.set(add, NAMED)
        with refused(errno.EINVAL, "errno_of_dropping"):
            sock.set(drop, NAMED.ljust(size, b"\0")[:size])
        sock.set(drop, NAMED)
        with refused(errno.EINVAL, "errno_dropped"):
            sock.set(drop, NAMED)


@claim(
    "defacto/IP_BLOCK_SOURCE/optlen",
    says="IP_BLOCK_SOURCE and IP_UNBLOCK_SOURCE of a UDP socket over IPv4 that joined the group take "
    "exactly the 12 bytes of a struct ip_mreq_source: with none, 11 or 13 they are refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@OTHER_THAN_12
def test_a_sender_to_block_has_twelve_bytes(ns, size):
    block, unblock = IP_BLOCK_SOURCE.through(raw(13)), IP_UNBLOCK_SOURCE.through(raw(13))
    with Socket.udp() as sock:
        sock.set(IP_ADD_MEMBERSHIP.through(raw(8)), GROUP + LOOPBACK)
        with refused(errno.EINVAL):
            sock.set(block, NAMED.ljust(size, b"\0")[:size])
        sock.set(block, NAMED)
        with refused(errno.EADDRNOTAVAIL, "errno_twice"):
            sock.set(block, NAMED)
        with refused(errno.EINVAL, "errno_of_unblocking"):
            sock.set(unblock, NAMED.ljust(size, b"\0")[:size])
        sock.set(unblock, NAMED)
        with refused(errno.EADDRNOTAVAIL, "errno_unblocked"):
            sock.set(unblock, NAMED)


@claim(
    "defacto/IP_LOCAL_PORT_RANGE/optlen",
    says="Setting IP_LOCAL_PORT_RANGE of a UDP socket over IPv4 with other than four bytes, none, one, "
    "three or five, is refused with EINVAL, and it stays as it was.",
    since="6.3",
    commit="91d0b78c5177",
)
@pytest.mark.parametrize("size", [0, 1, 3, 5])
def test_a_range_has_four_bytes(ns, observe, size):
    number = IP_LOCAL_PORT_RANGE.through(INT)
    with Socket.udp() as sock:
        before = sock.get(number)
        sock.set(number, 2000 << 16 | 1000)
        with refused(errno.EINVAL):
            sock.set(IP_LOCAL_PORT_RANGE.through(raw(size)), bytes(size))

        assert observe("before_and_kept", [before, sock.get(number)]) == [0, 2000 << 16 | 1000]


@claim(
    "defacto/IP_LOCAL_PORT_RANGE/room",
    says="Reading IP_LOCAL_PORT_RANGE of a UDP socket over IPv4, 1000 to 2000, with room for fewer than its "
    "four bytes gives the first ones, for none no byte, and with room for five four; where it is 0, as at "
    "first, room for three gives one byte.",
    since="6.3",
    commit="91d0b78c5177",
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (1, 1), (3, 3), (5, 4)])
def test_room_for_a_range(ns, observe, room, size):
    octets = INT.encode(2000 << 16 | 1000)
    with Socket.udp() as sock:
        at_first = sock.get(IP_LOCAL_PORT_RANGE.through(raw(3)))
        sock.set(IP_LOCAL_PORT_RANGE.through(INT), 2000 << 16 | 1000)
        whole = sock.get(IP_LOCAL_PORT_RANGE.through(raw(4)))
        given = sock.get(IP_LOCAL_PORT_RANGE.through(raw(room)))

        seen = [list(at_first), whole == octets, len(given), whole.startswith(given)]
        assert observe("at_first_whole_size_and_first", seen) == [[0], True, size, True]


@claim(
    "defacto/IP_UNICAST_IF/room",
    says="Reading IP_UNICAST_IF of a UDP socket over IPv4 that is set to 1 in network byte order, of which a "
    "little-endian machine makes more than 255, with room for one byte or three gives as many, the first "
    "ones, with room for four or five four.",
    since="3.4",
    commit="76e21053b5bf",
)
@pytest.mark.parametrize(("room", "size"), [(1, 1), (3, 3), (4, 4), (5, 4)])
def test_room_for_an_index(ns, observe, room, size):
    with Socket.udp() as sock:
        sock.ip_unicast_if = LO
        given = sock.get(IP_UNICAST_IF.through(raw(room)))

        assert observe("index_and_given", [sock.ip_unicast_if, list(given)]) == [LO, [0, 0, 0, 1][:size]]


@claim(
    "defacto/IP_OPTIONS/room",
    says="Reading IP_OPTIONS of a UDP socket over IPv4 that has four bytes of them with room for fewer "
    "gives the first ones, for none no byte, and with room for five four.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (1, 1), (3, 3), (5, 4)])
def test_room_for_ip_options(ns, observe, room, size):
    octets = bytes([1, 1, 1, 0])
    with Socket.udp() as sock:
        sock.ip_options = octets
        given = sock.get(IP_OPTIONS.through(raw(room)))

        assert observe("whole_and_given", [list(sock.ip_options), list(given)]) == [
            [1, 1, 1, 0],
            [1, 1, 1, 0][:size],
        ]


@claim(
    "defacto/IP_OPTIONS/most",
    says="Setting IP_OPTIONS of a UDP socket over IPv4 with 40 bytes is taken, and with 41 refused with "
    "EINVAL, and those that it has stay.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_there_are_forty_bytes_of_options(ns, observe):
    with Socket.udp() as sock:
        sock.set(IP_OPTIONS.through(raw(41)), bytes([1] * 39 + [0]))
        with refused(errno.EINVAL):
            sock.set(IP_OPTIONS.through(raw(41)), bytes([1] * 40 + [0]))

        assert observe("size", len(sock.ip_options)) == 40


@claim(
    "defacto/IP_PKTOPTIONS/default",
    says="IP_PKTOPTIONS of a new TCP socket over IPv4 reads as no byte, and that of a UDP socket cannot be "
    "read: ENOPROTOOPT.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_streams_have_packet_options(ns, observe):
    with Socket.tcp() as stream, Socket.udp() as datagrams:
        with refused(errno.ENOPROTOOPT):
            datagrams.get(IP_PKTOPTIONS.through(raw(256)))

        assert observe("size", len(stream.get(IP_PKTOPTIONS.through(raw(256))))) == 0


@claim(
    "defacto/IP_MSFILTER/optlen",
    says="Setting IP_MSFILTER of a UDP socket over IPv4 that joined the group with fewer bytes than a "
    "struct ip_msfilter without a sender has, none or 15, or with fewer than the number of senders says, 19 "
    "for one, is refused with EINVAL, and it has no filter then; 20 are taken.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("size", [0, 15, 19])
def test_a_filter_has_a_size(ns, observe, size):
    including, one = (1).to_bytes(4, sys.byteorder), (1).to_bytes(4, sys.byteorder)
    octets = GROUP + LOOPBACK + including + one + SENDER
    with Socket.udp() as sock:
        sock.set(IP_ADD_MEMBERSHIP.through(raw(8)), GROUP + LOOPBACK)
        with refused(errno.EINVAL):
            sock.set(IP_MSFILTER.through(raw(20)), octets[:size])
        before = sock.get(IP_MSFILTER, request=IpMsfilter("239.1.2.3", "127.0.0.1"))
        sock.set(IP_MSFILTER.through(raw(20)), octets)
        after = sock.get(IP_MSFILTER, request=IpMsfilter("239.1.2.3", "127.0.0.1"))

        seen = [[one.include, list(one.sources)] for one in (before, after)]
        assert observe("before_and_after", seen) == [[False, []], [True, ["127.0.0.2"]]]


@claim(
    "defacto/IP_MSFILTER/optmem",
    says="Setting IP_MSFILTER of a UDP socket over IPv4 that joined the group with more bytes than "
    "net.core.optmem_max says is refused with ENOBUFS, though it names one sender alone, and it has no "
    "filter then; with as many it is taken.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_filter_is_no_larger_than_options_may_be(ns, observe):
    most = optmem_max(ns)
    including, one = (1).to_bytes(4, sys.byteorder), (1).to_bytes(4, sys.byteorder)
    octets = (GROUP + LOOPBACK + including + one + SENDER).ljust(most + 1, b"\0")
    with Socket.udp() as sock:
        sock.set(IP_ADD_MEMBERSHIP.through(raw(8)), GROUP + LOOPBACK)
        with refused(errno.ENOBUFS):
            sock.set(IP_MSFILTER.through(raw(20)), octets)
        before = sock.get(IP_MSFILTER, request=IpMsfilter("239.1.2.3", "127.0.0.1"))
        sock.set(IP_MSFILTER.through(raw(20)), octets[:most])
        after = sock.get(IP_MSFILTER, request=IpMsfilter("239.1.2.3", "127.0.0.1"))

        seen = [list(one.sources) for one in (before, after)]
        assert observe("before_and_after", seen) == [[], ["127.0.0.2"]]


@claim(
    "defacto/IP_MSFILTER/room",
    says="Reading IP_MSFILTER of a UDP socket over IPv4 that has a filter of two senders with room for fewer "
    "than the 16 bytes of a struct ip_msfilter without a sender, none or 15, is refused with EINVAL; with 16 "
    "it gives as many senders as the request says that there is room for, and tells their number.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(("number", "length"), [(0, 16), (1, 20), (2, 24), (3, 24)])
def test_a_filter_is_read_into_its_room(ns, observe, number, length):
    request = GROUP + LOOPBACK + bytes(4) + number.to_bytes(4, sys.byteorder) + bytes(12)
    place = IP_MSFILTER.level, IP_MSFILTER.number
    with Socket.udp() as sock:
        sock.set(IP_ADD_MEMBERSHIP.through(raw(8)), GROUP + LOOPBACK)
        sock.set(IP_MSFILTER, IpMsfilter("239.1.2.3", "127.0.0.1", True, ("127.0.0.2", "127.0.0.3")))
        with refused(errno.EINVAL):
            requested(sock, place, request, 0)
        with refused(errno.EINVAL, "errno_15"):
            requested(sock, place, request, 15)
        given = requested(sock, place, request, 16)

        assert observe("length_and_number", [len(given), given[12]]) == [length, 2]
