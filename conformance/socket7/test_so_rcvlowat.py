"""SO_RCVLOWAT: how many bytes a reader waits for."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import (
    below_lowat,
    readable_by_epoll,
    readable_by_poll,
    readable_by_select,
)
from conformance.plugin.timing import timed
from libsocket import Socket

WAYS = [readable_by_select, readable_by_poll, readable_by_epoll]


@claim(
    "socket.7/SO_RCVLOWAT/starts-at-one",
    sentence="libsocket/rcvlowat/one",
    section="Socket options",
    says="The low-water mark for receiving is 1 at first.",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix])
def test_the_mark_starts_at_one(ns, observe, make):
    with make() as sock:
        assert observe("rcvlowat", sock.rcvlowat) == 1


@claim(
    "socket.7/SO_RCVLOWAT/changeable",
    sentence=("libsocket/rcvlowat/since-2.4", "libsocket/sndlowat/since-2.4"),
    section="Socket options",
    says="The low-water mark for receiving can be changed.",
    since="2.4",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix])
def test_the_mark_can_be_changed(ns, observe, make):
    with make() as sock:
        sock.rcvlowat = 10

        assert observe("rcvlowat", sock.rcvlowat) == 10


@claim(
    "socket.7/SO_RCVLOWAT/read-waits-for-mark",
    sentence=("libsocket/rcvlowat/minimum", "libsocket/rcvlowat/read", "libsocket/sndlowat/read"),
    section="Socket options",
    says="Fewer bytes than the mark are not passed to a reader, who waits for more.",
    since="2.4",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_read_below_the_mark_waits(ns, observe, pair):
    with below_lowat(pair) as (_writer, reader):
        reader.rcvtimeo = 0.05
        with timed() as took:
            received = reader.recv(100).decode()

        assert observe("waited_and_received", [took.lasted(0.05), received]) == [True, "12345"]


@claim(
    "socket.7/SO_RCVLOWAT/read-returns-at-mark",
    sentence="libsocket/rcvlowat/minimum",
    section="Socket options",
    says="As many bytes as the mark are passed to a reader.",
    since="2.4",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_read_returns_at_the_mark(ns, observe, pair):
    with below_lowat(pair) as (writer, reader):
        writer.send(b"67890")

        assert observe("received", reader.recv(100).decode()) == "1234567890"


@claim(
    "socket.7/SO_RCVLOWAT/read-waits-for-mark-on-datagrams",
    section="Socket options",
    says="A datagram shorter than the mark is not passed to a reader, who waits for more.",
    since="2.4",
    expect=differs(
        "a read takes one datagram, however short; so it was before git began",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"waited_and_received": [False, "12345"]},
    ),
)
@pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair])
def test_a_read_of_a_datagram_below_the_mark_waits(ns, observe, pair):
    with below_lowat(pair) as (_writer, reader):
        reader.rcvtimeo = 30
        with timed() as took:
            received = reader.recv(100).decode()

        assert observe("waited_and_received", [took.lasted(30), received]) == [True, "12345"]


@claim(
    "socket.7/SO_RCVLOWAT/poll-waits-for-mark",
    section="Socket options",
    says="select, poll and epoll call a TCP socket readable only if as many bytes as the mark are there.",
    since="2.6.28",
)
@pytest.mark.parametrize("readable", WAYS)
def test_tcp_is_readable_from_the_mark_on(ns, observe, readable):
    with below_lowat(Socket.tcp_pair) as (writer, reader):
        below = readable(reader)
        writer.send(b"67890")

        assert observe("readable_below_and_at_mark", [below, readable(reader, 30)]) == [False, True]


@claim(
    "socket.7/SO_RCVLOWAT/poll-waits-for-mark-on-unix",
    section="Socket options",
    says="select, poll and epoll call a UNIX stream readable only if as many bytes as the mark are there.",
    since="2.6.28",
    expect=differs(
        "a single byte makes it readable: only TCP's poll has learnt of the mark; so it was before git began",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"readable_below_and_at_mark": [True, True]},
    ),
)
@pytest.mark.parametrize("readable", WAYS)
def test_a_unix_stream_is_readable_from_the_mark_on(ns, observe, readable):
    with below_lowat(Socket.pair) as (writer, reader):
        below = readable(reader)
        writer.send(b"67890")

        assert observe("readable_below_and_at_mark", [below, readable(reader, 30)]) == [False, True]


@claim(
    "socket.7/SO_RCVLOWAT/poll-waits-for-mark-on-datagrams",
    section="Socket options",
    says="select, poll and epoll call a datagram socket readable only if it holds as many bytes as the mark.",
    since="2.6.28",
    expect=differs(
        "any datagram makes it readable; so it was before git began",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"readable": True},
    ),
)
@pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair])
@pytest.mark.parametrize("readable", WAYS)
def test_a_datagram_socket_is_not_readable_below_the_mark(ns, observe, pair, readable):
    with below_lowat(pair) as (_writer, reader):
        assert observe("readable", readable(reader)) is False
