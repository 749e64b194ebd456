"""SO_RCVTIMEO and SO_SNDTIMEO: what no document says of both, and of the first."""

from __future__ import annotations

import errno
import math

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.clock import ticks_in_a_second
from conformance.plugin.setups.listeners import full_backlog, listening, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import LONG, timed
from libsocket import TIMEVAL, Option, Socket, Timeval

BOTH = [Socket.rcvtimeo, Socket.sndtimeo]


def kept(option: Option[float], usec: int) -> int:
    """Set a timeout of less than a second and read it back, both in microseconds."""
    exact = option.through(TIMEVAL)
    with Socket.udp() as sock:
        sock.set(exact, Timeval(0, usec))
        return sock.get(exact).usec


@claim(
    "defacto/SO_RCVTIMEO/rounded-up-to-ticks",
    sentence=("libsocket/rcvtimeo/timeval", "libsocket/sndtimeo/timeval"),
    says="The SO_RCVTIMEO and the SO_SNDTIMEO of a UDP socket are kept in ticks of the kernel's clock, as "
    "few as are not shorter than what was asked, and so they read back.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("ticks", [1, 2, 50])
@pytest.mark.parametrize("option", BOTH)
def test_is_rounded_up_to_ticks(ns, observe, option, ticks):
    hz = ticks_in_a_second()
    whole = ticks * (1_000_000 // hz)
    asked = whole - 1, whole, whole + 1
    rounded_up = [count * 1_000_000 // hz for count in (ticks, ticks, ticks + 1)]

    assert observe("kept", [kept(option, usec) for usec in asked]) == rounded_up


@claim(
    "defacto/SO_RCVTIMEO/microseconds-out-of-range",
    sentence=("libsocket/rcvtimeo/timeval", "libsocket/sndtimeo/timeval"),
    says="A SO_RCVTIMEO or SO_SNDTIMEO whose microseconds are below 0 or above 999,999 is refused with EDOM.",
    since="2.6.22",
    commit="ba78073e6f70",
)
@pytest.mark.parametrize(("taken", "beyond"), [(0, -1), (999_999, 1_000_000)])
@pytest.mark.parametrize("option", BOTH)
def test_microseconds_have_a_range(ns, observe, option, taken, beyond):
    exact = option.through(TIMEVAL)
    with Socket.udp() as sock:
        sock.set(exact, Timeval(5, taken))
        with refused(errno.EDOM):
            sock.set(exact, Timeval(8, beyond))

        assert observe("timeout", sock.get(exact)) == (math.ceil(5 + taken / 1e6), 0)  # in whole ticks


@claim(
    "defacto/SO_RCVTIMEO/negative-does-not-wait",
    says="With a negative SO_RCVTIMEO a receive on TCP, UDP and UNIX streams fails at once with EAGAIN "
    "where nothing has come, although 0 reads back, which otherwise means to wait for ever.",
    since="2.6.22",
    commit="ba78073e6f70",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair])
def test_a_negative_timeout_does_not_wait(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.set(Socket.rcvtimeo.through(TIMEVAL), Timeval(-LONG, 0))
        with refused(errno.EAGAIN):
            receiver.recv(4)
        sender.send(b"come")
        await_readable(receiver)

        assert [
            observe("read_back", receiver.rcvtimeo),
            observe("received", receiver.recv(4).decode()),
        ] == [0, "come"]


@claim(
    "defacto/SO_RCVTIMEO/connect-unaffected",
    sentence="libsocket/rcvtimeo/outcome",
    says="A blocking connect(2) of a TCP socket outlasts SO_RCVTIMEO, here until its longer SO_SNDTIMEO is "
    "over.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_connect_outlasts_the_receive_timeout(ns, observe):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        client.rcvtimeo, client.sndtimeo = 0.01, 0.1
        receive_timeout_is_shorter = 0 < client.rcvtimeo < client.sndtimeo
        with timed() as took, refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())

        assert observe("shorter_and_outlasted", [receive_timeout_is_shorter, took.lasted(0.1)]) == [
            True,
            True,
        ]


@claim(
    "defacto/SO_RCVTIMEO/inherited-by-accept",
    says="An accepted TCP connection over IPv4 has the SO_RCVTIMEO that its listener had when they "
    "connected: a receive waits for so long.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_accepted_socket_inherits_it(ns, observe):
    with listening() as listener:
        listener.rcvtimeo = 0.5
        with pending_connection(listener), listener.accept()[0] as accepted:
            with timed() as took, refused(errno.EAGAIN):
                accepted.recv(1)

            assert [
                observe("accepted", accepted.rcvtimeo),
                observe("waited", took.lasted(0.5)),
            ] == [0.5, True]
