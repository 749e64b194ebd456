"""Sysctls of what answers have of the packets that they answer: the mark, and the type of service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, MSG_DONTWAIT
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.marks import dropping_all_but
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.setups.segments import ACK, RST, SYN, segment, segments
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability
from reports.model import Expectation

REFLECT: Final = {4: "net.ipv4.fwmark_reflect", 6: "net.ipv6.fwmark_reflect"}
ACCEPT, REFLECT_TOS = "net.ipv4.tcp_fwmark_accept", "net.ipv4.tcp_reflect_tos"
HERE = {4: "127.0.0.1", 6: "::1"}
TCP = {4: "tcp", 6: "tcp6"}
UDP = {4: "udp", 6: "udp6"}
PING = {4: (IPPROTO_ICMP, 8), 6: (IPPROTO_ICMPV6, 128)}
VERSIONS = pytest.mark.parametrize("version", [4, 6])
CLOSED_LATE: Final = {"no-op: close*": "what was sent before arrives"}
ALL_MARKED: Final = {
    "no-op: setsockopt(*SO_ATTACH_FILTER*": "where all has the mark, a filter has nothing to drop"
}
NEEDS = (Capability.NET_ADMIN, Capability.NET_RAW, IPV6)
MARK, ANOTHER = 7, 8
SYNACK_UNMARKED: Final = [
    ("3.16", "4.14.241"),
    ("4.15", "4.19.199"),
    ("4.20", "5.4.135"),
    ("5.5", "5.10.53"),
    ("5.11", "5.13.5"),
]
"""The kernels without 43b90bfad34b, which 5.14 has, and the stable series by a backport."""


def synack_unmarked(since: str, until: str) -> Expectation:
    return differs(
        "the SYN-ACK has no mark, and only what follows has",
        since=since,
        until=until,
        commit="84f39b08d786",
        observed={"marks": [0, MARK], "seen": [[True, False, True], [False, True, False]]},
    )


TOS = 0x28
"""A type of service without a bit of ECN."""


def arrived(arriving: Socket) -> list[bytes]:
    """The packets that have arrived by now."""
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(arriving.recv(70_000, MSG_DONTWAIT))
    return found


def protocols(arriving: Socket) -> list[int]:
    """Those of the packets that have arrived by now."""
    return [packet[9] if packet[0] >> 4 == 4 else packet[6] for packet in arrived(arriving)]


def flags(arriving: Socket) -> list[int]:
    """Those of the segments that have arrived by now."""
    return [segment(packet).flags for packet in arrived(arriving)]


def service(packet: bytes) -> int:
    """The type of service, or the traffic class."""
    return packet[1] if packet[0] >> 4 == 4 else int.from_bytes(packet[:2], "big") >> 4 & 0xFF


@contextmanager
def marked(version: int, mark: int = MARK) -> Iterator[Socket]:
    """A packet socket that receives what goes by loopback with a mark."""
    with segments(version) as arriving:
        arriving.attach_filter = dropping_all_but(mark)
        yield arriving


def answered_stream(version: int) -> None:
    """A marked SYN to a port that nobody has, and the reset."""
    with SOCKETS[TCP[version]]() as sock:
        sock.mark = MARK
        with suppress(ConnectionRefusedError):
            sock.connect((HERE[version], 9))


def answered_datagram(version: int) -> None:
    """A marked datagram to a port that nobody has, and the message of ICMP."""
    with SOCKETS[UDP[version]]() as sock:
        sock.mark = MARK
        sock.connect((HERE[version], 9))
        sock.send(b"hello")
        await_error(sock)


def answered_echo(version: int) -> None:
    """A marked echo request, and the reply."""
    number, request = PING[version]
    with Socket.raw(number, *([AF_INET6] if version == 6 else [])) as sock:
        sock.rcvtimeo = SOON
        sock.mark = MARK
        body = bytes([0, 1, 0, 1])
        checksum = (~((request << 8) + 1 + 1) & 0xFFFF).to_bytes(2, "big")
        sock.sendto(bytes([request, 0]) + checksum + body, (HERE[version], 0))
        for _ in "request", "reply":
            sock.recv(100)


ANSWERED: Final = {
    "reset": (answered_stream, {4: [IPPROTO_TCP] * 2, 6: [IPPROTO_TCP] * 2}),
    "unreachable": (answered_datagram, {4: [IPPROTO_UDP, IPPROTO_ICMP], 6: [IPPROTO_UDP, IPPROTO_ICMPV6]}),
    "echo": (answered_echo, {4: [IPPROTO_ICMP] * 2, 6: [IPPROTO_ICMPV6] * 2}),
}
"""What makes the kernel answer, and the protocols of the packet that is answered and of the answer."""


@claim(
    "ip-sysctl/fwmark_reflect/answers",
    sentence=(
        "ip-sysctl/fwmark_reflect/disabled",
        "ip-sysctl/fwmark_reflect/enabled",
        "ip-sysctl/fwmark_reflect/default",
        "ip-sysctl/ipv6-fwmark_reflect/disabled",
        "ip-sysctl/ipv6-fwmark_reflect/enabled",
        "ip-sysctl/ipv6-fwmark_reflect/default",
    ),
    section="/proc/sys/net/ipv4/* Variables",
    says="A TCP reset by a port that nobody has, an ICMP error and an echo reply, over IPv4 and IPv6, have "
    "no mark in a new network namespace, and with fwmark_reflect of their version that of what they answer.",
    since="3.16",
    needs=NEEDS,
    survives=CLOSED_LATE,
)
@VERSIONS
@pytest.mark.parametrize("answer", list(ANSWERED))
def test_answers_have_the_mark(ns, observe, version, answer):
    ask, (asked, answering) = ANSWERED[answer][0], ANSWERED[answer][1][version]
    with marked(version) as with_mark, marked(version, 0) as without:
        ask(version)
        before = [protocols(with_mark), protocols(without)]
        ns.sysctl[REFLECT[version]] = 1
        ask(version)
        after = [protocols(with_mark), protocols(without)]

        assert [observe("before", before), observe("after", after)] == [
            [[asked], [answering]],
            [[asked, answering], []],
        ]


@claim(
    "ip-sysctl/fwmark_reflect/version",
    sentence=("ip-sysctl/fwmark_reflect/disabled", "ip-sysctl/ipv6-fwmark_reflect/disabled"),
    section="/proc/sys/net/ipv4/* Variables",
    says="fwmark_reflect of one version of IP is not for the other: with it a reset of the other version has "
    "no mark, and one of its own has.",
    since="3.16",
    needs=NEEDS,
    survives=CLOSED_LATE | ALL_MARKED,
)
@VERSIONS
def test_each_version_has_its_own(ns, observe, version):
    other = {4: 6, 6: 4}[version]
    ns.sysctl[REFLECT[version]] = 1
    with marked(version) as of_version, marked(other) as of_other, marked(other, 0) as without:
        answered_stream(version)
        answered_stream(other)

        seen = [flags(of_version), flags(of_other), flags(without)]
        assert observe("flags", seen) == [[SYN, RST | ACK], [SYN], [RST | ACK]]


@contextmanager
def accepted(version: int) -> Iterator[tuple[Socket, Socket]]:
    """A listener and what it accepts from a client with a mark, which was sent a byte."""
    with listening(HERE[version]) as listener, accepted_by(listener) as sock:
        yield listener, sock


@contextmanager
def accepted_by(listener: Socket) -> Iterator[Socket]:
    """What a listener accepts from a client with a mark, which was sent a byte."""
    with Socket(listener.family, listener.type) as client:
        client.mark = MARK
        client.connect(listener.getsockname())
        with listener.accept()[0] as sock:
            client.rcvtimeo = SOON
            sock.send(b"x")
            client.recv(1)
            yield sock


def seen_of(listener: Socket, arriving: Socket) -> list[bool]:
    """Which of the client's SYN, the listener's SYN-ACK and the data are among the packets that arrived."""
    port = listener.getsockname()[1]
    found = [segment(packet) for packet in arrived(arriving)]
    return [
        any(one.destination == port and one.flags == SYN for one in found),
        any(one.source == port and one.flags == SYN | ACK for one in found),
        any(one.source == port and one.data == b"x" for one in found),
    ]


NOTHING = [False, False, False]


@claim(
    "ip-sysctl/tcp_fwmark_accept/sets",
    sentence=(
        "ip-sysctl/tcp_fwmark_accept/sets",
        "ip-sysctl/tcp_fwmark_accept/synack",
        "ip-sysctl/tcp_fwmark_accept/listener",
    ),
    section="TCP variables",
    says="With tcp_fwmark_accept a connection that a TCP listener over IPv4 without a mark accepts has the "
    "mark of the SYN, and so have the SYN-ACK and its data; the listener has none.",
    since="3.16",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW],
    survives=ALL_MARKED,
    expect=synack_unmarked("3.16", "4.13"),
)
def test_a_connection_has_the_mark(ns, observe):
    ns.sysctl[ACCEPT] = 1
    with marked(4) as with_mark, marked(4, 0) as without, accepted(4) as (listener, sock):
        marks = [listener.mark, sock.mark]
        seen = [seen_of(listener, with_mark), seen_of(listener, without)]

        assert [observe("marks", marks), observe("seen", seen)] == [[0, MARK], [[True, True, True], NOTHING]]


@claim(
    "ip-sysctl/tcp_fwmark_accept/sets-ipv6",
    sentence=(
        "ip-sysctl/tcp_fwmark_accept/sets",
        "ip-sysctl/tcp_fwmark_accept/synack",
        "ip-sysctl/tcp_fwmark_accept/listener",
    ),
    section="TCP variables",
    says="With tcp_fwmark_accept a connection that a TCP listener over IPv6 without a mark accepts has the "
    "mark of the SYN, and so have the SYN-ACK and its data; the listener has none.",
    since="3.16",
    needs=NEEDS,
    survives=ALL_MARKED,
    expect=[synack_unmarked(*kernels) for kernels in SYNACK_UNMARKED],
)
def test_a_connection_over_ipv6_has_the_mark(ns, observe):
    ns.sysctl[ACCEPT] = 1
    with marked(6) as with_mark, marked(6, 0) as without, accepted(6) as (listener, sock):
        marks = [listener.mark, sock.mark]
        seen = [seen_of(listener, with_mark), seen_of(listener, without)]

        assert [observe("marks", marks), observe("seen", seen)] == [[0, MARK], [[True, True, True], NOTHING]]


@claim(
    "ip-sysctl/tcp_fwmark_accept/marked-listener",
    sentence="ip-sysctl/tcp_fwmark_accept/marked-listener",
    section="TCP variables",
    says="With tcp_fwmark_accept a connection that a TCP listener over IPv4 or IPv6 with a mark accepts has "
    "the listener's, and so have the SYN-ACK and its data.",
    since="3.16",
    needs=NEEDS,
)
@VERSIONS
def test_the_mark_of_the_listener_counts(ns, observe, version):
    ns.sysctl[ACCEPT] = 1
    with (
        marked(version) as of_client,
        marked(version, ANOTHER) as of_listener,
        listening(HERE[version]) as listener,
    ):
        listener.mark = ANOTHER
        with accepted_by(listener) as sock:
            marks = [listener.mark, sock.mark]
            seen = [seen_of(listener, of_client), seen_of(listener, of_listener)]

            assert [observe("marks", marks), observe("seen", seen)] == [
                [ANOTHER, ANOTHER],
                [[True, False, False], [False, True, True]],
            ]


@claim(
    "ip-sysctl/tcp_fwmark_accept/default",
    sentence="ip-sysctl/tcp_fwmark_accept/default",
    section="TCP variables",
    says="In a new network namespace a connection that a TCP listener over IPv4 or IPv6 accepts has no mark, "
    "though the SYN had one, and neither have the SYN-ACK and its data.",
    since="3.16",
    needs=NEEDS,
)
@VERSIONS
def test_a_connection_has_no_mark_at_first(ns, observe, version):
    with marked(version) as of_client, marked(version, 0) as without, accepted(version) as (listener, sock):
        seen = [seen_of(listener, of_client), seen_of(listener, without)]

        assert [observe("mark", sock.mark), observe("seen", seen)] == [
            0,
            [[True, False, False], [False, True, True]],
        ]


def services(version: int) -> list[int]:
    """The type of service of a SYN, which is not zero, and of the SYN-ACK and data that answer it."""
    with (
        segments(version) as arriving,
        listening(HERE[version]) as listener,
        SOCKETS[TCP[version]]() as client,
    ):
        client.set({4: Socket.ip_tos, 6: Socket.ipv6_tclass}[version], TOS)
        client.connect(listener.getsockname())
        with listener.accept()[0] as sock:
            client.rcvtimeo = SOON
            sock.send(b"x")
            client.recv(1)
        packets = arrived(arriving)
        return [
            *(service(one) for one in packets if segment(one).flags & SYN),
            *(service(one) for one in packets if segment(one).data == b"x"),
        ]


@claim(
    "ip-sysctl/tcp_reflect_tos/syn",
    sentence=(
        "ip-sysctl/tcp_reflect_tos/syn",
        "ip-sysctl/tcp_reflect_tos/versions",
        "ip-sysctl/tcp_reflect_tos/default",
    ),
    section="TCP variables",
    says="With tcp_reflect_tos the SYN-ACK and data of a connection that a TCP listener over IPv4 or IPv6 "
    "accepts have the DSCP of the SYN, and in a new network namespace they have 0.",
    since="5.10",
    needs=[*NEEDS, sysctl(REFLECT_TOS)],
)
@VERSIONS
def test_the_service_is_that_of_the_syn(ns, observe, version):
    before = services(version)
    ns.sysctl[REFLECT_TOS] = 1

    assert observe("services", [before, services(version)]) == [[TOS, 0, 0], [TOS, TOS, TOS]]
