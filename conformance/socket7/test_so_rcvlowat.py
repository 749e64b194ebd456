"""SO_RCVLOWAT: how many bytes a reader waits for."""

from __future__ import annotations

import selectors
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import arrival, below_lowat, readable_by_poll
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Socket

SELECTORS = [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector]


@claim(
    "socket.7/SO_RCVLOWAT/read-waits-for-mark",
    sentence=(
        *("libsocket/rcvlowat/minimum", "libsocket/rcvlowat/read", "libsocket/sndlowat/read"),
        *("socket.7/SO_RCVLOWAT/minimum", "socket.7/SO_RCVLOWAT/read-blocks"),
    ),
    section="Socket options",
    says="A blocking read of as many bytes as the mark or more, on a TCP or UNIX stream socket, "
    "waits while one byte less than the mark is there.",
    since="2.4",
)
@pytest.mark.parametrize(("asked", "due"), [(6, "123456"), (100, "123456789ab")])
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_read_below_the_mark_waits(ns, observe, pair, asked, due):
    with below_lowat(pair) as (writer, reader):
        reader.rcvtimeo = SOON
        with delayed(lambda: writer.send(b"6789ab")):
            received = reader.recv(asked).decode()

        assert observe("received", received) == due


@claim(
    "socket.7/SO_RCVLOWAT/smaller-read-waits-for-mark",
    sentence=("socket.7/SO_RCVLOWAT/minimum", "socket.7/SO_RCVLOWAT/read-blocks"),
    section="Socket options",
    says="A blocking read on a TCP or UNIX stream socket that asks for no more than is there waits, too, "
    "while one byte less than the mark is there.",
    since="2.4",
    expect=differs(
        "a read waits for no more bytes than it asks for; so it was before git began",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"waited_and_received": [False, "12345"]},
    ),
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_read_of_what_is_there_waits_for_the_mark(ns, observe, pair):
    with below_lowat(pair) as (writer, reader):
        reader.rcvtimeo = SOON
        with delayed(lambda: writer.send(b"6")) as sending:
            received = reader.recv(5).decode()
            waited = sending.is_set()
        mark = observe("rcvlowat", reader.rcvlowat)

        assert [mark, observe("waited_and_received", [waited, received])] == [6, [True, "12345"]]


@claim(
    "socket.7/SO_RCVLOWAT/nonblocking-read-needs-mark",
    sentence="socket.7/SO_RCVLOWAT/minimum",
    section="Socket options",
    says="A receive with MSG_DONTWAIT from a TCP or UNIX stream is passed nothing while one byte less than "
    "the mark is there.",
    since="2.4",
    expect=differs(
        "the mark is only waited for: who does not wait takes what is there; so it was before git began",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "rcvlowat_and_received": [6, "12345"]},
    ),
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_nonblocking_read_is_passed_nothing_below_the_mark(ns, observe, pair):
    with below_lowat(pair) as (writer, reader):
        with refused():
            received = reader.recv(100, socket.MSG_DONTWAIT).decode()
            observe("rcvlowat_and_received", [reader.rcvlowat, received])
        with arrival(reader):
            writer.send(b"6")
        received = reader.recv(100, socket.MSG_DONTWAIT).decode()

        assert observe("rcvlowat_and_received", [reader.rcvlowat, received]) == [6, "123456"]


@claim(
    "socket.7/SO_RCVLOWAT/read-at-the-end-waits-for-mark",
    sentence="socket.7/SO_RCVLOWAT/read-blocks",
    section="Socket options",
    says="A blocking read on a TCP or UNIX stream socket that waits because one byte less than the mark is "
    "there waits on when the stream ends.",
    since="2.4",
    expect=differs(
        "the end of the stream ends the wait; so it was before git began",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"ended_waited_received": [True, False, "12345"]},
    ),
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_read_waits_on_at_the_end_of_the_stream(ns, observe, pair):
    with below_lowat(pair) as (writer, reader):
        reader.rcvtimeo = SOON
        with delayed(lambda: writer.shutdown(socket.SHUT_WR)) as ending, timed() as took:
            received = reader.recv(100).decode()
            ended = ending.is_set()

        seen = [ended, took.lasted(SOON), received]
        assert observe("ended_waited_received", seen) == [True, True, "12345"]


@claim(
    "socket.7/SO_RCVLOWAT/waiting-read-ends-at-mark",
    sentence="socket.7/SO_RCVLOWAT/read-blocks",
    section="Socket options",
    says="A blocking read on a TCP socket that waits because one byte less than the mark is there returns "
    "when that byte has come.",
    since="2.4",
    expect=differs(
        "the reader has taken what was there, and is woken only when as many bytes as the mark have come "
        "since",
        since="4.18",
        commit="03f45c883c6f",
        observed={"waited_and_received": [True, "123456"]},
    ),
)
def test_a_waiting_read_ends_at_the_mark(ns, observe):
    with below_lowat(Socket.tcp_pair) as (writer, reader):
        reader.rcvtimeo = 1
        with delayed(lambda: writer.send(b"6")), timed() as took:
            received = reader.recv(100).decode()

        assert observe("waited_and_received", [took.lasted(1), received]) == [False, "123456"]


@claim(
    "socket.7/SO_RCVLOWAT/waiting-read-ends-at-mark-on-unix",
    sentence="socket.7/SO_RCVLOWAT/read-blocks",
    section="Socket options",
    says="A blocking read on a UNIX stream socket that waits because one byte less than the mark is there "
    "returns when that byte has come.",
    since="2.4",
)
def test_a_waiting_read_on_unix_ends_at_the_mark(ns, observe):
    with below_lowat(Socket.pair) as (writer, reader):
        reader.rcvtimeo = SOON
        with delayed(lambda: writer.send(b"6")), timed() as took:
            received = reader.recv(100).decode()

        assert observe("waited_and_received", [took.lasted(SOON), received]) == [False, "123456"]


