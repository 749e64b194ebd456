"""ICMP_FILTER and ICMPV6_FILTER, IPV6_CHECKSUM, and ping sockets."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_UDP, SOCK_DGRAM
from sys import byteorder

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import option_got, option_set
from conformance.plugin.setups.datagrams import internet_sum, pseudo_header
from conformance.plugin.timing import SOON
from libsocket import ICMP_FILTER, ICMPV6_FILTER, IPV6_CHECKSUM, Socket, raw
from netns import Capability, only

EXPERIMENT = 253
"""A protocol that nobody has, RFC 3692."""
ECHO_REPLY, ECHO_REQUEST, TIMESTAMP_REQUEST = 0, 8, 13
ECHO = bytes([ECHO_REQUEST, 0, 0xF7, 0xFD, 0, 1, 0, 1])
"""An echo request with its checksum."""
LAST_FILTERED = bytes([31, 0, 0xE0, 0xFF, 0, 0, 0, 0])
FIRST_UNFILTERED = bytes([32, 0, 0xDF, 0xFF, 0, 0, 0, 0])
ECHO6_REQUEST, ECHO6_REPLY = 128, 129
ECHO6 = bytes([ECHO6_REQUEST, 0, 0, 0, 0, 1, 0, 1])
"""An echo request, whose checksum the kernel fills in."""
PING_GROUPS = "net.ipv4.ping_group_range"
LOOPBACK6 = bytes(15) + b"\1"


@contextmanager
def patient(protocol: int, family: int = AF_INET) -> Iterator[Socket]:
    """A raw socket that gives up what does not come."""
    with Socket.raw(protocol, family) as sock:
        sock.rcvtimeo = SOON
        yield sock


def types(sock: Socket, count: int) -> list[int]:
    """The types of so many ICMP messages, over IPv4 without options."""
    return [sock.recv(200)[20] for _ in range(count)]


def bit(type_: int) -> bytes:
    """The filter of ICMPv6 that has this type's bit: eight 32-bit words."""
    words = [1 << type_ % 32 if type_ // 32 == word else 0 for word in range(8)]
    return b"".join(word.to_bytes(4, byteorder) for word in words)


@claim(
    "raw.7/ICMP_FILTER/filters",
    sentence=("raw.7/ICMP_FILTER/enables", "raw.7/ICMP_FILTER/bits", "raw.7/Socket-options/level"),
    section="Socket options",
    says="A raw socket of IPPROTO_ICMP does not receive the messages whose type's bit is set in ICMP_FILTER, "
    "an option at the level IPPROTO_RAW, and receives the others.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(("filtered", "received"), [(ECHO_REQUEST, ECHO_REPLY), (ECHO_REPLY, ECHO_REQUEST)])
def test_a_type_is_filtered_out(ns, observe, filtered, received):
    with patient(IPPROTO_ICMP) as all_types, patient(IPPROTO_ICMP) as sock:
        sock.icmp_filter = 1 << filtered
        sock.sendto(ECHO, ("127.0.0.1", 0))
        sent = types(all_types, 2)
        sock.sendto(ECHO, ("127.0.0.1", 0))

        assert [observe("sent", sent), observe("received", types(sock, 2))] == [
            [ECHO_REQUEST, ECHO_REPLY],
            [received, received],
        ]


@claim(
    "raw.7/ICMP_FILTER/default",
    sentence="raw.7/ICMP_FILTER/default",
    section="Socket options",
    says="By default a raw socket of IPPROTO_ICMP filters out nothing: ICMP_FILTER is 0, and an echo request "
    "and its reply are received.",
    needs=[Capability.NET_RAW],
)
def test_nothing_is_filtered_out_by_default(ns, observe):
    with patient(IPPROTO_ICMP) as sock:
        sock.sendto(ECHO, ("127.0.0.1", 0))

        assert [observe("filter", sock.icmp_filter), observe("received", types(sock, 2))] == [
            0,
            [ECHO_REQUEST, ECHO_REPLY],
        ]


@claim(
    "defacto/ICMP_FILTER/first-32-types",
    says="ICMP_FILTER has bits for the types 0 to 31; with all of them set a raw socket of IPPROTO_ICMP "
    "still receives type 32.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_types_above_31_are_not_filtered(ns, observe):
    with patient(IPPROTO_ICMP) as all_types, patient(IPPROTO_ICMP) as sock:
        sock.icmp_filter = 0xFFFF_FFFF
        sock.sendto(LAST_FILTERED, ("127.0.0.1", 0))
        sock.sendto(FIRST_UNFILTERED, ("127.0.0.1", 0))

        assert [observe("sent", types(all_types, 2)), observe("received", types(sock, 1))] == [[31, 32], [32]]


@claim(
    "defacto/ICMP_FILTER/icmp-only",
    says="On a raw IPv4 socket of another protocol ICMP_FILTER fails with EOPNOTSUPP, to set and to get; on "
    "one of IPPROTO_ICMP it reads back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_it_is_of_icmp_only(ns, observe):
    with patient(IPPROTO_UDP) as other, patient(IPPROTO_ICMP) as sock:
        with refused(errno.EOPNOTSUPP):
            other.set(ICMP_FILTER, 1)
        with refused(errno.EOPNOTSUPP, "errno_get"):
            other.get(ICMP_FILTER)
        sock.icmp_filter = 0x8000_0001

        assert observe("filter", hex(sock.icmp_filter)) == "0x80000001"


@claim(
    "defacto/ICMP_FILTER/optlen",
    says="Set with fewer than four bytes ICMP_FILTER takes these and keeps the others, with none all; what "
    "is beyond four is ignored.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives={
        "no-op: setsockopt(SOL_RAW, ICMP_FILTER, ~*": "where all four bytes are given none is kept",
        "no-op: setsockopt(SOL_RAW, ICMP_FILTER, 0)*": "of no bytes none is taken",
    },
)
@pytest.mark.parametrize(
    ("given", "stored"),
    [(b"", "ffffffff"), (b"\1", "01ffffff"), (b"\1\2\3", "010203ff"), (b"\1\2\3\4\5", "01020304")],
)
def test_it_takes_the_bytes_it_gets(ns, observe, given, stored):
    with patient(IPPROTO_ICMP) as sock:
        sock.set(ICMP_FILTER.through(raw(4)), b"\xff\xff\xff\xff")
        sock.set(ICMP_FILTER.through(raw(len(given))), given)

        assert observe("stored", sock.get(ICMP_FILTER.through(raw(4))).hex()) == stored


@claim(
    "defacto/ICMPV6_FILTER/filters",
    says="A raw socket of IPPROTO_ICMPV6 does not receive the messages whose type's bit is set in "
    "ICMPV6_FILTER, which is all zeros at first, and receives the others.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("filtered", "received"), [(ECHO6_REQUEST, ECHO6_REPLY), (ECHO6_REPLY, ECHO6_REQUEST)]
)
def test_a_type_of_icmpv6_is_filtered_out(ns, observe, filtered, received):
    with patient(IPPROTO_ICMPV6, AF_INET6) as all_types, patient(IPPROTO_ICMPV6, AF_INET6) as sock:
        before = sock.get(ICMPV6_FILTER).hex()
        sock.set(ICMPV6_FILTER, bit(filtered))
        sock.sendto(ECHO6, ("::1", 0))
        sent = [all_types.recv(200)[0] for _ in range(2)]
        sock.sendto(ECHO6, ("::1", 0))
        seen = [sock.recv(200)[0] for _ in range(2)]

        assert [observe("before", before), observe("sent", sent), observe("received", seen)] == [
            bytes(32).hex(),
            [ECHO6_REQUEST, ECHO6_REPLY],
            [received, received],
        ]


@claim(
    "defacto/ICMPV6_FILTER/icmpv6-only",
    says="On a raw IPv6 socket of another protocol ICMPV6_FILTER fails with EOPNOTSUPP, to set and to get.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_it_is_of_icmpv6_only(ns, observe):
    with patient(EXPERIMENT, AF_INET6) as other, patient(IPPROTO_ICMPV6, AF_INET6) as sock:
        with refused(errno.EOPNOTSUPP):
            other.set(ICMPV6_FILTER, bit(255))
        with refused(errno.EOPNOTSUPP, "errno_get"):
            other.get(ICMPV6_FILTER)
        sock.set(ICMPV6_FILTER, bit(255))

        assert observe("filter", sock.get(ICMPV6_FILTER).hex()) == bit(255).hex()


@claim(
    "defacto/ICMPV6_FILTER/unknown-options",
    says="On a raw IPv6 socket of IPPROTO_ICMPV6 options of IPPROTO_ICMPV6 other than 1, which is "
    "ICMPV6_FILTER, fail with ENOPROTOOPT, to set and to get.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("number", [0, 2, 255, -1])
def test_there_is_no_other_option_of_icmpv6(ns, observe, number):
    with patient(IPPROTO_ICMPV6, AF_INET6) as sock:
        option = IPPROTO_ICMPV6, number
        with refused(errno.ENOPROTOOPT):
            option_set(sock.fileno(), option)
        with refused(errno.ENOPROTOOPT, "errno_get"):
            option_got(sock.fileno(), option)
        option_set(sock.fileno(), (IPPROTO_ICMPV6, ICMPV6_FILTER.number), bit(255))

        filtered = option_got(sock.fileno(), (IPPROTO_ICMPV6, ICMPV6_FILTER.number), room=32)
        assert observe("filter", filtered.hex()) == bit(255).hex()


@claim(
    "defacto/IPV6_CHECKSUM/default",
    says="IPV6_CHECKSUM is 2 on a new raw IPv6 socket of IPPROTO_ICMPV6, and -1, off, on one of IPPROTO_UDP "
    "or of a protocol that the kernel does not know.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(("protocol", "default"), [(EXPERIMENT, -1), (IPPROTO_UDP, -1), (IPPROTO_ICMPV6, 2)])
def test_only_icmpv6_has_a_checksum(ns, observe, protocol, default):
    with patient(protocol, AF_INET6) as sock:
        assert observe("default", sock.ipv6_checksum) == default


@claim(
    "defacto/IPV6_CHECKSUM/filled-in",
    says="With IPV6_CHECKSUM the kernel puts a checksum at that offset of what a raw IPv6 socket sends; with "
    "-1 it leaves it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("offset", [0, 2, 6])
def test_a_checksum_is_filled_in(ns, observe, offset):
    with patient(EXPERIMENT, AF_INET6) as receiver, patient(EXPERIMENT, AF_INET6) as sender:
        sender.ipv6_checksum = offset
        sender.sendto(bytes(8), ("::1", 0))
        filled = receiver.recv(100)
        sender.ipv6_checksum = -1
        sender.sendto(bytes(8), ("::1", 0))
        left = receiver.recv(100)
        where = [at for at in range(0, 8, 2) if filled[at : at + 2] != bytes(2)]
        header = pseudo_header(LOOPBACK6, LOOPBACK6, 8, protocol=EXPERIMENT)

        assert [
            observe("where", where),
            observe("sum", hex(internet_sum(header + filled))),
            observe("left", left.hex()),
        ] == [[offset], "0xffff", bytes(8).hex()]


@claim(
    "defacto/IPV6_CHECKSUM/verified",
    says="A raw IPv6 socket with IPV6_CHECKSUM does not receive packets with a wrong checksum at that "
    "offset.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_a_wrong_checksum_is_dropped(ns, observe):
    with (
        patient(EXPERIMENT, AF_INET6) as every,
        patient(EXPERIMENT, AF_INET6) as verifying,
        patient(EXPERIMENT, AF_INET6) as sender,
    ):
        verifying.ipv6_checksum = 2
        sender.sendto(b"\0\0\0\0wrong!", ("::1", 0))
        sender.ipv6_checksum = 2
        sender.sendto(b"\0\0\0\0right!", ("::1", 0))
        sent = [every.recv(100)[4:].decode() for _ in range(2)]

        assert [observe("sent", sent), observe("received", verifying.recv(100)[4:].decode())] == [
            ["wrong!", "right!"],
            "right!",
        ]


@claim(
    "defacto/IPV6_CHECKSUM/odd",
    says="An odd IPV6_CHECKSUM above 0 is refused with EINVAL on a raw IPv6 socket of a protocol that the "
    "kernel does not know; any negative one is -1, off.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("negative", [-1, -2, -2_147_483_648])
def test_the_offset_is_even(ns, observe, negative):
    with patient(EXPERIMENT, AF_INET6) as sock:
        sock.ipv6_checksum = 4
        with refused(errno.EINVAL):
            sock.set(IPV6_CHECKSUM, 3)
        kept = [sock.ipv6_checksum]
        sock.ipv6_checksum = negative
        kept.append(sock.ipv6_checksum)

        assert observe("kept", kept) == [4, -1]


@claim(
    "defacto/ping_group_range/default",
    says="In a new network namespace nobody may make ping sockets (SOCK_DGRAM of IPPROTO_ICMP or "
    "IPPROTO_ICMPV6): ping_group_range is 1 0, and it fails with EACCES, with all capabilities too.",
    since="3.11",
    commit="6d0bfe226116",
)
@pytest.mark.parametrize(("family", "protocol"), [(AF_INET, IPPROTO_ICMP), (AF_INET6, IPPROTO_ICMPV6)])
def test_nobody_may_ping_by_default(ns, observe, family, protocol):
    before = str(ns.sysctl[PING_GROUPS]).split()
    with refused(errno.EACCES):
        Socket(family, SOCK_DGRAM, protocol)
    ns.sysctl[PING_GROUPS] = f"{os.getegid()} {os.getegid()}"
    with Socket(family, SOCK_DGRAM, protocol) as sock:
        assert [observe("before", before), sock.family == family] == [["1", "0"], True]


@claim(
    "defacto/ping_group_range/free",
    sentence="capabilities.7/CAP_NET_RAW/sockets",
    says="Where ping_group_range has the caller's group a ping socket over IPv4 takes no capability: it "
    "sends an echo request, and receives the reply from its ICMP header on.",
    since="3.0",
    commit="c319b4d76b9e",
    needs=[Capability.NET_RAW],
)
def test_a_ping_socket_takes_no_capability(ns, observe):
    ns.sysctl[PING_GROUPS] = f"{os.getegid()} {os.getegid()}"
    with only():
        with refused(errno.EPERM):
            Socket.raw(IPPROTO_ICMP)
        sock = Socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
    with sock:
        sock.rcvtimeo = SOON
        sock.sendto(bytes([ECHO_REQUEST, 0, 0, 0, 0, 0, 0, 7]) + b"hello", ("127.0.0.1", 0))
        reply = sock.recv(100)

        assert observe("type_sequence_data", [reply[0], reply[7], reply[8:].decode()]) == [
            ECHO_REPLY,
            7,
            "hello",
        ]


@claim(
    "defacto/ping_group_range/echo-only",
    says="A ping socket over IPv4 sends echo requests, and neither echo replies nor timestamp requests: "
    "these fail with EINVAL.",
    since="3.0",
    commit="c319b4d76b9e",
)
@pytest.mark.parametrize("type_", [ECHO_REPLY, TIMESTAMP_REQUEST])
def test_a_ping_socket_sends_requests_only(ns, observe, type_):
    ns.sysctl[PING_GROUPS] = f"{os.getegid()} {os.getegid()}"
    with Socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) as sock:
        sock.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sock.sendto(bytes([type_, *bytes(7)]), ("127.0.0.1", 0))
        sock.sendto(bytes([ECHO_REQUEST, *bytes(7)]), ("127.0.0.1", 0))

        assert observe("reply", sock.recv(100)[0]) == ECHO_REPLY
