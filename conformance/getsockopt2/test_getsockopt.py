"""getsockopt(2) and setsockopt(2): descriptors, memory and lengths."""

from __future__ import annotations

import errno
import sys
from socket import (
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPPROTO_TCP,
    SO_ACCEPTCONN,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_OOBINLINE,
    SO_RCVBUF,
    SO_TYPE,
    SOL_SOCKET,
    TCP_CORK,
    TCP_NODELAY,
)

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import (
    NO_SOCKETS,
    NOWHERE,
    answer,
    descriptor_of,
    option_got,
    option_got_to,
    option_set,
)
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import SO_INQ, Inq, Socket
from netns import Capability

ONE = (1).to_bytes(4, sys.byteorder)
IP_TOS, IP_TTL, IPV6_UNICAST_HOPS, IPV6_V6ONLY, UDP_CORK = 1, 2, 16, 26, 1
SOL_UDP, SOL_PACKET, SOL_NETLINK = 17, 263, 270
PACKET_AUXDATA, NETLINK_PKTINFO = 8, 3

IN_MARCH_2024 = ("4.19.311", "5.4.273", "5.10.214", "5.15.153", "6.1.83", "6.6.23", "6.7.11", "6.8.2")
"""Stable kernels that have the same checks of negative rooms."""

INTS = pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("tcp", (SOL_SOCKET, SO_KEEPALIVE)),
        ("unix", (SOL_SOCKET, SO_OOBINLINE)),
        ("tcp", (IPPROTO_TCP, TCP_CORK)),
        ("udp", (IPPROTO_IP, IP_TTL)),
        ("udp", (SOL_UDP, UDP_CORK)),
        ("packet", (SOL_PACKET, PACKET_AUXDATA)),
        ("netlink", (SOL_NETLINK, NETLINK_PKTINFO)),
    ],
    ids=["socket", "socket-unix", "tcp", "ip", "udp", "packet", "netlink"],
)
"""Options that are an int, one of each level, which can be set to 1."""
CALLS = pytest.mark.parametrize(
    "call",
    [
        lambda fd: option_set(fd, (SOL_SOCKET, SO_KEEPALIVE), ONE),
        lambda fd: option_got(fd, (SOL_SOCKET, SO_KEEPALIVE)),
    ],
    ids=["set", "get"],
)


@claim(
    "getsockopt.2/EBADF/closed",
    sentence="getsockopt.2/EBADF/not-open",
    section="ERRORS",
    says="setsockopt and getsockopt of a UDP socket's descriptor that was closed, of -1 and of the largest "
    "int fail with EBADF; before it was closed they succeed.",
)
@pytest.mark.parametrize("fd", [None, -1, 2**31 - 1], ids=["closed", "negative", "largest"])
@CALLS
def test_a_descriptor_must_be_open(ns, observe, call, fd):
    with Socket.udp() as sock:
        number = sock.fileno()
        option_set(number, (SOL_SOCKET, SO_KEEPALIVE), ONE)
        call(number)
        before = sock.keepalive
    with refused(errno.EBADF):
        call(number if fd is None else fd)

    assert observe("when_open", before) is True


@claim(
    "getsockopt.2/ENOTSOCK/no-socket",
    sentence="getsockopt.2/ENOTSOCK/no-socket",
    section="ERRORS",
    says="setsockopt and getsockopt of a pipe, an epoll instance, /dev/null or a network namespace fail "
    "with ENOTSOCK.",
)
@pytest.mark.parametrize("kind", NO_SOCKETS)
@CALLS
def test_it_must_be_a_socket(ns, observe, call, kind):
    with descriptor_of(kind) as fd, refused(errno.ENOTSOCK):
        call(fd)
    with Socket.udp() as sock:
        option_set(sock.fileno(), (SOL_SOCKET, SO_KEEPALIVE), ONE)

        assert observe("of_a_socket", sock.keepalive) is True


