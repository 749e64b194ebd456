"""SO_RCVLOWAT where documents are silent: its range, its bounds on TCP, what ends the wait, accept."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.integers import integers
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.readiness import below_lowat, readable_by_poll
from libsocket import Socket
from netns import Namespace

INT_MAX = 2**31 - 1


@claim(
    "defacto/SO_RCVLOWAT/any-positive-mark",
    says="On a UNIX socket every positive mark is taken and reads back as it was set.",
)
@integers(25, mark=(1, INT_MAX))
def test_any_positive_mark_reads_back(mark):
    with Namespace(), Socket.unix() as sock:
        sock.rcvlowat = mark

        assert sock.rcvlowat == mark


@claim(
    "defacto/SO_RCVLOWAT/zero-becomes-one",
    says="A mark of 0 becomes 1.",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix])
def test_zero_becomes_one(ns, observe, make):
    with make() as sock:
        sock.rcvlowat = 10
        sock.rcvlowat = 0

        assert observe("rcvlowat", sock.rcvlowat) == 1


@claim(
    "defacto/SO_RCVLOWAT/negative-is-the-largest",
    says="A negative mark is no error and becomes the largest int.",
)
@pytest.mark.parametrize("mark", [-1, -(2**31)])
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix])
def test_a_negative_mark_becomes_the_largest(ns, observe, make, mark):
    with make() as sock:
        sock.rcvlowat = mark

        assert observe("rcvlowat", sock.rcvlowat) == INT_MAX


@claim(
    "defacto/SO_RCVLOWAT/half-of-tcp-rmem",
    says="On TCP a mark, also a negative one, is cut to half of the largest receive buffer in tcp_rmem.",
)
@pytest.mark.parametrize("mark", [INT_MAX, -5])
def test_on_tcp_a_mark_is_cut_to_half_of_the_largest_buffer(ns, observe, mark):
    ns.sysctl["net.ipv4.tcp_rmem"] = "4096 131072 1000000"
    with Socket.tcp() as sock:
        sock.rcvlowat = mark

        assert observe("rcvlowat", sock.rcvlowat) == 1_000_000 // 2


@claim(
    "defacto/SO_RCVLOWAT/half-of-set-buffer",
    says="On TCP, once SO_RCVBUF was set, a mark is cut to half of that (doubled) buffer.",
)
@integers(25, mark=((1, INT_MAX), (1, 65_536)), asked=(0, 65_536))
def test_on_tcp_a_mark_is_cut_to_half_of_the_buffer_that_was_set(mark, asked):
    with Namespace(), Socket.tcp() as sock:
        sock.rcvbuf = asked
        stored = sock.rcvbuf
        sock.rcvlowat = mark

        assert sock.rcvlowat == min(mark, stored // 2)


@claim(
    "defacto/SO_RCVLOWAT/enlarges-tcp-buffer",
    says="On TCP a mark beyond the receive buffer enlarges the buffer, unless SO_RCVBUF was set.",
)
def test_on_tcp_a_mark_enlarges_the_buffer(ns, observe):
    ns.sysctl["net.ipv4.tcp_rmem"] = "4096 8192 1000000"
    with Socket.tcp() as free, Socket.tcp() as bound:
        bound.rcvbuf = 8192
        free.rcvlowat = bound.rcvlowat = 100_000

        assert observe("enlarged", [free.rcvbuf >= 100_000, bound.rcvbuf > 2 * 8192]) == [True, False]


@claim(
    "defacto/SO_RCVLOWAT/nonblocking-read-takes-less",
    says="A read that must not block takes what is there, though it is less than the mark.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_nonblocking_read_takes_less_than_the_mark(ns, observe, pair):
    with below_lowat(pair) as (_writer, reader):
        assert observe("received", reader.recv(100, socket.MSG_DONTWAIT).decode()) == "12345"


@claim(
    "defacto/SO_RCVLOWAT/smaller-read-waits-for-itself",
    says="A read that asks for less than the mark waits for no more than it asks for.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_read_of_less_than_the_mark_does_not_wait_for_it(ns, observe, pair):
    with below_lowat(pair) as (_writer, reader):
        assert observe("received", reader.recv(5).decode()) == "12345"


@claim(
    "defacto/SO_RCVLOWAT/end-ends-the-wait",
    says="At the end of the stream fewer bytes than the mark are readable, and a read takes them.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_the_end_of_the_stream_ends_the_wait(ns, observe, pair):
    with below_lowat(pair) as (writer, reader):
        writer.shutdown(socket.SHUT_WR)
        readable = readable_by_poll(reader, 30)

        assert observe("readable_and_received", [readable, reader.recv(100).decode()]) == [True, "12345"]


@claim(
    "defacto/SO_RCVLOWAT/inherited-by-accept",
    says="A TCP connection that is accepted has the mark of the listener.",
)
def test_an_accepted_connection_has_the_mark(ns, observe):
    with listening() as listener:
        listener.rcvlowat = 10
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("rcvlowat", accepted.rcvlowat) == 10


@claim(
    "defacto/SO_RCVLOWAT/inherited-at-handshake",
    says="It has the mark that the listener had during the handshake, not the one during accept.",
)
def test_an_accepted_connection_has_the_mark_of_the_handshake(ns, observe):
    with listening() as listener, pending_connection(listener):
        listener.rcvlowat = 10
        with listener.accept()[0] as accepted:
            assert observe("listener_and_accepted", [listener.rcvlowat, accepted.rcvlowat]) == [10, 1]


@claim(
    "defacto/SO_RCVLOWAT/not-inherited-on-unix",
    says="A UNIX connection that is accepted has a mark of 1, whatever the listener's.",
)
def test_an_accepted_unix_connection_starts_anew(ns, observe):
    with listening_unix() as listener:
        listener.rcvlowat = 10
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("listener_and_accepted", [listener.rcvlowat, accepted.rcvlowat]) == [10, 1]
