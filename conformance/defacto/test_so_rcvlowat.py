"""SO_RCVLOWAT where documents are silent: its range, its bounds on TCP, what ends a wait, accept."""

from __future__ import annotations

import select

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.properties import integers
from conformance.plugin.setups.blocked import await_asleep
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.readiness import await_readable, below_lowat
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Child, Namespace

INT_MAX = 2**31 - 1


@claim(
    "defacto/SO_RCVLOWAT/any-positive-mark",
    says="A UNIX stream socket takes every positive SO_RCVLOWAT, and it reads back as it was set.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@integers(25, mark=(2, INT_MAX))
def test_any_positive_mark_reads_back(mark):
    with Namespace(), Socket.unix() as sock:
        sock.rcvlowat = mark

        assert sock.rcvlowat == mark


@claim(
    "defacto/SO_RCVLOWAT/half-of-set-buffer",
    says="On a TCP socket whose SO_RCVBUF was set SO_RCVLOWAT is cut to half of that (doubled) buffer.",
    since="5.0",
    commit="867f816badc0",
)
@pytest.mark.parametrize(("mark", "held"), [(29_999, 29_999), (30_000, 30_000), (30_001, 30_000)])
def test_on_tcp_a_mark_is_cut_at_half_of_the_buffer_that_was_set(ns, observe, mark, held):
    with Socket.tcp() as sock:
        sock.rcvbuf = 30_000
        sock.rcvlowat = mark

        assert observe("rcvbuf_and_rcvlowat", [sock.rcvbuf, sock.rcvlowat]) == [60_000, held]


@claim(
    "defacto/SO_RCVLOWAT/half-of-set-buffer",
    says="On a TCP socket whose SO_RCVBUF was set SO_RCVLOWAT is cut to half of that (doubled) buffer.",
    since="5.0",
    commit="867f816badc0",
)
@integers(25, mark=((2, INT_MAX), (2, 65_536)), asked=(4096, 65_536))
def test_on_tcp_a_mark_is_cut_to_half_of_the_buffer_that_was_set(mark, asked):
    with Namespace(), Socket.tcp() as sock:
        sock.rcvbuf = asked
        sock.rcvlowat = mark

        assert [sock.rcvbuf, sock.rcvlowat] == [2 * asked, min(mark, asked)]


@claim(
    "defacto/SO_RCVLOWAT/enlarges-tcp-buffer",
    says="A SO_RCVLOWAT of 100,000 bytes enlarges the receive buffer of a TCP socket from 8,192 bytes to "
    "that many or more, unless SO_RCVBUF was set.",
    since="4.18",
    commit="d1361840f8c5",
)
def test_on_tcp_a_mark_enlarges_the_buffer(ns, observe):
    ns.sysctl["net.ipv4.tcp_rmem"] = "4096 8192 1000000"
    with Socket.tcp() as free, Socket.tcp() as bound:
        bound.rcvbuf = 8192
        before = free.rcvbuf
        free.rcvlowat = bound.rcvlowat = 100_000

        sizes = observe("before_free_and_set", [before, free.rcvbuf, bound.rcvbuf])

        assert [before, sizes[1] >= 100_000, sizes[2], bound.rcvlowat > 1] == [8192, True, 2 * 8192, True]


@claim(
    "defacto/SO_RCVLOWAT/smaller-read-on-unix",
    says="A blocking receive from a UNIX stream that asks for less than SO_RCVLOWAT waits until as much as "
    "it asks for has come.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_unix_stream_wakes_a_read_of_less_than_the_mark(ns, observe):
    with below_lowat(Socket.pair, 7) as (writer, reader), delayed(lambda: writer.send(b"6")):
        reader.rcvtimeo = SOON
        with timed() as took:
            received = reader.recv(6).decode()

        seen = [reader.rcvlowat, received, took.lasted(SOON)]
        assert observe("rcvlowat_received_timed_out", seen) == [7, "123456", False]


@claim(
    "defacto/SO_RCVLOWAT/smaller-read-not-woken-on-tcp",
    says="A blocking receive from a TCP stream that asks for less than SO_RCVLOWAT sleeps on when as much "
    "as it asks for has come, here until its SO_RCVTIMEO is over.",
    since="4.18",
    commit="03f45c883c6f",
)
def test_a_tcp_stream_does_not_wake_a_read_of_less_than_the_mark(ns, observe):
    with below_lowat(Socket.tcp_pair, 7) as (writer, reader), delayed(lambda: writer.send(b"6")):
        reader.rcvtimeo = 1
        with timed() as took:
            received = reader.recv(6).decode()

        seen = [reader.rcvlowat, received, took.lasted(1)]
        assert observe("rcvlowat_received_timed_out", seen) == [7, "123456", True]


@claim(
    "defacto/SO_RCVLOWAT/inherited-at-handshake",
    says="An accepted TCP connection has a SO_RCVLOWAT of 1 if its listener got another only after they "
    "connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_accepted_connection_has_the_mark_of_the_handshake(ns, observe):
    with listening() as listener, pending_connection(listener):
        listener.rcvlowat = 10
        with listener.accept()[0] as accepted:
            assert observe("listener_and_accepted", [listener.rcvlowat, accepted.rcvlowat]) == [10, 1]


@claim(
    "defacto/SO_RCVLOWAT/lowered-wakes",
    says="An epoll_wait(2) for a TCP socket, over IPv4 and IPv6, that waits since fewer bytes are there than "
    "SO_RCVLOWAT ends when that is set to as many.",
    since="4.18",
    commit="03f45c883c6f",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_lower_mark_wakes(ns, observe, kind):
    with connected(kind) as (reader, writer), select.epoll() as epoll:
        writer.send(b"12345")
        await_readable(reader)
        reader.rcvlowat = 6
        epoll.register(reader, select.EPOLLIN)
        with Child(lambda: [events for _, events in epoll.poll(SOON)]) as child:
            asleep = await_asleep(child.pid)
            reader.rcvlowat = 5

            assert observe("asleep_and_woken", [asleep, child.value()]) == [True, [select.EPOLLIN]]