@claim(
    "getsockopt.2/EFAULT/set",
    sentence=("getsockopt.2/EFAULT/optval", "packet.7/errors/efault"),
    section="ERRORS",
    says="setsockopt of an int of SOL_SOCKET, of TCP, IP, UDP, a packet or a netlink socket, with the "
    "address 1 or NULL fails with EFAULT, and the option stays.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("address", [None, NOWHERE], ids=["null", "nowhere"])
@INTS
def test_what_is_set_needs_memory(ns, observe, kind, option, address):
    with SOCKETS[kind]() as sock:
        fd = sock.fileno()
        option_set(fd, option, ONE)
        with refused(errno.EFAULT):
            option_set(fd, option, address, 4)

        assert observe("stays", option_got(fd, option)[0]) == 1


@claim(
    "getsockopt.2/EFAULT/set-ipv6",
    sentence="getsockopt.2/EFAULT/optval",
    section="ERRORS",
    says="setsockopt of IPV6_V6ONLY, and of IPV6_UNICAST_HOPS, of a UDP socket with NULL and a length of 4 "
    "fails with EFAULT, as with the address 1.",
    needs=[IPV6],
    expect=differs(
        "it is taken for 0 (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "errno_nowhere": "EFAULT", "stored": 0},
    ),
)
@pytest.mark.parametrize("option", [IPV6_V6ONLY, IPV6_UNICAST_HOPS], ids=["v6only", "hops"])
def test_null_is_no_memory(ns, observe, option):
    with Socket.udp(10) as sock:
        fd = sock.fileno()
        option_set(fd, (IPPROTO_IPV6, option), ONE)
        with refused(errno.EFAULT, "errno_nowhere"):
            option_set(fd, (IPPROTO_IPV6, option), NOWHERE, 4)
        with refused(errno.EFAULT):
            option_set(fd, (IPPROTO_IPV6, option), None, 4)
            observe("stored", option_got(fd, (IPPROTO_IPV6, option))[0])


@claim(
    "getsockopt.2/EFAULT/get",
    sentence=("getsockopt.2/EFAULT/optval", "getsockopt.2/EFAULT/optlen", "packet.7/errors/efault"),
    section="ERRORS",
    says="getsockopt of an int of SOL_SOCKET, of TCP, IP, UDP, a packet or a netlink socket, fails with "
    "EFAULT where the value, the length or both have no memory; with memory it gives 4 bytes.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "memory", [(False, True), (True, False), (False, False)], ids=["value", "length", "both"]
)
@INTS
def test_what_is_read_needs_memory(ns, observe, kind, option, memory):
    with SOCKETS[kind]() as sock:
        fd = sock.fileno()
        with refused(errno.EFAULT):
            option_got_to(fd, option, *memory)

        assert observe("length", option_got_to(fd, option, True, True)) == 4


@claim(
    "getsockopt.2/EINVAL/negative",
    sentence="getsockopt.2/EINVAL/optlen",
    section="ERRORS",
    says="setsockopt of an int of SOL_SOCKET, of TCP, IP, UDP, a packet or a netlink socket, with the "
    "length -1, or the smallest int, fails with EINVAL, and the option stays.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("size", [-1, -(2**31)])
@INTS
def test_no_length_is_negative(ns, observe, kind, option, size):
    with SOCKETS[kind]() as sock:
        fd = sock.fileno()
        option_set(fd, option, ONE)
        with refused(errno.EINVAL):
            option_set(fd, option, bytes(4), size)

        assert observe("stays", option_got(fd, option)[0]) == 1


@claim(
    "defacto/getsockopt/negative-room",
    says="getsockopt of an int of SOL_SOCKET, of IP, a packet or a netlink socket, with room for -1 bytes, "
    "or the smallest int, fails with EINVAL.",
    needs=[Capability.NET_RAW],
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("room", [-1, -(2**31)])
@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("tcp", (SOL_SOCKET, SO_KEEPALIVE)),
        ("unix", (SOL_SOCKET, SO_OOBINLINE)),
        ("udp", (IPPROTO_IP, IP_TTL)),
        ("packet", (SOL_PACKET, PACKET_AUXDATA)),
        ("netlink", (SOL_NETLINK, NETLINK_PKTINFO)),
    ],
    ids=["socket", "socket-unix", "ip", "packet", "netlink"],
)
def test_no_room_is_negative(ns, observe, kind, option, room):
    with SOCKETS[kind]() as sock:
        fd = sock.fileno()
        with refused(errno.EINVAL):
            option_got(fd, option, room)

        assert observe("length", len(option_got(fd, option, 4))) == 4


@claim(
    "defacto/IPPROTO_TCP/negative-room",
    says="getsockopt of TCP_NODELAY of a TCP socket with room for -1 bytes, or the smallest int, fails with "
    "EINVAL.",
    since="6.9",
    backports=IN_MARCH_2024,
    commit="716edc9706de",
)
@pytest.mark.parametrize("room", [-1, -(2**31)])
def test_no_room_of_tcp_is_negative(ns, observe, room):
    with Socket.tcp() as sock:
        fd = sock.fileno()
        with refused(errno.EINVAL):
            option_got(fd, (IPPROTO_TCP, TCP_NODELAY), room)

        assert observe("length", len(option_got(fd, (IPPROTO_TCP, TCP_NODELAY), 4))) == 4


@claim(
    "defacto/IPPROTO_UDP/negative-room",
    says="getsockopt of UDP_CORK of a UDP socket with room for -1 bytes, or the smallest int, fails with "
    "EINVAL.",
    since="6.9",
    backports=IN_MARCH_2024,
    commit="4bb3ba7b74fc",
)
@pytest.mark.parametrize("room", [-1, -(2**31)])
def test_no_room_of_udp_is_negative(ns, observe, room):
    with Socket.udp() as sock:
        fd = sock.fileno()
        with refused(errno.EINVAL):
            option_got(fd, (SOL_UDP, UDP_CORK), room)

        assert observe("length", len(option_got(fd, (SOL_UDP, UDP_CORK), 4))) == 4


@claim(
    "getsockopt.2/getsockopt/optlen-modified",
    sentence=(
        "getsockopt.2/getsockopt/optlen",
        "getsockopt.2/getsockopt/buffer",
        "getsockopt.2/return/value",
    ),
    section="DESCRIPTION",
    says="getsockopt of an int with room for 100 bytes sets the length to 4: options of SOL_SOCKET, TCP, "
    "IP, UDP, packet and netlink sockets.",
    needs=[Capability.NET_RAW],
)
@INTS
def test_the_length_is_that_of_the_value(ns, observe, kind, option):
    with SOCKETS[kind]() as sock:
        fd = sock.fileno()
        option_set(fd, option, ONE)

        assert observe("given", list(option_got(fd, option, 100))) == [*ONE]


@claim(
    "getsockopt.2/getsockopt/optlen-structure",
    sentence="getsockopt.2/getsockopt/optlen",
    section="DESCRIPTION",
    says="getsockopt of SO_LINGER with room for 100 bytes sets the length to 8, as much as struct linger "
    "has.",
)
def test_the_length_of_a_structure(ns, observe):
    with Socket.tcp() as sock:
        assert observe("length", len(option_got(sock.fileno(), (SOL_SOCKET, SO_LINGER), 100))) == 8


@claim(
    "getsockopt.2/getsockopt/null",
    sentence="getsockopt.2/getsockopt/null",
    section="DESCRIPTION",
    says="getsockopt of an int of SOL_SOCKET, TCP, IP, UDP or a packet socket with NULL and a length of 0 "
    "succeeds and gives 0 bytes.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("kind", "level", "option"),
    [
        ("tcp", SOL_SOCKET, SO_KEEPALIVE),
        ("tcp", IPPROTO_TCP, TCP_NODELAY),
        ("udp", IPPROTO_IP, IP_TOS),
        ("udp", SOL_UDP, UDP_CORK),
        ("packet", SOL_PACKET, PACKET_AUXDATA),
    ],
    ids=["socket", "tcp", "ip", "udp", "packet"],
)
def test_where_nothing_is_returned_null_will_do(ns, observe, kind, level, option):
    with SOCKETS[kind]() as sock:
        length = len(option_got(sock.fileno(), (level, option), 0, None))
        with refused(errno.EFAULT):
            option_got(sock.fileno(), (level, option), 4, None)

        assert observe("length", length) == 0


@claim(
    "getsockopt.2/getsockopt/read-only",
    sentence="getsockopt.2/ENOPROTOOPT/unknown",
    section="ERRORS",
    says="setsockopt of SO_TYPE, SO_ERROR or SO_ACCEPTCONN, which getsockopt reads, fails with ENOPROTOOPT "
    "on TCP, UDP, UNIX and netlink sockets: none of them can be set.",
)
@pytest.mark.parametrize("option", [SO_TYPE, SO_ERROR, SO_ACCEPTCONN], ids=["type", "error", "acceptconn"])
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "netlink"])
def test_what_is_only_read_cannot_be_set(ns, observe, kind, option):
    with SOCKETS[kind]() as sock:
        fd = sock.fileno()
        before = option_got(fd, (SOL_SOCKET, option))
        with refused(errno.ENOPROTOOPT):
            option_set(fd, (SOL_SOCKET, option), (9).to_bytes(4, sys.byteorder))

        after = option_got(fd, (SOL_SOCKET, option))
        assert observe("size_and_unchanged", [len(after), after == before]) == [4, True]


