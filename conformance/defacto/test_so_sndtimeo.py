"""SO_SNDTIMEO: what no document says of it. What it shares with SO_RCVTIMEO stands there."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import LINK_DOWN
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import fill_buffer
from conformance.plugin.timing import LONG, timed
from libsocket import TIMEVAL, Socket, Timeval


@claim(
    "defacto/SO_SNDTIMEO/negative-does-not-wait",
    says="With a negative SO_SNDTIMEO a send on TCP and UNIX streams fails at once with EAGAIN where there "
    "is no room, although 0 reads back, which otherwise means to wait for ever.",
    since="2.6.22",
    commit="ba78073e6f70",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_negative_timeout_does_not_wait(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.set(Socket.sndtimeo.through(TIMEVAL), Timeval(-LONG, 0))
        with refused(errno.EAGAIN):
            left.sendall(bytes(2**26))  # more than there ever is room for

        assert observe("read_back", left.sndtimeo) == 0


@claim(
    "defacto/SO_SNDTIMEO/inherited-by-accept",
    says="An accepted TCP connection over IPv4 has the SO_SNDTIMEO that its listener had when they "
    "connected: a send waits for so long.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[LINK_DOWN],
)
def test_an_accepted_socket_inherits_it(ns, observe):
    with listening() as listener:
        listener.sndtimeo = 0.5
        with pending_connection(listener), listener.accept()[0] as accepted:
            ns.set_link("lo", up=False)  # nothing is acknowledged any more, so what is full stays full
            fill_buffer(accepted)
            with timed() as took, refused(errno.EAGAIN):
                accepted.send(b"x")

            assert [
                observe("accepted", accepted.sndtimeo),
                observe("waited", took.lasted(0.5)),
            ] == [0.5, True]
