"""SO_TIMESTAMP and its kin where documents are silent."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.timestamps import now, stamping
from libsocket import (
    SO_TIMESTAMP,
    SO_TIMESTAMP_NEW,
    SO_TIMESTAMPNS,
    SO_TIMESTAMPNS_NEW,
    SOL_SOCKET,
    TIMEVAL64,
    Socket,
    Timestamp,
    TimestampNs,
)


def types(sock: Socket) -> list[int]:
    """The types of the control messages that come with the next message."""
    return [kind for _, kind, _ in control_headers(sock)]


EITHER_ORDER = pytest.mark.parametrize(
    ("first", "last"), [(SO_TIMESTAMP, SO_TIMESTAMPNS), (SO_TIMESTAMPNS, SO_TIMESTAMP)]
)


@claim(
    "defacto/SO_TIMESTAMP/last-set-counts",
    says="Setting SO_TIMESTAMP on a UDP socket turns SO_TIMESTAMPNS off, and the other way round.",
    since="2.6.22",
    commit="92f37fd2ee80",
)
@EITHER_ORDER
def test_the_last_one_counts(ns, observe, first, last):
    with Socket.udp() as sock:
        sock.set(first, True)
        before = sock.get(first)
        sock.set(last, True)

        assert observe("first_first_last", [before, sock.get(first), sock.get(last)]) == [True, False, True]


@claim(
    "defacto/SO_TIMESTAMP/either-clears-both",
    says="Clearing SO_TIMESTAMP on a UDP socket turns SO_TIMESTAMPNS off too, and the other way round.",
    since="2.6.22",
    commit="92f37fd2ee80",
)
@EITHER_ORDER
def test_clearing_one_clears_the_other(ns, observe, first, last):
    with Socket.udp() as sock:
        sock.set(first, True)
        before = sock.get(first)
        sock.set(last, False)

        assert observe("before_and_after", [before, sock.get(first)]) == [True, False]


@claim(
    "defacto/SO_TIMESTAMP_NEW/64-bit",
    says="SO_TIMESTAMP_NEW and SO_TIMESTAMPNS_NEW on a UDP socket tell the time of arrival as two 64-bit "
    "numbers, in a control message of their own type.",
    since="5.1",
    commit="887feae36aee",
)
@pytest.mark.parametrize(
    ("option", "kind"), [(SO_TIMESTAMP_NEW, Timestamp), (SO_TIMESTAMPNS_NEW, TimestampNs)]
)
def test_the_new_ones_are_of_64_bits(ns, observe, option, kind):
    sender, receiver = udp_pair()
    with sender, receiver, stamping():
        receiver.set(option, True)
        sender.send(b"how long?")
        messages = control_headers(receiver)
        sent = now()
        sender.send(b"when?")
        await_readable(receiver)
        arrived = now()
        times = [stamp.nanoseconds // 1000 for stamp in control_messages(receiver, kind)]
        between = [sent <= one <= arrived for one in times]

        assert observe("messages_and_between", [messages, between]) == [
            [[SOL_SOCKET, option.number, TIMEVAL64.size]],
            [True],
        ]


@claim(
    "defacto/SO_TIMESTAMP_NEW/excludes-old",
    says="Of SO_TIMESTAMP and SO_TIMESTAMP_NEW on a UDP socket the one set last counts: a datagram comes "
    "with its message only.",
    since="5.1",
    commit="887feae36aee",
)
@pytest.mark.parametrize(
    ("first", "last"), [(SO_TIMESTAMP, SO_TIMESTAMP_NEW), (SO_TIMESTAMP_NEW, SO_TIMESTAMP)]
)
def test_old_and_new_exclude_each_other(ns, observe, first, last):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.set(first, True)
        sender.send(b"when?")
        before = types(receiver)
        receiver.set(last, True)
        sender.send(b"when?")

        assert observe("types", [before, types(receiver)]) == [[first.number], [last.number]]


@claim(
    "defacto/SO_TIMESTAMP/unix-messages",
    says="UNIX datagram and sequenced-packet sockets with SO_TIMESTAMP on tell of each message when it came.",
    since="2.6.37",
    commit="3f66116e8952",
)
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_unix_messages_come_with_the_time(ns, observe, kind):
    sender, receiver = Socket.pair(kind)
    with sender, receiver:
        receiver.timestamp = True
        sent = now()
        sender.send(b"when?")
        await_readable(receiver)
        arrived = now()
        times = [stamp.nanoseconds // 1000 for stamp in control_messages(receiver, Timestamp)]

        assert observe("between", [sent <= one <= arrived for one in times]) == [True]


@claim(
    "defacto/SO_TIMESTAMP/unix-streams-silent",
    says="A UNIX stream takes SO_TIMESTAMP, and what it receives comes without the time.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_unix_stream_does_not_tell_the_time(ns, observe):
    sender, receiver = Socket.pair()
    with sender, receiver:
        receiver.timestamp = True
        sender.send(b"when?")
        data, control = receiver.recvmsg(100, 100)[:2]
        seen = [receiver.timestamp, data.decode(), len(control)]

        assert observe("on_received_told", seen) == [True, "when?", 0]