@claim(
    "getsockopt.2/getsockopt/write-only",
    sentence="getsockopt.2/ENOPROTOOPT/unknown",
    section="ERRORS",
    says="getsockopt of IP_ADD_MEMBERSHIP or IP_DROP_MEMBERSHIP, which setsockopt sets, fails with "
    "ENOPROTOOPT on a UDP socket.",
)
@pytest.mark.parametrize("option", [35, 36], ids=["add", "drop"])
def test_what_is_only_set_cannot_be_read(ns, observe, option):
    with Socket.udp() as sock:
        fd = sock.fileno()
        option_set(fd, (IPPROTO_IP, 35), bytes([224, 0, 0, 9, 127, 0, 0, 1]))
        with refused(errno.ENOPROTOOPT):
            option_got(fd, (IPPROTO_IP, option), 8)
        again = answer(lambda: option_set(fd, (IPPROTO_IP, 35), bytes([224, 0, 0, 9, 127, 0, 0, 1])))

        assert observe("set_again", again) == "EADDRINUSE"


@claim(
    "getsockopt.2/EINVAL/value",
    sentence="getsockopt.2/EINVAL/optval",
    section="ERRORS",
    says="setsockopt of IP_ADD_MEMBERSHIP with an address that is no multicast one fails with EINVAL on a "
    "UDP socket, and succeeds with 224.0.0.9.",
)
@pytest.mark.parametrize("first", [127, 223, 240])
def test_a_value_can_be_invalid(ns, observe, first):
    with Socket.udp() as sock:
        with refused(errno.EINVAL):
            option_set(sock.fileno(), (IPPROTO_IP, 35), bytes([first, 0, 0, 9, 127, 0, 0, 1]))
        valid = answer(
            lambda: option_set(sock.fileno(), (IPPROTO_IP, 35), bytes([224, 0, 0, 9, 127, 0, 0, 1]))
        )

        assert observe("valid", valid) == "done"


