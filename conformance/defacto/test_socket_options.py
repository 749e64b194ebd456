"""Options of level SOL_SOCKET that no page describes: which sockets have them, and what they do."""

from __future__ import annotations

import errno
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import option_set
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.pairs import udp_across, udp_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import INT, SO_BPF_EXTENSIONS, SO_CNX_ADVICE, SO_RESERVE_MEM, Filter, Mark, Socket
from netns import Capability

NOT_EMPTY = Filter([(0x80, 0, 0, 0), (0x25, 0, 1, 8), (0x06, 0, 0, 0xFFFF_FFFF), (0x06, 0, 0, 0)])
"""Takes what is longer than the 8 bytes of a UDP header."""


@claim(
    "defacto/SO_REUSEPORT/ip-only",
    says="SO_REUSEPORT of a UNIX stream or netlink socket cannot be switched on: EOPNOTSUPP; to switch it "
    "off is no error.",
    since="6.13",
    backports=("5.15.176", "6.1.124", "6.6.70", "6.12.9"),
    commit="5b0af621c3f6",
    survives={"no-op: setsockopt(*SO_REUSEPORT, ?0?*": "it is off already"},
)
@pytest.mark.parametrize("make", [Socket.unix, Socket.netlink], ids=["unix", "netlink"])
def test_only_ip_sockets_share_ports(ns, observe, make):
    with make() as sock, Socket.tcp() as tcp:
        tcp.reuseport = True
        sock.reuseport = False
        with refused(errno.EOPNOTSUPP):
            sock.reuseport = True

        assert observe("of_tcp_and_this", [tcp.reuseport, sock.reuseport]) == [True, False]


@claim(
    "defacto/SO_REUSEPORT/tcp-switched-off",
    says="A TCP socket that had SO_REUSEPORT when it was bound shares its address with another of the same "
    "user that has it, though it has switched it off before the other is bound.",
    since="3.9",
    commit="da5e36308d9f",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_tcp_shares_on(ns, observe, host):
    with Socket.tcp() as first, Socket.tcp() as second:
        first.reuseport = second.reuseport = True
        first.bind((host, 0))
        first.reuseport = False
        second.bind(first.getsockname())
        shared = first.getsockname() == second.getsockname()

        assert observe("options_and_shared", [first.reuseport, second.reuseport, shared]) == [
            False,
            True,
            True,
        ]


@claim(
    "defacto/SO_REUSEPORT/udp-switched-off",
    says="A UDP socket that had SO_REUSEPORT when it was bound, and has switched it off since, keeps another "
    "of the same user that has it from its address: EADDRINUSE.",
    since="3.9",
    commit="ba418fa357a7",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_udp_does_not_share_on(ns, observe, host):
    with Socket.udp() as first, Socket.udp() as second:
        first.reuseport = second.reuseport = True
        first.bind((host, 0))
        when_bound = first.reuseport
        first.reuseport = False
        with refused(errno.EADDRINUSE):
            second.bind(first.getsockname())
        first.reuseport = True
        second.bind(first.getsockname())
        shared = first.getsockname() == second.getsockname()

        assert observe("when_bound_and_shared", [when_bound, shared]) == [True, True]


@claim(
    "defacto/SO_TXREHASH/tcp-only",
    says="SO_TXREHASH of a UDP or UNIX stream socket is refused with EOPNOTSUPP.",
    since="6.16",
    commit="ae4f2f59e1f9",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix], ids=["udp", "unix"])
def test_only_tcp_hashes_again(ns, observe, make):
    with make() as sock, Socket.tcp() as tcp:
        tcp.txrehash = 0
        with refused(errno.EOPNOTSUPP):
            sock.txrehash = 0

        assert observe("of_tcp", tcp.txrehash) == 0


@claim(
    "defacto/SO_CNX_ADVICE/any-number",
    says="SO_CNX_ADVICE of a connected TCP or UDP socket takes any number; reading it is refused with "
    "ENOPROTOOPT.",
    since="4.6",
    commit="a87cb3e48ee8",
    survives={"no-op: setsockopt(*SO_CNX_ADVICE*": "on loopback there is no other path to be taken"},
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair], ids=["tcp", "udp"])
@pytest.mark.parametrize("advice", [0, 1, -1])
def test_advice_is_taken(ns, observe, pair, advice):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.cnx_advice = advice
        with refused(errno.ENOPROTOOPT):
            sender.getsockopt(socket.SOL_SOCKET, SO_CNX_ADVICE.number)
        sender.send(b"still there")

        assert observe("received", receiver.recv(20).decode()) == "still there"


@claim(
    "defacto/SO_DETACH_FILTER/none",
    says="Detaching a filter from a UDP or UNIX stream socket that has none is refused with ENOENT.",
    since="2.6.24",
    commit="55b333253d5b",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix], ids=["udp", "unix"])
def test_there_must_be_a_filter(ns, observe, make):
    with make() as sock:
        sock.attach_filter = Filter.accept(7)
        attached = sock.filter() == Filter.accept(7)
        sock.detach_filter = 0
        with refused(errno.ENOENT):
            sock.detach_filter = 0

        assert observe("attached_and_detached", [attached, sock.filter()]) == [True, None]


