"""What a raw socket is told by ICMP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from socket import IPPROTO_ICMP, MSG_ERRQUEUE

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.datagrams import internet_sum, ipv4_packet
from conformance.plugin.timing import SOON
from libsocket import ExtendedError, Socket
from netns import Capability

EXPERIMENT = 253
"""A protocol that nobody has, RFC 3692."""
UNREACHABLE, TIME_EXCEEDED, PARAMETER_PROBLEM = 3, 11, 12
HOST_UNREACHABLE, PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = 1, 2, 3, 4
ECHO_REPLY = 0
ECHO = bytes([8, 0, 0xF7, 0xFD, 0, 1, 0, 1])
"""An echo request with its checksum."""


def icmp_error(type_: int, code: int) -> bytes:
    """An ICMP message about a packet of the protocol, sent on loopback."""
    inner = bytearray(
        ipv4_packet(b"12345678", source="127.0.0.1", destination="127.0.0.1", protocol=EXPERIMENT)
    )
    inner[2:4] = len(inner).to_bytes(2, "big")
    inner[10:12] = (0xFFFF - internet_sum(bytes(inner[:20]))).to_bytes(2, "big")
    body = bytes([type_, code, 0, 0, 0, 0, 0x05, 0x14]) + inner
    return body[:2] + (0xFFFF - internet_sum(body)).to_bytes(2, "big") + body[4:]


@contextmanager
def told(type_: int, code: int, *, connected: bool = False, recverr: bool = False) -> Iterator[Socket]:
    """A raw socket to which an ICMP message about its protocol came."""
    with Socket.raw(EXPERIMENT) as sock, Socket.raw(IPPROTO_ICMP) as icmp:
        icmp.rcvtimeo = SOON
        if connected:
            sock.connect(("127.0.0.1", 1))
            sock.getpeername()  # without a port it would have none
        if recverr:
            sock.ip_recverr = True
        icmp.sendto(icmp_error(type_, code), ("127.0.0.1", 0))
        assert icmp.recv(200)[20] == type_
        icmp.sendto(ECHO, ("127.0.0.1", 0))
        while icmp.recv(200)[20] != ECHO_REPLY:  # what is answered came after the error
            pass
        yield sock


@claim(
    "raw.7/Error-handling/connected-or-recverr",
    sentence=("raw.7/Error-handling/connected-or-recverr", "raw.7/errors/eproto"),
    section="Error handling",
    says="A raw IPv4 socket is told that ICMP has reported a parameter problem (EPROTO) if it is connected "
    "or has IP_RECVERR, and not otherwise.",
    needs=[Capability.NET_RAW],
)
def test_who_is_told(ns, observe):
    with told(PARAMETER_PROBLEM, 0) as neither:
        errors = [errno_name(neither.error or None)]
    with told(PARAMETER_PROBLEM, 0, connected=True) as connected:
        errors.append(errno_name(connected.error or None))
    with told(PARAMETER_PROBLEM, 0, recverr=True) as recverr:
        errors.append(errno_name(recverr.error or None))

    assert observe("neither_connected_recverr", errors) == ["no errno", "EPROTO", "EPROTO"]


@claim(
    "raw.7/Error-handling/told-if-connected",
    sentence=("raw.7/Error-handling/emsgsize-eproto", "raw.7/errors/eproto"),
    section="Error handling",
    says="A connected raw IPv4 socket is told of a parameter problem (EPROTO) and of a packet too large "
    "(EMSGSIZE), and not of an unreachable host.",
    needs=[Capability.NET_RAW],
)
def test_what_a_connected_socket_is_told(ns, observe):
    with told(PARAMETER_PROBLEM, 0, connected=True) as sock:
        errors = [errno_name(sock.error or None)]
    with told(UNREACHABLE, FRAGMENTATION_NEEDED, connected=True) as sock:
        errors.append(errno_name(sock.error or None))
    with told(UNREACHABLE, HOST_UNREACHABLE, connected=True) as sock:
        errors.append(errno_name(sock.error or None))
    with told(UNREACHABLE, HOST_UNREACHABLE, recverr=True) as sock:
        errors.append(errno_name(sock.error or None))

    assert observe("errors_and_with_recverr", errors) == ["EPROTO", "EMSGSIZE", "no errno", "EHOSTUNREACH"]


@claim(
    "raw.7/Error-handling/no-others-if-connected",
    sentence="raw.7/Error-handling/emsgsize-eproto",
    section="Error handling",
    says="A connected raw IPv4 socket is not told of an unreachable protocol or port.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it is told, as of all that is taken to be final (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errors": ["ENOPROTOOPT", "ECONNREFUSED"]},
    ),
)
def test_a_connected_socket_is_told_nothing_else(ns, observe):
    with told(UNREACHABLE, PROTOCOL_UNREACHABLE, connected=True) as sock:
        errors = [errno_name(sock.error or None)]
    with told(UNREACHABLE, PORT_UNREACHABLE, connected=True) as sock:
        errors.append(errno_name(sock.error or None))

    assert observe("errors", errors) == ["no errno", "no errno"]


@claim(
    "raw.7/Error-handling/error-queue",
    sentence=("raw.7/Error-handling/error-queue", "raw.7/DESCRIPTION/protocol"),
    section="Error handling",
    says="With IP_RECVERR the error queue of a raw IPv4 socket has the ICMP errors of its protocol: that a "
    "host, a protocol or a port is unreachable, a packet too large or too old, and a parameter problem.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("type_", "code", "error"),
    [
        (UNREACHABLE, HOST_UNREACHABLE, "EHOSTUNREACH"),
        (UNREACHABLE, PROTOCOL_UNREACHABLE, "ENOPROTOOPT"),
        (UNREACHABLE, PORT_UNREACHABLE, "ECONNREFUSED"),
        (UNREACHABLE, FRAGMENTATION_NEEDED, "EMSGSIZE"),
        (TIME_EXCEEDED, 0, "EHOSTUNREACH"),
        (PARAMETER_PROBLEM, 0, "EPROTO"),
    ],
)
def test_the_error_queue_has_all(ns, observe, type_, code, error):
    with told(type_, code, recverr=True) as sock:
        [report] = control_messages(sock, ExtendedError, flags=MSG_ERRQUEUE)

        assert observe("reported", [errno_name(report.errno), report.type, report.code]) == [
            error,
            type_,
            code,
        ]
