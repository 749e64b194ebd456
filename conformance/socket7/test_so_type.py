"""SO_DOMAIN, SO_PROTOCOL and SO_TYPE: what a socket was made as."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import SCTP
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import SO_DOMAIN, SO_PROTOCOL, SO_TYPE, Socket

KINDS = pytest.mark.parametrize(
    ("kind", "made_as"),
    [
        ("tcp", [socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP]),
        ("tcp6", [socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP]),
        ("udp", [socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP]),
        ("udp6", [socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP]),
        ("unix", [socket.AF_UNIX, socket.SOCK_STREAM, 0]),
        ("unix-datagram", [socket.AF_UNIX, socket.SOCK_DGRAM, 0]),
        ("unix-seqpacket", [socket.AF_UNIX, socket.SOCK_SEQPACKET, 0]),
        ("netlink", [socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE]),
    ],
)


def identity(sock: Socket) -> list[int]:
    """Domain, type and protocol."""
    return [sock.get(SO_DOMAIN), sock.get(SO_TYPE), sock.get(SO_PROTOCOL)]


@claim(
    "socket.7/SO_TYPE/value",
    sentence=(
        "socket.7/SO_DOMAIN/value",
        "socket.7/SO_PROTOCOL/value",
        "socket.7/SO_TYPE/value",
        "socket.2/socket/options-calls",
    ),
    section="Socket options",
    says="SO_DOMAIN, SO_TYPE and SO_PROTOCOL of a TCP, UDP, UNIX or netlink socket read as the domain, the "
    "type and the protocol that it was made with; the protocol is TCP or UDP where none was named.",
    since="2.6.32",
)
@KINDS
def test_a_socket_tells_what_it_is(ns, observe, kind, made_as):
    with SOCKETS[kind]() as sock:
        assert observe("domain_type_protocol", identity(sock)) == made_as


@claim(
    "socket.7/SO_TYPE/without-flags",
    sentence="socket.7/SO_TYPE/value",
    section="Socket options",
    says="SO_TYPE of a TCP socket made with SOCK_NONBLOCK and SOCK_CLOEXEC reads SOCK_STREAM alone.",
)
def test_the_type_has_no_flags(ns, observe):
    flags = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    with Socket(socket.AF_INET, socket.SOCK_STREAM | flags) as sock:
        assert observe("nonblocking_and_type", [sock.nonblocking, sock.get(SO_TYPE)]) == [
            True,
            socket.SOCK_STREAM,
        ]


@claim(
    "socket.7/SO_PROTOCOL/sctp",
    sentence="socket.7/SO_PROTOCOL/value",
    section="Socket options",
    says="SO_PROTOCOL of an SCTP socket reads IPPROTO_SCTP, which tells it from a TCP socket of the same "
    "domain and type.",
    since="2.6.32",
    needs=[SCTP],
)
def test_a_stream_socket_of_another_protocol(ns, observe):
    with Socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as sock, Socket.tcp() as tcp:
        assert observe("sctp_and_tcp", [identity(sock), identity(tcp)]) == [
            [socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP],
            [socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP],
        ]
