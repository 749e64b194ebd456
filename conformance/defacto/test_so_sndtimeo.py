"""SO_SNDTIMEO: what no document says of it. What it shares with SO_RCVTIMEO stands there."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.pairs import fill_buffer
from libsocket import TIMEVAL, Socket, Timeval


@claim(
    "defacto/SO_SNDTIMEO/negative-does-not-wait",
    says="With a negative timeout a send does not wait: where there is no room it fails with EAGAIN, "
    "although zero reads back, which otherwise means to wait for ever.",
    since="2.6.22",
)
def test_a_negative_timeout_does_not_wait(ns, observe):
    left, right = Socket.pair()
    with left, right:
        left.set(Socket.sndtimeo.through(TIMEVAL), Timeval(-1, 0))
        left.send(b"x")  # as it can while there is room
        fill_buffer(left)
        with refused(errno.EAGAIN):
            left.send(b"x")

        assert observe("read_back", left.sndtimeo) == 0


@claim(
    "defacto/SO_SNDTIMEO/inherited-by-accept",
    says="An accepted TCP socket has the send timeout of its listener.",
)
def test_an_accepted_socket_inherits_it(ns, observe):
    with listening() as listener:
        listener.sndtimeo = 4
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("accepted", accepted.sndtimeo) == 4


@claim(
    "defacto/SO_SNDTIMEO/not-inherited-on-unix",
    says="An accepted UNIX domain socket does not have the send timeout of its listener.",
)
def test_an_accepted_unix_socket_does_not_inherit_it(ns, observe):
    with listening_unix() as listener:
        listener.sndtimeo = 4
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("accepted", accepted.sndtimeo) == 0
