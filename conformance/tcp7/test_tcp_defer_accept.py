"""TCP_DEFER_ACCEPT: a listener that data wakes, and a client that waits with its last acknowledgement."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.readiness import await_readable, readable_by_select
from conformance.plugin.setups.segments import ACK, next_segment, segments
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability

LEAST_DELAY = 0.04
"""Seconds: what an acknowledgement is delayed at least."""


@claim(
    "tcp.7/TCP_DEFER_ACCEPT/wakes-on-data",
    sentence=("tcp.7/TCP_DEFER_ACCEPT/wakes-on-data", "tcp.h/TCP_DEFER_ACCEPT/data"),
    section="Socket options",
    says="A TCP listener with TCP_DEFER_ACCEPT, over IPv4 and IPv6, is not readable when a client has "
    "connected, and is once the client has sent data; one without is at once.",
    since="2.4",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_data_wakes_the_listener(ns, observe, host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        listening(host) as plain,
        listening(host) as deferring,
        Socket.tcp(family) as first,
        Socket.tcp(family) as second,
    ):
        deferring.tcp_defer_accept = 30
        first.connect(deferring.getsockname())
        second.connect(plain.getsockname())
        await_readable(plain)
        before = readable_by_select(deferring)
        first.send(b"data")
        await_readable(deferring)
        accepted = deferring.accept()[0]
        with accepted:
            accepted.rcvtimeo = SOON
            received = accepted.recv(9).decode()

            assert observe("readable_before_and_received", [before, received]) == [False, "data"]


@claim(
    "tcp.7/TCP_DEFER_ACCEPT/seconds",
    sentence="tcp.7/TCP_DEFER_ACCEPT/seconds",
    section="Socket options",
    says="A TCP listener over IPv4 with a TCP_DEFER_ACCEPT of a second accepts a silent client once that "
    "second is over, and not before.",
    since="2.4",
)
def test_a_silent_client_is_accepted_in_the_end(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        listener.rcvtimeo = SOON
        listener.tcp_defer_accept = 1
        with timed() as took:
            client.connect(listener.getsockname())
            accepted, address = listener.accept()
        accepted.close()

        assert observe("late_and_its", [took.lasted(1), address == client.getsockname()]) == [True, True]


@claim(
    "tcp.7/TCP_DEFER_ACCEPT/client",
    sentence="tcp.7/TCP_DEFER_ACCEPT/client",
    section="Socket options",
    says="A TCP client over IPv4 with TCP_DEFER_ACCEPT that has data to send at once completes the handshake "
    "with that data; one without sends an acknowledgement of its own before.",
    since="2.4",
    needs=[Capability.NET_RAW, VETH],
)
def test_a_client_acknowledges_with_its_data(peers, observe):
    with peers.left.entered():
        plain, deferring = Socket.tcp(), Socket.tcp()
    with (
        plain,
        deferring,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        segments() as arriving,
    ):
        arriving.rcvtimeo = SOON
        deferring.tcp_defer_accept = 1
        plain.connect(listener.getsockname())
        plain.send(b"data")
        carried = [next_segment(arriving).data.decode() for _ in range(3)]
        deferring.connect(listener.getsockname())
        deferring.send(b"data")
        carried += [next_segment(arriving).data.decode() for _ in range(2)]

        assert observe("carried", carried) == ["", "", "data", "", "data"]


@claim(
    "tcp.7/TCP_DEFER_ACCEPT/client-delays",
    sentence="tcp.7/TCP_DEFER_ACCEPT/client",
    section="Socket options",
    says="A TCP client over IPv4 with TCP_DEFER_ACCEPT that has nothing to send completes the handshake with "
    "an acknowledgement all the same, 40 milliseconds after the SYN-ACK at the earliest.",
    since="2.4",
    needs=[Capability.NET_RAW, VETH],
)
def test_a_silent_client_acknowledges_in_the_end(peers, observe):
    with peers.left.entered():
        client = Socket.tcp()
    with client, peers.right.entered(), listening(peers.right.address) as listener, segments() as arriving:
        arriving.rcvtimeo = SOON
        client.tcp_defer_accept = 1
        with timed() as took:
            client.connect(listener.getsockname())
            next_segment(arriving)
            last = next_segment(arriving)

        late = took.lasted(LEAST_DELAY)
        assert observe("last_and_late", [last.flags, last.data.decode(), late]) == [ACK, "", True]
