"""SO_TIMESTAMP and its kin where documents are silent."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.pairs import udp_pair
from libsocket import (
    SO_TIMESTAMP,
    SO_TIMESTAMP_NEW,
    SO_TIMESTAMPNS,
    SO_TIMESTAMPNS_NEW,
    SOL_SOCKET,
    TIMEVAL64,
    Socket,
)

EITHER_ORDER = pytest.mark.parametrize(
    ("first", "last"), [(SO_TIMESTAMP, SO_TIMESTAMPNS), (SO_TIMESTAMPNS, SO_TIMESTAMP)]
)


@claim(
    "defacto/SO_TIMESTAMP/last-set-counts",
    says="Of SO_TIMESTAMP and SO_TIMESTAMPNS the one set last is on, and reading the other says it is off.",
)
@EITHER_ORDER
def test_the_last_one_counts(ns, observe, first, last):
    with Socket.udp() as sock:
        sock.set(first, True)
        sock.set(last, True)

        assert observe("on", [sock.get(first), sock.get(last)]) == [False, True]


@claim(
    "defacto/SO_TIMESTAMP/either-clears-both",
    says="Clearing SO_TIMESTAMP ends SO_TIMESTAMPNS too, and the other way round.",
)
@EITHER_ORDER
def test_clearing_one_clears_the_other(ns, observe, first, last):
    with Socket.udp() as sock:
        sock.set(first, True)
        sock.set(last, False)

        assert observe("on", [sock.get(first), sock.get(last)]) == [False, False]


@claim(
    "defacto/SO_TIMESTAMP_NEW/64-bit",
    says="SO_TIMESTAMP_NEW and SO_TIMESTAMPNS_NEW tell the time as two 64-bit numbers, in a control "
    "message of their own type.",
    since="5.1",
)
@pytest.mark.parametrize("option", [SO_TIMESTAMP_NEW, SO_TIMESTAMPNS_NEW])
def test_the_new_ones_are_of_64_bits(ns, observe, option):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.set(option, True)
        sender.send(b"when?")

        assert observe("messages", control_headers(receiver)) == [[SOL_SOCKET, option.number, TIMEVAL64.size]]


@claim(
    "defacto/SO_TIMESTAMP_NEW/excludes-old",
    says="The option set last counts, be it SO_TIMESTAMP or SO_TIMESTAMP_NEW: a message comes with one time.",
    since="5.1",
)
@pytest.mark.parametrize(
    ("first", "last"), [(SO_TIMESTAMP, SO_TIMESTAMP_NEW), (SO_TIMESTAMP_NEW, SO_TIMESTAMP)]
)
def test_old_and_new_exclude_each_other(ns, observe, first, last):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.set(first, True)
        receiver.set(last, True)
        sender.send(b"when?")

        assert observe("types", [kind for _, kind, _ in control_headers(receiver)]) == [last.number]


@claim(
    "defacto/SO_TIMESTAMP/unix-messages",
    says="UNIX domain sockets that keep messages apart tell the time as well.",
)
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_unix_messages_come_with_the_time(ns, observe, kind):
    sender, receiver = Socket.pair(kind)
    with sender, receiver:
        receiver.timestamp = True
        sender.send(b"when?")

        assert observe("types", [type for _, type, _ in control_headers(receiver)]) == [SO_TIMESTAMP.number]


@claim(
    "defacto/SO_TIMESTAMP/unix-streams-silent",
    says="A UNIX domain stream takes SO_TIMESTAMP and never tells the time.",
)
def test_a_unix_stream_does_not_tell_the_time(ns, observe):
    sender, receiver = Socket.pair()
    with sender, receiver:
        receiver.timestamp = True
        sender.send(b"when?")

        assert observe("on_and_told", [receiver.timestamp, control_headers(receiver)]) == [True, []]