@claim(
    "socket.7/SO_RCVLOWAT/read-returns-at-mark",
    sentence=(
        "libsocket/rcvlowat/minimum",
        *("socket.7/SO_RCVLOWAT/minimum", "socket.7/SO_RCVLOWAT/read-blocks"),
    ),
    section="Socket options",
    says="A blocking read of more bytes than the mark, on a TCP or UNIX stream socket, does not wait where "
    "as many bytes as the mark are there.",
    since="2.4",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_read_returns_at_the_mark(ns, observe, pair):
    with below_lowat(pair) as (writer, reader):
        with arrival(reader):
            writer.send(b"6")
        reader.rcvtimeo = SOON
        with timed() as took:
            received = reader.recv(100).decode()
        seen = [observe("rcvlowat", reader.rcvlowat), observe("received", received)]

        assert [*seen, observe("waited", took.lasted(SOON))] == [6, "123456", False]


@claim(
    "socket.7/SO_RCVLOWAT/read-waits-for-mark-on-datagrams",
    sentence=("socket.7/SO_RCVLOWAT/minimum", "socket.7/SO_RCVLOWAT/read-blocks"),
    section="Socket options",
    says="A blocking read on a UDP or UNIX datagram socket waits for another datagram where the one that is "
    "there is a byte shorter than the mark.",
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
    with below_lowat(pair) as (writer, reader):
        reader.rcvtimeo = SOON
        with delayed(lambda: writer.send(b"6"), 1) as another:
            received = reader.recv(100).decode()
            waited = another.is_set()
        mark = observe("rcvlowat", reader.rcvlowat)

        assert [mark, observe("waited_and_received", [waited, received])] == [6, [True, "12345"]]


@claim(
    "socket.7/SO_RCVLOWAT/poll-waits-for-mark",
    sentence=("socket.7/SO_RCVLOWAT/poll", "socket.2/socket/options"),
    section="Socket options",
    says="select, poll and epoll call a TCP socket, both of whose ends are open, readable if as many "
    "bytes as the mark are there, and not if one byte less is.",
    since="2.6.28",
)
@pytest.mark.parametrize("kind", SELECTORS)
def test_tcp_is_readable_from_the_mark_on(ns, observe, kind):
    with below_lowat(Socket.tcp_pair) as (writer, reader), kind() as selector:
        selector.register(reader, selectors.EVENT_READ)
        below = bool(selector.select(0))
        writer.send(b"6")
        at_mark = bool(selector.select(SOON))

        assert observe("readable_below_and_at_mark", [below, at_mark]) == [False, True]


@claim(
    "socket.7/SO_RCVLOWAT/poll-waits-for-mark-on-unix",
    sentence="socket.7/SO_RCVLOWAT/poll",
    section="Socket options",
    says="select, poll and epoll call a UNIX stream socket readable only if as many bytes as the mark are "
    "there.",
    since="2.6.28",
    expect=differs(
        "a single byte makes it readable: only TCP's poll has learnt of the mark; so it was before git began",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"readable_below_and_at_mark": [True, True]},
    ),
)
@pytest.mark.parametrize("kind", SELECTORS)
def test_a_unix_stream_is_readable_from_the_mark_on(ns, observe, kind):
    with below_lowat(Socket.pair) as (writer, reader), kind() as selector:
        selector.register(reader, selectors.EVENT_READ)
        below = bool(selector.select(0))
        writer.send(b"6")
        readable = observe("readable_below_and_at_mark", [below, bool(selector.select(SOON))])
        seen = observe("rcvlowat_and_received", [reader.rcvlowat, reader.recv(9).decode()])

        assert [readable, seen] == [[False, True], [6, "123456"]]


@claim(
    "socket.7/SO_RCVLOWAT/poll-waits-for-mark-on-datagrams",
    sentence=("socket.7/SO_RCVLOWAT/poll", "socket.2/socket/options"),
    section="Socket options",
    says="select, poll and epoll call a UDP or UNIX datagram socket readable only if it holds as many "
    "bytes as the mark.",
    since="2.6.28",
    expect=differs(
        "any datagram makes it readable; so it was before git began",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"readable": True},
    ),
)
@pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair])
@pytest.mark.parametrize("kind", SELECTORS)
def test_a_datagram_socket_is_not_readable_below_the_mark(ns, observe, pair, kind):
    with below_lowat(pair) as (_writer, reader), kind() as selector:
        selector.register(reader, selectors.EVENT_READ)
        mark = observe("rcvlowat", reader.rcvlowat)

        assert [mark, observe("readable", bool(selector.select(0)))] == [6, False]


@claim(
    "socket.7/SO_RCVLOWAT/poll-waits-for-mark-at-the-end",
    sentence="socket.7/SO_RCVLOWAT/poll",
    section="Socket options",
    says="poll calls a TCP socket readable only if as many bytes as the mark are there, also where its "
    "stream has ended.",
    since="2.6.28",
    expect=differs(
        "the end of the stream is readable, whatever the mark",
        since="2.6.28",
        commit="c7004482e8dc",
        observed={"before_and_at_the_end": [False, True]},
    ),
)
def test_the_end_of_the_stream_is_not_readable_below_the_mark(ns, observe):
    with below_lowat(Socket.tcp_pair) as (writer, reader):
        before = readable_by_poll(reader)
        writer.shutdown(socket.SHUT_WR)

        assert observe("before_and_at_the_end", [before, readable_by_poll(reader, SOON)]) == [False, False]