@claim(
    "getsockopt.2/levels/same-number",
    sentence=(
        "getsockopt.2/getsockopt/levels",
        "getsockopt.2/getsockopt/SOL_SOCKET",
        "getsockopt.2/getsockopt/protocol-number",
        "getsockopt.2/getsockopt/uninterpreted",
        "getsockopt.2/getsockopt/manipulate",
        "getsockopt.2/setsockopt/value",
    ),
    section="DESCRIPTION",
    says="Option 6 of a TCP socket is SO_BROADCAST at SOL_SOCKET, IP_RECVOPTS at the level 0 and "
    "TCP_KEEPCNT at the level 6, TCP's number: setting one leaves the others.",
)
@pytest.mark.parametrize(
    ("level", "read"),
    [(SOL_SOCKET, [1, 0, 9]), (IPPROTO_IP, [0, 1, 9]), (IPPROTO_TCP, [0, 0, 1])],
    ids=["socket", "ip", "tcp"],
)
def test_a_number_is_of_its_level(ns, observe, level, read):
    with Socket.tcp() as sock:
        option_set(sock.fileno(), (level, 6), ONE)

        options = [sock.broadcast, sock.ip_recvopts, sock.tcp_keepcnt]
        assert observe("options", list(map(int, options))) == read


@claim(
    "defacto/IPPROTO_IPV6/negative-room",
    says="getsockopt of IPV6_UNICAST_HOPS or IPV6_V6ONLY of a UDP socket with room for -1 bytes, or the "
    "smallest int, gives all 4.",
    needs=[IPV6],
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("room", [-1, -(2**31)])
@pytest.mark.parametrize("option", [IPV6_V6ONLY, IPV6_UNICAST_HOPS], ids=["v6only", "hops"])
def test_a_negative_room_is_large(ns, observe, option, room):
    with Socket.udp(10) as sock:
        fd = sock.fileno()
        option_set(fd, (IPPROTO_IPV6, option), ONE)

        assert observe("given", list(option_got(fd, (IPPROTO_IPV6, option), room))) == [*ONE]


@claim(
    "defacto/SOL_NETLINK/no-room",
    says="getsockopt of NETLINK_PKTINFO of a netlink socket with room for 0, 1 or 3 bytes fails with "
    "EINVAL, where options of other levels give what there is room for.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("room", [0, 1, 3])
def test_a_netlink_option_needs_its_room(ns, observe, room):
    with Socket.netlink() as sock:
        other = option_got(sock.fileno(), (SOL_SOCKET, SO_RCVBUF), room)
        with refused(errno.EINVAL):
            option_got(sock.fileno(), (SOL_NETLINK, NETLINK_PKTINFO), room)

        assert observe("of_another_level", len(other)) == room


@claim(
    "getsockopt.2/EFAULT/set-so-inq",
    sentence="getsockopt.2/EFAULT/optval",
    section="ERRORS",
    says="Setting SO_INQ of a UNIX stream socket from where there is no memory fails with EFAULT, and it "
    "stays on: with the first of two that were sent comes how many bytes the second has.",
    since="6.17",
)
def test_so_inq_is_set_from_memory(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.inq = True
        with refused(errno.EFAULT):
            option_set(right.fileno(), (SO_INQ.level, SO_INQ.number), NOWHERE, 4)
        left.send(b"he")
        left.send(b"llo")

        assert observe("left", [int(one) for one in control_messages(right, Inq, size=2)]) == [3]
