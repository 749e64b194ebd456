"""SO_TIMESTAMP and SO_TIMESTAMPNS: when what is received arrived.

All times are compared with the clock that stamps, CLOCK_REALTIME, read before and after: what
happened in between is between them, however long it took.
"""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.timestamps import microseconds, now, stamping
from libsocket import (
    SO_TIMESTAMP,
    SO_TIMESTAMPNS,
    SOL_SOCKET,
    TIMEVAL,
    UNSIGNED_LONG,
    Socket,
    TimestampNs,
)

TIMESPEC_SIZE = 2 * UNSIGNED_LONG.size
"""Bytes: two numbers, of seconds and of nanoseconds, each a long."""


def nanoseconds(sock: Socket) -> list[int]:
    """The times that come with the next message, as a struct timespec has them."""
    return [stamp.nanoseconds for stamp in control_messages(sock, TimestampNs)]


@claim(
    "socket.7/SO_TIMESTAMP/enables",
    sentence=("libsocket/timestamp/enables", "socket.7/SO_TIMESTAMP/enables"),
    section="Socket options",
    says="SO_TIMESTAMP of a UDP socket turns the control message with the time on, and off again.",
)
def test_it_is_turned_on_and_off(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.send(b"before")
        before = len(control_headers(receiver))
        receiver.timestamp = True
        sender.send(b"with")
        during = len(control_headers(receiver))
        receiver.timestamp = False
        sender.send(b"after")

        assert observe("messages", [before, during, len(control_headers(receiver))]) == [0, 1, 0]


@claim(
    "socket.7/SO_TIMESTAMP/timeval",
    sentence=(
        "libsocket/timestamp/message",
        "socket.7/SO_TIMESTAMP/message",
        "socket.7/SO_TIMESTAMP/time",
    ),
    section="Socket options",
    says="The control message of a UDP socket has level SOL_SOCKET and type SCM_TIMESTAMP and holds the time "
    "as a struct timeval.",
)
def test_the_message_is_a_timeval(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.timestamp = True
        before = now()
        sender.send(b"of what form?")
        sender.send(b"when?")
        messages = control_headers(receiver)
        bounded = [before <= at <= now() for at in microseconds(receiver)]

        assert [observe("messages", messages), observe("bounded", bounded)] == [
            [[SOL_SOCKET, SO_TIMESTAMP.number, TIMEVAL.size]],
            [True],
        ]


@claim(
    "socket.7/SO_TIMESTAMP/reception-time",
    sentence=("libsocket/timestamp/message", "socket.7/SO_TIMESTAMP/time"),
    section="Socket options",
    says="The time that comes with a UDP datagram is that of reception, not that of reading.",
)
def test_it_is_the_time_of_reception(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver, stamping():
        receiver.timestamp = True
        before = now()
        sender.send(b"when?")
        await_readable(receiver)
        arrived = now()

        assert observe("received", [before <= at <= arrived for at in microseconds(receiver)]) == [True]


@claim(
    "socket.7/SO_TIMESTAMP/last-packet",
    sentence=("libsocket/timestamp/message", "socket.7/SO_TIMESTAMP/time"),
    section="Socket options",
    says="Where one call receives the data of several TCP packets, the time is that of the last one.",
)
def test_it_is_the_time_of_the_last_packet(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver, stamping():
        receiver.timestamp = True
        sender.send(b"first")
        between = now()
        sender.send(b"second")

        times = microseconds(receiver, len(b"firstsecond"))

        assert observe("the_last", [between <= at <= now() for at in times]) == [True]


@claim(
    "socket.7/SO_TIMESTAMPNS/enables",
    sentence="socket.7/SO_TIMESTAMPNS/enables",
    section="Socket options",
    says="SO_TIMESTAMPNS of a UDP socket turns the control message with the time on, and off again.",
    since="2.6.22",
)
def test_nanoseconds_are_turned_on_and_off(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.send(b"before")
        before = len(control_headers(receiver))
        receiver.timestampns = True
        sender.send(b"with")
        during = len(control_headers(receiver))
        receiver.timestampns = False
        sender.send(b"after")

        assert observe("messages", [before, during, len(control_headers(receiver))]) == [0, 1, 0]


@claim(
    "socket.7/SO_TIMESTAMPNS/timespec",
    sentence=("socket.7/SO_TIMESTAMPNS/message", "socket.7/SO_TIMESTAMPNS/time"),
    section="Socket options",
    says="The control message of a UDP socket has level SOL_SOCKET and type SCM_TIMESTAMPNS and holds the "
    "time as a struct timespec.",
    since="2.6.22",
)
def test_the_message_is_a_timespec(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.timestampns = True
        before = now()
        sender.send(b"of what form?")
        sender.send(b"when?")
        messages = control_headers(receiver)
        bounded = [before <= at // 1000 <= now() for at in nanoseconds(receiver)]

        assert [observe("messages", messages), observe("bounded", bounded)] == [
            [[SOL_SOCKET, SO_TIMESTAMPNS.number, TIMESPEC_SIZE]],
            [True],
        ]


@claim(
    "socket.7/SO_TIMESTAMPNS/realtime",
    sentence=("socket.7/SO_TIMESTAMPNS/time", "socket.7/SO_TIMESTAMPNS/clock"),
    section="Socket options",
    says="The time that comes with a UDP datagram is that of reception by CLOCK_REALTIME.",
    since="2.6.22",
)
def test_it_is_the_real_time_of_reception(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver, stamping():
        receiver.timestampns = True
        before = now()
        sender.send(b"when?")
        await_readable(receiver)
        arrived = now()

        assert observe("received", [before <= at // 1000 <= arrived for at in nanoseconds(receiver)]) == [
            True
        ]


@claim(
    "socket.7/SO_TIMESTAMPNS/excludes-timestamp",
    sentence="socket.7/SO_TIMESTAMPNS/excludes",
    section="Socket options",
    says="A UDP socket on which SO_TIMESTAMP and SO_TIMESTAMPNS were both set tells one time, never both.",
    since="2.6.22",
)
@pytest.mark.parametrize(("first", "last"), [(SO_TIMESTAMP, SO_TIMESTAMPNS), (SO_TIMESTAMPNS, SO_TIMESTAMP)])
def test_one_of_them_counts(ns, observe, first, last):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.set(first, True)
        both = [receiver.get(first)]
        receiver.set(last, True)
        both.append(receiver.get(last))
        sender.send(b"when?")

        assert observe("set_and_messages", [*both, len(control_headers(receiver))]) == [True, True, 1]