@claim(
    "defacto/SO_BPF_EXTENSIONS/number",
    says="SO_BPF_EXTENSIONS of a TCP, UDP or UNIX stream socket is 64; setting it is refused with "
    "ENOPROTOOPT.",
    since="4.1",
    commit="27cd54524769",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
def test_how_many_extensions_there_are(ns, observe, make):
    with make() as sock:
        with refused(errno.ENOPROTOOPT):
            sock.set(SO_BPF_EXTENSIONS.through(INT), 1)

        assert observe("extensions", sock.bpf_extensions) == 64


@claim(
    "defacto/SO_RCVMARK/unmarked",
    says="With SO_RCVMARK a mark comes with each datagram to a UDP socket, 0 where its packet has none. "
    "Without it none comes.",
    since="5.19",
    commit="6fd1d51cfa25",
    needs=[Capability.NET_ADMIN],
)
def test_a_mark_comes_always(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.mark = 2**32 - 1
        sender.send(b"without")
        without_option = control_messages(receiver, Mark)
        receiver.rcvmark = True
        sender.send(b"marked")
        marked = [int(one) for one in control_messages(receiver, Mark)]
        sender.mark = 0
        sender.send(b"unmarked")
        unmarked = [int(one) for one in control_messages(receiver, Mark)]

        assert observe("marks", [without_option, marked, unmarked]) == [[], [2**32 - 1], [0]]


@claim(
    "defacto/SO_MEMINFO/sizes",
    says="SO_MEMINFO of a UDP socket has its SO_RCVBUF and SO_SNDBUF, how much of the former is taken by "
    "what waits to be read, and how many packets it has dropped, as one that its filter refuses.",
    since="4.12",
    commit="a2d133b1d465",
)
def test_the_memory_of_a_socket(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvbuf = 20000
        receiver.sndbuf = 30000
        empty = receiver.meminfo
        receiver.attach_filter = NOT_EMPTY
        sender.send(b"")
        sender.send(bytes(1000))
        await_readable(receiver)
        holding = receiver.meminfo

        assert observe(
            "empty_and_holding",
            [
                [empty.rcvbuf, empty.sndbuf, empty.rmem_alloc, empty.drops],
                [holding.rcvbuf, holding.sndbuf, holding.rmem_alloc > 1000, holding.drops],
            ],
        ) == [[40000, 60000, 0, 0], [40000, 60000, True, 1]]


@claim(
    "defacto/SO_RESERVE_MEM/tcp-only",
    says="SO_RESERVE_MEM of a UDP or UNIX stream socket cannot be set, not to zero either: EOPNOTSUPP.",
    since="7.3",
    backports=("6.12.113", "6.18.56", "7.2.10"),
    commit="37e02c42a00b",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix], ids=["udp", "unix"])
@pytest.mark.parametrize("size", [0, 4096])
def test_only_tcp_reserves_memory(ns, observe, make, size):
    with make() as sock:
        with refused(errno.EOPNOTSUPP):
            sock.reserve_mem = size

        assert observe("reserved", sock.reserve_mem) == 0


@claim(
    "defacto/SO_RESERVE_MEM/negative",
    says="A negative SO_RESERVE_MEM of a TCP, UDP or UNIX stream socket is refused with EINVAL.",
    since="5.16",
    commit="2bb2f5fb21b0",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
@pytest.mark.parametrize("size", [-1, -(2**31)])
def test_no_less_than_nothing_is_reserved(ns, observe, make, size):
    with make() as sock:
        with refused(errno.EINVAL):
            sock.set(SO_RESERVE_MEM.through(INT), size)

        assert observe("reserved", sock.reserve_mem) == 0


@claim(
    "defacto/SO_NO_CHECK/no-checksum",
    says="UDP datagrams over IPv4 that a socket with SO_NO_CHECK sends have a checksum of zero, which means "
    "none; those of one without it have one.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_datagrams_without_a_checksum(peers, observe):
    with peers.right.entered():
        arriving = packets()
    with arriving, udp_across(peers) as (sender, receiver):
        arriving.rcvtimeo = SOON
        address = peers.right.address, receiver.getsockname()[1]
        sender.sendto(b"with", address)
        sender.no_check = True
        sender.sendto(b"without", address)
        sums = [arriving.recv(99)[26:28] != bytes(2) for _ in range(2)]

        assert observe("has_checksum", sums) == [True, False]


SO_PASSSEC = socket.SOL_SOCKET, 34


@claim(
    "defacto/SO_PASSSEC/set-elsewhere",
    says="Setting SO_PASSSEC of a TCP or UDP socket, over IPv4 and IPv6, to 1 or 0 is refused with "
    "EOPNOTSUPP, whether the kernel has security modules or not; SO_KEEPALIVE can be set.",
    since="6.16",
    commit="0e81cfd971dc",
    needs=[IPV6],
)
@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "udp6"])
def test_labels_are_passed_by_unix_sockets(ns, observe, kind, value):
    with SOCKETS[kind]() as sock:
        with refused(errno.EOPNOTSUPP):
            option_set(sock.fileno(), SO_PASSSEC, value.to_bytes(4, sys.byteorder))
        sock.keepalive = True

        assert observe("keepalive", sock.keepalive) is True
