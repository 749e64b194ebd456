"""Options of TCP sockets that MPTCP sockets do not have, of which the document names none."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, MPTCP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.mptcp import socket_for
from libsocket import (
    INT,
    IP_MULTICAST_LOOP,
    IP_PKTINFO,
    IP_RECVERR,
    IP_TTL,
    IPV6_RECVPKTINFO,
    IPV6_TCLASS,
    IPV6_UNICAST_HOPS,
    SO_ACCEPTCONN,
    SO_BROADCAST,
    SO_DONTROUTE,
    SO_LOCK_FILTER,
    SO_MAX_PACING_RATE,
    SO_OOBINLINE,
    SO_RXQ_OVFL,
    SO_TYPE,
    SO_ZEROCOPY,
    TCP_LINGER2,
    TCP_SAVE_SYN,
    TCP_SYNCNT,
    TCP_USER_TIMEOUT,
    Option,
)

IPV4_HOST, IPV6_HOST = "127.0.0.1", "::1"


def options(*those: tuple[Option[Any], int]) -> pytest.MarkDecorator:
    """Options, each with a value that a TCP socket takes."""
    return pytest.mark.parametrize(("option", "value"), those, ids=[option.name for option, _ in those])


def only_of_tcp(option: Option[Any], value: int, host: str, number: int) -> int:
    """What a TCP socket took, where an MPTCP socket refuses to set, with this errno, and to read it."""
    as_int = option.through(INT)
    with socket_for(host, mptcp=True) as sock, socket_for(host, mptcp=False) as tcp:
        tcp.set(as_int, value)
        with refused(number):
            sock.set(as_int, value)
        with refused(errno.EOPNOTSUPP, "errno_of_read"):
            sock.get(as_int)
        return tcp.get(as_int)


@claim(
    "defacto/IPPROTO_MPTCP/ignored",
    says="Setting SO_BROADCAST, SO_DONTROUTE or SO_RXQ_OVFL of an MPTCP socket over IPv4 is no error and "
    "does nothing: it reads 0 then, where a TCP socket has it.",
    since="5.13",
    commit="a03c99b253c2",
    needs=[MPTCP],
    survives={"no-op: setsockopt(*SOL_SOCKET, *": "that it does nothing is what is claimed"},
)
@options((SO_BROADCAST, 1), (SO_DONTROUTE, 1), (SO_RXQ_OVFL, 1))
def test_setting_them_does_nothing(ns, observe, option, value):
    as_int = option.through(INT)
    with socket_for(IPV4_HOST, mptcp=True) as sock, socket_for(IPV4_HOST, mptcp=False) as tcp:
        sock.set(as_int, value)
        tcp.set(as_int, value)

        assert observe("here_and_of_tcp", [sock.get(as_int), tcp.get(as_int)]) == [0, value]


@claim(
    "defacto/IPPROTO_MPTCP/not-set",
    says="SO_OOBINLINE, SO_ZEROCOPY, SO_LOCK_FILTER and SO_MAX_PACING_RATE of an MPTCP socket over IPv4 "
    "can be read and not set, where a TCP socket takes them: EOPNOTSUPP.",
    since="5.14",
    commit="7a009a70ff8a",
    needs=[MPTCP],
)
@options((SO_OOBINLINE, 1), (SO_ZEROCOPY, 1), (SO_LOCK_FILTER, 1), (SO_MAX_PACING_RATE, 1_000_000))
def test_they_cannot_be_set(ns, observe, option, value):
    as_int = option.through(INT)
    with socket_for(IPV4_HOST, mptcp=True) as sock, socket_for(IPV4_HOST, mptcp=False) as tcp:
        new = tcp.get(as_int)
        tcp.set(as_int, value)
        with refused(errno.EOPNOTSUPP):
            sock.set(as_int, value)

        seen = [sock.get(as_int) == new, tcp.get(as_int)]
        assert observe("as_new_and_of_tcp", seen) == [True, value]


@claim(
    "defacto/IPPROTO_MPTCP/read-only",
    says="Setting SO_TYPE or SO_ACCEPTCONN of an MPTCP socket over IPv4 fails with EOPNOTSUPP, where a TCP "
    "socket says ENOPROTOOPT.",
    since="5.14",
    commit="7a009a70ff8a",
    needs=[MPTCP],
)
@options((SO_TYPE, 1), (SO_ACCEPTCONN, 0))
def test_what_none_can_set_has_another_errno(ns, observe, option, value):
    as_int = option.through(INT)
    with socket_for(IPV4_HOST, mptcp=True) as sock, socket_for(IPV4_HOST, mptcp=False) as tcp:
        with refused(errno.ENOPROTOOPT, "errno_of_tcp"):
            tcp.set(as_int, value)
        with refused(errno.EOPNOTSUPP):
            sock.set(as_int, value)

        assert observe("here_and_of_tcp", [sock.get(as_int), tcp.get(as_int)]) == [value, value]


@claim(
    "defacto/IPPROTO_MPTCP/without-ip-options",
    says="IP_TTL, IP_PKTINFO and IP_RECVERR of an MPTCP socket over IPv4 can neither be set "
    "nor read, where a TCP socket has them: EOPNOTSUPP.",
    since="5.13",
    commit="d9e4c1291810",
    needs=[MPTCP],
)
@options((IP_TTL, 7), (IP_PKTINFO, 1), (IP_RECVERR, 1))
def test_options_of_ip_are_not_there(ns, observe, option, value):
    assert observe("of_tcp", only_of_tcp(option, value, IPV4_HOST, errno.EOPNOTSUPP)) == value


@claim(
    "defacto/IP_MULTICAST_LOOP/not-on-mptcp",
    says="IP_MULTICAST_LOOP of an MPTCP socket over IPv4 can neither be set, "
    "ENOPROTOOPT, nor read, EOPNOTSUPP, where a TCP socket has it.",
    since="5.13",
    commit="d9e4c1291810",
    needs=[MPTCP],
)
@options((IP_MULTICAST_LOOP, 0))
def test_options_of_multicast_are_not_there(ns, observe, option, value):
    assert observe("of_tcp", only_of_tcp(option, value, IPV4_HOST, errno.ENOPROTOOPT)) == value


@claim(
    "defacto/IPPROTO_MPTCP/without-ipv6-options",
    says="IPV6_UNICAST_HOPS, IPV6_RECVPKTINFO and IPV6_TCLASS of an MPTCP socket over "
    "IPv6 can neither be set nor read, where a TCP socket has them: EOPNOTSUPP.",
    since="5.13",
    commit="d9e4c1291810",
    needs=[MPTCP, IPV6],
)
@options((IPV6_UNICAST_HOPS, 7), (IPV6_RECVPKTINFO, 1), (IPV6_TCLASS, 8))
def test_options_of_ipv6_are_not_there(ns, observe, option, value):
    assert observe("of_tcp", only_of_tcp(option, value, IPV6_HOST, errno.EOPNOTSUPP)) == value


@claim(
    "defacto/IPPROTO_MPTCP/without-tcp-options",
    says="TCP_USER_TIMEOUT, TCP_SYNCNT, TCP_LINGER2 and TCP_SAVE_SYN of an MPTCP socket "
    "over IPv4 can neither be set, ENOPROTOOPT, nor read, EOPNOTSUPP, where a TCP socket has them.",
    since="6.9",
    backports=("6.1.94", "6.6.34", "6.8.12"),
    commit="7f71a337b515",
    needs=[MPTCP],
)
@options((TCP_USER_TIMEOUT, 5), (TCP_SYNCNT, 3), (TCP_LINGER2, 7), (TCP_SAVE_SYN, 1))
def test_options_of_tcp_are_not_there(ns, observe, option, value):
    assert observe("of_tcp", only_of_tcp(option, value, IPV4_HOST, errno.ENOPROTOOPT)) == value
