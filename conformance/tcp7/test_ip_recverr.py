"""IP_RECVERR on a TCP connection: errors that are told at once."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTE_TIMERS, VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.readiness import await_error
from libsocket import Linger, Socket
from netns import Routed

ESTABLISHED = 1


@contextmanager
def cut_off(hosts: Routed) -> Iterator[tuple[Socket, Socket]]:
    """Two TCP connections from the left to the right host, to which the router then has no way."""
    # What is told while a send lasts is not passed on: it is for what is sent again after it.
    hosts.left.namespace.add_route(f"{hosts.right.address}/32", via=hosts.router.address, rto_min=0.01)
    with hosts.left.entered():
        first, second = Socket.tcp(), Socket.tcp()
    with hosts.right.entered(), listening(hosts.right.address) as listener, first, second:
        first.linger = second.linger = Linger(True, 0)  # no answer to their end may come
        first.connect(listener.getsockname())
        second.connect(listener.getsockname())
        with listener.accept()[0], listener.accept()[0]:
            router = hosts.router.namespace
            router.sysctl["net.ipv4.icmp_ratelimit"] = 0  # each is told by a message of its own
            router.add_route(f"{hosts.right.address}/32", type="unreachable")
            yield first, second


@claim(
    "tcp.7/Error-handling/at-once",
    sentence=(
        "tcp.7/Error-handling/recverr",
        "tcp.7/Error-handling/at-once",
        "tcp.7/Socket-options/ip-options",
        "IP_RECVERR.2const/IP_RECVERR/tcp",
    ),
    section="Error handling",
    says="The next receive on a TCP connection over IPv4 with IP_RECVERR fails with the error that an ICMP "
    "message told, and the connection goes on; on one without it does not fail, though the error is known to "
    "SO_ERROR.",
    needs=[VETH, ROUTE_TIMERS],
    survives={
        "no-op: setsockopt(*SO_LINGER*": "it lets the namespace of a sender that is cut off go at once"
    },
)
def test_errors_are_told_at_once(routed, observe):
    with cut_off(routed) as (patient, told):
        told.ip_recverr = True
        patient.send(b"x")
        told.send(b"x")
        await_error(told)
        with refused(errno.EAGAIN, "errno_without"):
            patient.recv(1, socket.MSG_DONTWAIT)
        with refused(errno.EHOSTUNREACH):
            told.recv(1, socket.MSG_DONTWAIT)
        seen = [errno_name(patient.error), patient.tcp_info.unacked, told.tcp_info.state]

        assert observe("known_unacked_and_state", seen) == ["EHOSTUNREACH", 1, ESTABLISHED]
