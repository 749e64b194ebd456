"""SO_RCVTIMEO and SO_SNDTIMEO: what no document says of both, and of the first."""

from __future__ import annotations

import errno
import math

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.integers import integers
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import full_backlog, listening, listening_unix, pending_connection
from conformance.plugin.timing import timed
from libsocket import TIMEVAL, Option, Socket, Timeval
from netns import Namespace

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
    says="A timeout is kept in ticks of the kernel's clock, as few as are not shorter than what was asked, "
    "and so it reads back.",
)
@pytest.mark.parametrize("option", BOTH)
@integers(50, usec=(1, 500_000))
def test_is_rounded_up_to_ticks(option, usec):
    with Namespace():
        tick = kept(option, 1)

        assert round(kept(option, usec) / tick) == math.ceil(usec / tick)


@claim(
    "defacto/SO_RCVTIMEO/microseconds-out-of-range",
    sentence=("libsocket/rcvtimeo/timeval", "libsocket/sndtimeo/timeval"),
    says="A timeout whose microseconds are negative or make a second is refused with EDOM.",
    since="2.6.22",
)
@pytest.mark.parametrize("usec", [-1, 1_000_000])
@pytest.mark.parametrize("option", BOTH)
def test_microseconds_have_a_range(ns, observe, option, usec):
    exact = option.through(TIMEVAL)
    with Socket.udp() as sock:
        sock.set(exact, Timeval(5, 0))
        with refused(errno.EDOM):
            sock.set(exact, Timeval(6, usec))

        assert observe("timeout", sock.get(exact)) == (5, 0)


@claim(
    "defacto/SO_RCVTIMEO/negative-does-not-wait",
    says="With a negative timeout a receive does not wait: where nothing has come it fails with EAGAIN, "
    "although zero reads back, which otherwise means to wait for ever.",
    since="2.6.22",
)
def test_a_negative_timeout_does_not_wait(ns, observe):
    left, right = Socket.pair()
    with left, right:
        left.set(Socket.rcvtimeo.through(TIMEVAL), Timeval(-1, 0))
        with refused(errno.EAGAIN):
            left.recv(4)
        right.send(b"here")
        left.recv(4)  # as it can once something has come

        assert observe("read_back", left.rcvtimeo) == 0


@claim(
    "defacto/SO_RCVTIMEO/connect-unaffected",
    sentence="libsocket/rcvtimeo/outcome",
    says="The receive timeout does not bound connect(2); only the send timeout does.",
)
def test_connect_outlasts_the_receive_timeout(ns, observe):
    with listening() as listener, full_backlog(listener) as client:
        client.rcvtimeo, client.sndtimeo = 0.01, 0.1
        with timed() as took, refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())

        assert observe("waited", took.lasted(0.1)) is True


@claim(
    "defacto/SO_RCVTIMEO/inherited-by-accept",
    says="An accepted TCP socket has the receive timeout of its listener.",
)
def test_an_accepted_socket_inherits_it(ns, observe):
    with listening() as listener:
        listener.rcvtimeo = 3
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("accepted", accepted.rcvtimeo) == 3


@claim(
    "defacto/SO_RCVTIMEO/not-inherited-on-unix",
    says="An accepted UNIX domain socket does not have the receive timeout of its listener.",
)
def test_an_accepted_unix_socket_does_not_inherit_it(ns, observe):
    with listening_unix() as listener:
        listener.rcvtimeo = 3
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("accepted", accepted.rcvtimeo) == 0
