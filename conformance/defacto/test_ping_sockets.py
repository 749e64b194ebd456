"""Ping sockets: their identifiers and addresses, the largest request, and what comes with a reply."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_IPV6, SOCK_DGRAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.socket_addresses import bind_to, octets_of
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Namespace

GROUPS = "net.ipv4.ping_group_range"
ECHO_REQUEST, ECHO_REQUEST6, ECHO_REPLY = 8, 128, 0
REQUESTS = {AF_INET: bytes([ECHO_REQUEST, *bytes(7)]), AF_INET6: bytes([ECHO_REQUEST6, *bytes(7)])}
LOOPBACK = {AF_INET: "127.0.0.1", AF_INET6: "::1"}
HEADER = 20
IP_TOS, IP_TTL, IP_PKTINFO = 1, 2, 8
IPV6_PKTINFO, IPV6_HOPLIMIT, IPV6_TCLASS = 50, 52, 67
FAMILIES = pytest.mark.parametrize("family", [AF_INET, AF_INET6])
ETH_P_IP = 0x0800


@contextmanager
def ping_socket(ns: Namespace, family: int = AF_INET) -> Iterator[Socket]:
    """A ping socket of the own group, which may have one, that gives up what does not come."""
    ns.sysctl[GROUPS] = f"{os.getegid()} {os.getegid()}"
    with Socket(family, SOCK_DGRAM, IPPROTO_ICMP if family == AF_INET else IPPROTO_ICMPV6) as sock:
        sock.rcvtimeo = SOON
        yield sock


@claim(
    "defacto/IPPROTO_ICMP/identifier",
    says="bind(2) to the identifier 0 gives a ping socket, over IPv4 and IPv6, one of its own, and to 1234 "
    "that; another without SO_REUSEADDR, which is on at first, cannot have it: EADDRINUSE. connect(2) gives "
    "one without bind(2).",
    since="3.11",
    commit="6d0bfe226116",
    needs=[IPV6],
)
@FAMILIES
def test_a_ping_socket_has_an_identifier(ns, observe, family):
    with ping_socket(ns, family) as chosen, ping_socket(ns, family) as asked, ping_socket(ns, family) as late:
        reuse, late.reuseaddr = late.reuseaddr, False
        before = late.getsockname()[1]
        chosen.bind((LOOPBACK[family], 0))
        asked.bind((LOOPBACK[family], 1234))
        with refused(errno.EADDRINUSE):
            late.bind((LOOPBACK[family], 1234))
        late.connect((LOOPBACK[family], 0))
        numbers = [chosen.getsockname()[1], asked.getsockname()[1], late.getsockname()[1]]

        found = [reuse, before, numbers[1], len({*numbers, 0})]
        assert observe("reuse_before_asked_and_different", found) == [True, 0, 1234, 4]


@claim(
    "defacto/IPPROTO_ICMP/largest",
    says="The largest echo request that a ping socket sends has 65515 bytes over IPv4, and 65535 over IPv6, "
    "and is answered; a byte more is refused with EMSGSIZE.",
    since="3.11",
    commit="6d0bfe226116",
    needs=[IPV6],
)
@pytest.mark.parametrize(("family", "largest"), [(AF_INET, 65_515), (AF_INET6, 65_535)], ids=["ipv4", "ipv6"])
def test_a_request_has_a_largest_size(ns, observe, family, largest):
    with ping_socket(ns, family) as sock:
        with refused(errno.EMSGSIZE):
            sock.sendto(REQUESTS[family].ljust(largest + 1, b"\0"), (LOOPBACK[family], 0))
        sock.sendto(REQUESTS[family].ljust(largest, b"\0"), (LOOPBACK[family], 0))

        assert observe("answered", len(sock.recv(70_000))) == largest


@claim(
    "defacto/IPPROTO_ICMP/control-messages",
    says="A ping socket over IPv4 receives with an echo reply IP_TOS, IP_TTL or IP_PKTINFO where IP_RECVTOS, "
    "IP_RECVTTL or IP_PKTINFO is set, and nothing at first.",
    since="3.0",
    commit="c319b4d76b9e",
)
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Socket.ip_recvtos, [IPPROTO_IP, IP_TOS, 1]),
        (Socket.ip_recvttl, [IPPROTO_IP, IP_TTL, 4]),
        (Socket.ip_pktinfo, [IPPROTO_IP, IP_PKTINFO, 12]),
    ],
    ids=["tos", "ttl", "pktinfo"],
)
def test_a_reply_comes_with_what_is_asked_for(ns, observe, asked, message):
    with ping_socket(ns) as sock:
        sock.sendto(REQUESTS[AF_INET], ("127.0.0.1", 0))
        without = control_headers(sock)
        sock.set(asked, True)
        sock.sendto(REQUESTS[AF_INET], ("127.0.0.1", 0))

        assert observe("without_and_with", [without, control_headers(sock)]) == [[], [message]]


@claim(
    "defacto/IPPROTO_ICMPV6/control-messages",
    says="A ping socket over IPv6 receives with an echo reply IPV6_TCLASS, IPV6_HOPLIMIT or IPV6_PKTINFO "
    "where IPV6_RECVTCLASS, IPV6_RECVHOPLIMIT or IPV6_RECVPKTINFO is set, and nothing at first.",
    since="3.11",
    commit="6d0bfe226116",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Socket.ipv6_recvtclass, [IPPROTO_IPV6, IPV6_TCLASS, 4]),
        (Socket.ipv6_recvhoplimit, [IPPROTO_IPV6, IPV6_HOPLIMIT, 4]),
        (Socket.ipv6_recvpktinfo, [IPPROTO_IPV6, IPV6_PKTINFO, 20]),
    ],
    ids=["tclass", "hoplimit", "pktinfo"],
)
def test_a_reply_over_ipv6_comes_with_what_is_asked_for(ns, observe, asked, message):
    with ping_socket(ns, AF_INET6) as sock:
        sock.sendto(REQUESTS[AF_INET6], ("::1", 0))
        without = control_headers(sock)
        sock.set(asked, True)
        sock.sendto(REQUESTS[AF_INET6], ("::1", 0))

        assert observe("without_and_with", [without, control_headers(sock)]) == [[], [message]]


@claim(
    "defacto/IPPROTO_ICMP/not-bound",
    says="A ping socket over IPv4 cannot be bound to a group, a broadcast or a foreign address, "
    "EADDRNOTAVAIL, nor to one of AF_INET6, EAFNOSUPPORT; it is bound to 127.0.0.1 or 0.0.0.0.",
    since="4.0",
    commit="9145736d4862",
)
@pytest.mark.parametrize("good", ["127.0.0.1:7", "0.0.0.0:7"], ids=["loopback", "any"])
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("224.0.0.1:7", errno.EADDRNOTAVAIL),
        ("127.255.255.255:7", errno.EADDRNOTAVAIL),
        ("192.0.2.1:7", errno.EADDRNOTAVAIL),
        ("[::1]:7", errno.EAFNOSUPPORT),
    ],
    ids=["group", "broadcast", "foreign", "inet6"],
)
def test_a_ping_socket_is_bound_to_its_own_address(ns, observe, address, expected, good):
    with ping_socket(ns) as sock:
        with refused(expected):
            bind_to(sock, octets_of(address))
        bind_to(sock, octets_of(good))

        assert observe("bound", sock.getsockname()) == (good.partition(":")[0], 7)


@claim(
    "defacto/IPPROTO_ICMPV6/not-bound",
    says="A ping socket over IPv6 cannot be bound to a group, EINVAL, to a foreign address, EADDRNOTAVAIL, "
    "nor to one of AF_INET, EAFNOSUPPORT; it is bound to ::1 or ::.",
    since="4.0",
    commit="9145736d4862",
    needs=[IPV6],
)
@pytest.mark.parametrize("good", ["::1", "::"], ids=["loopback", "any"])
@pytest.mark.parametrize(
    ("address", "length", "expected"),
    [
        ("[ff02::1]:7", None, errno.EINVAL),
        ("[fd00::99]:7", None, errno.EADDRNOTAVAIL),
        ("127.0.0.1:7", 28, errno.EAFNOSUPPORT),
    ],
    ids=["group", "foreign", "inet"],
)
def test_a_ping_socket_over_ipv6_is_bound_to_its_own_address(ns, observe, *, address, length, expected, good):
    with ping_socket(ns, AF_INET6) as sock:
        with refused(expected):
            bind_to(sock, octets_of(address, length=length))
        sock.bind((good, 7))

        assert observe("bound", sock.getsockname()[:2]) == (good, 7)


@claim(
    "defacto/IPPROTO_ICMP/raw-and-ping",
    says="An echo request of a ping socket over IPv4, and the reply, are both received by a raw socket of "
    "IPPROTO_ICMP, and the reply alone by the ping socket.",
    since="3.0",
    commit="c319b4d76b9e",
    needs=[Capability.NET_RAW],
)
def test_a_raw_socket_receives_both(ns, observe):
    with ping_socket(ns) as sock, Socket.raw(IPPROTO_ICMP) as raw:
        raw.rcvtimeo = SOON
        sock.sendto(REQUESTS[AF_INET], ("127.0.0.1", 0))
        by_raw = [raw.recv(100)[HEADER] for _ in range(2)]

        assert observe("raw_and_ping", [*by_raw, sock.recv(100)[0]]) == [ECHO_REQUEST, ECHO_REPLY, ECHO_REPLY]


@claim(
    "defacto/IPPROTO_ICMP/shorter-than-a-header",
    says="A ping socket over IPv4 refuses to send 7 bytes, fewer than the header of an echo request, with "
    "EINVAL, and a raw socket of IPPROTO_ICMP sends 6.",
    since="4.9",
    commit="0eab121ef875",
    needs=[Capability.NET_RAW],
)
def test_a_request_has_a_whole_header(ns, observe):
    with (
        ping_socket(ns) as sock,
        Socket.raw(IPPROTO_ICMP) as raw,
        Socket.packet(SOCK_DGRAM, ETH_P_IP) as wire,
    ):
        wire.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sock.sendto(REQUESTS[AF_INET][:7], ("127.0.0.1", 0))
        raw.sendto(bytes(6), ("127.0.0.1", 0))
        by_raw = len(wire.recv(100)) - HEADER
        sock.sendto(REQUESTS[AF_INET], ("127.0.0.1", 0))

        assert observe("sent_by_raw_and_replied", [by_raw, *sock.recv(1)]) == [6, ECHO_REPLY]
