"""Raw sockets where documents are silent: buffers, a peer, short packets, and what comes with a packet."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPPROTO_RAW,
)

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, Need
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import option_got
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.datagrams import ipv4_packet
from conformance.plugin.setups.files import pipe
from conformance.plugin.setups.pairs import UDP_PAIRS
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.sockets import SOCKETS, raw_socket
from conformance.plugin.setups.splices import SPLICE_F_NONBLOCK, splice
from conformance.plugin.timing import SOON
from libsocket import IPV6_CHECKSUM, Socket
from netns import Capability

EXPERIMENT = 253
"""A protocol that nobody has, RFC 3692."""
HEADER, HEADER6 = 20, 40
LOOPBACK: dict[int, str] = {AF_INET: "127.0.0.1", AF_INET6: "::1"}
HEADERS: dict[int, int] = {AF_INET: HEADER, AF_INET6: 0}
SOL_SOCKET, SO_BINDTODEVICE = 1, 25
IP_TOS, IP_TTL = 1, 2
IPV6_HOPLIMIT, IPV6_TCLASS = 52, 67
ECHO_REQUEST = bytes([8, 0, 0xF7, 0xFD, 0, 1, 0, 1])
"""With its checksum."""
UNKNOWN_ICMPV6 = b"\xc8\0\0\0\0\0\0\0"
"""Of a type for experiments, 200, without a checksum."""
SOL_RAW = 255
FAMILIES = pytest.mark.parametrize("family", [AF_INET, AF_INET6])
NET_RAW: list[Need | Capability] = [Capability.NET_RAW]
RAW: list[Need | Capability] = [Capability.NET_RAW, IPV6]


def raw_pair(family: int = AF_INET) -> tuple[Socket, Socket]:
    """Two raw sockets of one protocol on loopback: a sender with a peer, and a receiver that gives up."""
    sender, receiver = raw_socket(family), raw_socket(family)
    sender.connect((LOOPBACK[family], 0))
    receiver.rcvtimeo = SOON
    return sender, receiver


def size_and_filled(message: bytes) -> list[int]:
    """The size of a message, and where behind the first of its words of 16 bits it has others than zero."""
    return [len(message), *(at for at in range(2, len(message), 2) if any(message[at : at + 2]))]


def texts(sock: Socket, header: int, count: int) -> list[str]:
    """What so many packets carry behind a header."""
    return [sock.recv(100)[header:].decode() for _ in range(count)]


@claim(
    "defacto/SO_RCVBUF/least-raw-and-packet",
    says="The least SO_RCVBUF and the least SO_SNDBUF of a raw socket, over IPv4 and IPv6, and of a packet "
    "socket are those of a UDP socket, which one of 0 asks for; a byte more asked for than half of it is "
    "stored doubled.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
)
@pytest.mark.parametrize("option", [Socket.rcvbuf, Socket.sndbuf], ids=["rcvbuf", "sndbuf"])
@pytest.mark.parametrize("kind", ["raw", "raw6", "packet"])
def test_the_least_buffer_is_that_of_udp(ns, observe, kind, option):
    with SOCKETS[kind]() as sock, Socket.udp() as udp:
        udp.set(option, 0)
        least = udp.get(option)
        sock.set(option, 0)
        found = [sock.get(option) - least]
        sock.set(option, least // 2 + 1)
        found.append(sock.get(option) - least)

        assert observe("above_udps_least", found) == [0, 2]


@claim(
    "defacto/recv/larger-than-rcvbuf",
    says="A UDP or raw socket, over IPv4 and IPv6, with the least SO_RCVBUF for which nothing waits receives "
    "a packet that is larger than that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
)
@pytest.mark.parametrize(
    ("pair", "header"),
    [(UDP_PAIRS["udp"], 0), (UDP_PAIRS["udp6"], 0), (raw_pair, HEADER), (partial(raw_pair, AF_INET6), 0)],
    ids=["udp", "udp6", "raw", "raw6"],
)
def test_one_packet_may_be_larger_than_the_buffer(ns, observe, pair, header):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.rcvbuf = 0
        smaller = receiver.rcvbuf < 10_000
        sender.send(bytes(10_000))

        assert [smaller, observe("received", len(receiver.recv(20_000)) - header)] == [True, 10_000]


@contextmanager
def full_receiver(family: int) -> Iterator[tuple[Socket, Socket, Socket]]:
    """A raw sender, a receiver that has room for no more than waits there, and another that has."""
    other = raw_socket(family)  # made first, it is the last that a packet is given to
    sender, receiver = raw_pair(family)
    with sender, receiver, other:
        other.rcvtimeo = SOON
        receiver.rcvbuf = 0
        sender.send(bytes(10_000))
        await_readable(receiver)
        yield sender, receiver, other


@claim(
    "defacto/recv/no-room-raw",
    says="A packet for which the SO_RCVBUF of a raw socket, over IPv4 and IPv6, has no room, since another "
    "waits, is lost; once that is received the next is received.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
)
@FAMILIES
def test_what_has_no_room_is_lost(ns, observe, family):
    with full_receiver(family) as (sender, receiver, other):
        sender.send(bytes(5_000))
        by_other = [len(other.recv(20_000)) - HEADERS[family] for _ in range(2)]
        first = len(receiver.recv(20_000)) - HEADERS[family]
        sender.send(bytes(100))
        second = len(receiver.recv(20_000)) - HEADERS[family]

        assert observe("by_other_and_here", [by_other, [first, second]]) == [[10_000, 5_000], [10_000, 100]]


@claim(
    "defacto/SO_MEMINFO/drops-raw",
    says="SO_MEMINFO of a raw socket, over IPv4 and IPv6, counts each packet for which its SO_RCVBUF has no "
    "room.",
    since="4.12",
    commit="a2d133b1d465",
    needs=RAW,
)
@FAMILIES
def test_what_has_no_room_is_counted(ns, observe, family):
    with full_receiver(family) as (sender, receiver, other):
        before = receiver.meminfo.drops
        for _ in range(3):
            sender.send(bytes(100))
        for _ in range(4):
            other.recv(20_000)

        assert observe("before_and_after", [before, receiver.meminfo.drops]) == [0, 3]


@claim(
    "defacto/connect/raw-sends-and-receives",
    says="A connected raw socket, over IPv4 and IPv6, sends to its peer without an address, and receives "
    "what comes from the peer's address, and not what comes from another.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
)
@pytest.mark.parametrize(
    ("family", "peer", "other"),
    [(AF_INET, "127.0.0.1", "127.0.0.2"), (AF_INET6, "::1", "fd00::2")],
    ids=["ipv4", "ipv6"],
)
def test_a_raw_socket_has_one_peer(ns, observe, family, peer, other):
    ns.add_address("lo", "fd00::2/128")
    with raw_socket(family) as sock, raw_socket(family) as far, raw_socket(family) as third:
        sock.rcvtimeo = far.rcvtimeo = SOON
        third.bind((other, 0))
        far.bind((peer, 0))
        sock.connect((peer, 0))
        sock.send(b"to the peer")
        third.sendto(b"from another", (peer, 0))
        far.sendto(b"from the peer", (peer, 0))
        here = texts(sock, HEADERS[family], 2)
        there = texts(far, HEADERS[family], 3)

        assert observe("here_and_there", [here, there]) == [
            ["to the peer", "from the peer"],
            ["to the peer", "from another", "from the peer"],
        ]


@claim(
    "defacto/SO_BINDTODEVICE/raw-reads",
    says="SO_BINDTODEVICE of a raw socket, over IPv4 and IPv6, reads as nothing at first, and then as the "
    "name of the interface that it is set to, with a null byte.",
    since="3.8",
    commit="c91f6df2db49",
    needs=RAW,
)
@FAMILIES
def test_a_raw_socket_names_its_interface(ns, observe, family):
    with raw_socket(family) as sock:
        option = (SOL_SOCKET, SO_BINDTODEVICE)
        before = option_got(sock.fileno(), option, 16)
        sock.bindtodevice = "lo"

        found = [before.decode(), option_got(sock.fileno(), option, 16).decode()]
        assert observe("before_and_after", found) == ["", "lo\0"]


@claim(
    "defacto/IPV6_HDRINCL/shorter-than-a-header",
    says="A raw socket over IPv6 of IPPROTO_RAW refuses to send 39 bytes, which are no header, with EINVAL, "
    "and sends 40.",
    since="4.12",
    commit="86f4c90a1c5c",
    needs=RAW,
)
def test_a_header_is_whole(ns, observe):
    address = bytes(15) + b"\x01"
    header = bytes([0x60, 0, 0, 0, 0, 0, EXPERIMENT, 64]) + address + address
    with raw_socket(AF_INET6) as receiver, Socket.raw(IPPROTO_RAW, AF_INET6) as sock:
        receiver.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sock.sendto(header[: HEADER6 - 1], ("::1", 0))
        sock.sendto(header, ("::1", 0))

        assert observe("bytes_carried", len(receiver.recv(100))) == 0


@claim(
    "defacto/IP_RECVTOS/raw",
    says="With IP_RECVTOS or IP_RECVTTL a raw socket over IPv4 receives with each packet IP_TOS, a byte, or "
    "IP_TTL, an int, as an option of the sender set it, or a control message; without it, none.",
    since="3.13",
    commit="aa6615814533",
    needs=NET_RAW,
)
@pytest.mark.parametrize(
    ("asked", "given", "kind", "size"),
    [
        (Socket.ip_recvtos, Socket.ip_tos, IP_TOS, 1),
        (Socket.ip_recvttl, Socket.ip_ttl, IP_TTL, 4),
    ],
    ids=["tos", "ttl"],
)
def test_a_raw_socket_is_told_of_the_header(ns, observe, *, asked, given, kind, size):
    sender, receiver = raw_pair()
    with sender, receiver:
        sender.set(given, 0x28)
        sender.send(b"without")
        without = control_headers(receiver)
        receiver.set(asked, True)
        sender.send(b"by the option")
        sender.sendmsg([b"by a message"], [(IPPROTO_IP, kind, (0x30).to_bytes(4, sys.byteorder))])
        [(*first, option)] = receiver.recvmsg(100, 100)[1]
        [(*second, message)] = receiver.recvmsg(100, 100)[1]
        found = [[*first, len(option), option[0]], [*second, len(message), message[0]]]

        assert [observe("without", without), observe("messages", found)] == [
            [],
            [[IPPROTO_IP, kind, size, 0x28], [IPPROTO_IP, kind, size, 0x30]],
        ]


@claim(
    "defacto/IPV6_RECVTCLASS/raw",
    says="With IPV6_RECVTCLASS or IPV6_RECVHOPLIMIT a raw socket over IPv6 receives with each packet "
    "IPV6_TCLASS or IPV6_HOPLIMIT, an int, as an option of the sender set it, or a control message; without "
    "it, none.",
    since="2.6.14",
    commit="41a1f8ea4fbf",
    needs=RAW,
)
@pytest.mark.parametrize(
    ("asked", "given", "kind"),
    [
        (Socket.ipv6_recvtclass, Socket.ipv6_tclass, IPV6_TCLASS),
        (Socket.ipv6_recvhoplimit, Socket.ipv6_unicast_hops, IPV6_HOPLIMIT),
    ],
    ids=["tclass", "hoplimit"],
)
def test_a_raw_socket_over_ipv6_is_told_of_the_header(ns, observe, *, asked, given, kind):
    sender, receiver = raw_pair(AF_INET6)
    with sender, receiver:
        sender.set(given, 0x28)
        sender.send(b"without")
        without = control_headers(receiver)
        receiver.set(asked, True)
        sender.send(b"by the option")
        sender.sendmsg([b"by a message"], [(IPPROTO_IPV6, kind, (0x30).to_bytes(4, sys.byteorder))])
        [(*first, option)] = receiver.recvmsg(100, 100)[1]
        [(*second, message)] = receiver.recvmsg(100, 100)[1]
        found = [[*first, len(option), option[0]], [*second, len(message), message[0]]]

        assert [observe("without", without), observe("messages", found)] == [
            [],
            [[IPPROTO_IPV6, kind, 4, 0x28], [IPPROTO_IPV6, kind, 4, 0x30]],
        ]


@claim(
    "defacto/IP_HDRINCL/receives",
    says="A raw socket over IPv4 of another protocol than IPPROTO_RAW that has IP_HDRINCL sends the header "
    "that it is given, and receives what comes of its protocol, as that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NET_RAW,
)
def test_a_socket_with_its_own_header_receives(ns, observe):
    with Socket.raw(EXPERIMENT) as sock:
        sock.rcvtimeo = SOON
        sock.ip_hdrincl = True
        packet = ipv4_packet(b"hello", source="127.0.0.3", destination="127.0.0.1", protocol=EXPERIMENT)
        sock.sendto(packet, ("127.0.0.1", 0))
        received, address = sock.recvfrom(100)

        assert observe("from_and_data", [address[0], received[HEADER:].decode()]) == ["127.0.0.3", "hello"]


@claim(
    "defacto/IPPROTO_ICMP/bad-checksum",
    says="An echo request over IPv4 whose checksum is wrong is received by a raw socket of IPPROTO_ICMP, and "
    "not answered, as one whose checksum is right is.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NET_RAW,
)
def test_a_wrong_request_is_not_answered(ns, observe):
    wrong = ECHO_REQUEST[:2] + b"\x12\x34" + ECHO_REQUEST[4:]
    with Socket.raw(IPPROTO_ICMP) as sock:
        sock.rcvtimeo = SOON
        sock.sendto(wrong, ("127.0.0.1", 0))
        sock.sendto(ECHO_REQUEST, ("127.0.0.1", 0))
        received = [list(sock.recv(100)[HEADER : HEADER + 4]) for _ in range(3)]

        assert observe("types_and_checksums", received) == [
            list(wrong[:4]),
            list(ECHO_REQUEST[:4]),
            [0, 0, 0xFF, 0xFD],
        ]


@claim(
    "defacto/IPV6_CHECKSUM/icmpv6-not-set",
    says="IPV6_CHECKSUM, at the level IPPROTO_IPV6, of a raw socket of IPPROTO_ICMPV6 reads 2, and cannot "
    "be set, to another place, to -1 or to 2: EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
)
@pytest.mark.parametrize("place", [-1, 0, 2, 4])
def test_the_checksum_of_icmpv6_stays_where_it_is(ns, observe, place):
    with Socket.raw(IPPROTO_ICMPV6, AF_INET6) as sock, raw_socket(AF_INET6) as other:
        other.set(IPV6_CHECKSUM, 4)
        with refused(errno.EINVAL):
            sock.set(IPV6_CHECKSUM, place)

        assert observe("icmpv6_and_other", [sock.get(IPV6_CHECKSUM), other.get(IPV6_CHECKSUM)]) == [2, 4]


@claim(
    "defacto/IPV6_CHECKSUM/icmpv6-at-sol-raw",
    says="IPV6_CHECKSUM, at the level SOL_RAW, of a raw socket of IPPROTO_ICMPV6 can be set: to 4, and then "
    "the checksum is there in what it sends, and -1, and then there is none.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
)
def test_the_checksum_of_icmpv6_is_moved_at_another_level(ns, observe):
    with Socket.raw(IPPROTO_ICMPV6, AF_INET6) as sock, Socket.raw(IPPROTO_ICMPV6, AF_INET6) as receiver:
        receiver.rcvtimeo = SOON
        receiver.setsockopt(SOL_RAW, IPV6_CHECKSUM.number, -1)
        sock.sendto(UNKNOWN_ICMPV6, ("::1", 0))
        at_two = size_and_filled(receiver.recv(100))
        sock.setsockopt(SOL_RAW, IPV6_CHECKSUM.number, 4)
        sock.sendto(UNKNOWN_ICMPV6, ("::1", 0))
        at_four = size_and_filled(receiver.recv(100))
        sock.setsockopt(SOL_RAW, IPV6_CHECKSUM.number, -1)
        sock.sendto(UNKNOWN_ICMPV6, ("::1", 0))

        assert observe("sizes_and_filled", [at_two, at_four, size_and_filled(receiver.recv(100))]) == [
            [8, 2],
            [8, 4],
            [8],
        ]


@claim(
    "defacto/IPV6_CHECKSUM/too-short",
    says="A message of 3 bytes, in which there is no room for the checksum, is refused by a raw socket of "
    "IPPROTO_ICMPV6 with EINVAL; one of 4 is sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
)
def test_a_checksum_needs_room(ns, observe):
    with Socket.raw(IPPROTO_ICMPV6, AF_INET6) as sock:
        sock.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sock.sendto(b"\xc8\0\0", ("::1", 0))
        sock.sendto(b"\xc8\0\0\0", ("::1", 0))
        received = sock.recv(100)

        assert observe("type_and_size", [received[0], len(received)]) == [0xC8, 4]


@claim(
    "defacto/EMSGSIZE/raw-ipv6",
    says="The largest packet that a raw socket over IPv6 sends has 65535 bytes after its header: a byte more "
    "is refused with EMSGSIZE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=RAW,
)
def test_a_packet_has_a_largest_size(ns, observe):
    sender, receiver = raw_pair(AF_INET6)
    with sender, receiver:
        with refused(errno.EMSGSIZE):
            sender.send(bytes(65_536))
        sender.send(bytes(65_535))

        assert observe("received", len(receiver.recv(70_000))) == 65_535


@claim(
    "defacto/splice/raw-one-packet",
    says="splice(2) of 65536 bytes from a pipe to a connected raw socket, over IPv4 and IPv6, fails with "
    "EMSGSIZE; of 12000 bytes it sends one packet.",
    since="6.5",
    commit="2dc334f1a63a",
    needs=RAW,
)
@FAMILIES
def test_a_splice_is_one_packet(ns, observe, family):
    sender, receiver = raw_pair(family)
    with sender, receiver, pipe(bytes(65_536)) as (full, _), pipe(bytes(12_000)) as (reader, _):
        with refused(errno.EMSGSIZE):
            splice(full, sender, 65_536)
        moved = splice(reader, sender, 65_536, SPLICE_F_NONBLOCK)

        received = len(receiver.recv(70_000)) - HEADERS[family]
        assert observe("moved_and_received", [moved, received]) == [12_000, 12_000]
