"""socket(2): what a new socket is."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from libsocket import Socket


@claim(
    "socket.2/socket/domain-type-protocol",
    sentence="libsocket/create/options",
    section="DESCRIPTION",
    says="A new socket has the domain, the type and the protocol it was asked for.",
)
@pytest.mark.parametrize(
    "asked",
    [
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP),
        (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP),
        (socket.AF_UNIX, socket.SOCK_STREAM, 0),
        (socket.AF_UNIX, socket.SOCK_DGRAM, 0),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0),
        (socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE),
    ],
    ids=["tcp", "udp", "unix-stream", "unix-datagram", "unix-packet", "netlink"],
)
def test_is_what_was_asked_for(ns, observe, asked):
    with Socket(*asked) as sock:
        assert observe("made", [sock.domain, sock.so_type, sock.protocol]) == [*asked]


@claim(
    "socket.2/socket/protocol-zero",
    sentence="libsocket/create/options",
    section="DESCRIPTION",
    says="Where a type has one usual protocol in its domain, asking for protocol 0 gives that one.",
)
@pytest.mark.parametrize(
    ("type_", "protocol"),
    [(socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP)],
    ids=["stream", "datagram"],
)
def test_zero_stands_for_the_usual_protocol(ns, observe, type_, protocol):
    with Socket(socket.AF_INET, type_, 0) as sock:
        assert observe("protocol", sock.protocol) == protocol
