"""SO_LINGER: what no document says of it."""

from __future__ import annotations

import contextlib
import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import fill_buffer, slow_reader
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import TIMEOUT
from libsocket import Linger, Socket

LONG = int(2 * TIMEOUT)
"""Seconds: a call that lingered for so long would not get past the guard."""


def read_to_reset(sock: Socket) -> int:
    """Read until the connection is reset; the number of bytes before that."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        sock.read_to_end(received)
    return len(received)


@claim(
    "defacto/SO_LINGER/off-by-default",
    says="A socket begins with linger off.",
)
def test_is_off_at_first(ns, observe):
    with Socket.tcp() as sock:
        assert observe("linger", sock.linger) == (False, 0)


@claim(
    "defacto/SO_LINGER/zero-resets",
    says="Closing a TCP socket with a linger time of zero resets the connection: "
    "once the peer has read what it got, it meets ECONNRESET.",
)
def test_zero_resets_the_connection(ns, observe):
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        sock.send(b"sent")
        received = peer.recv(4).decode()
        sock.linger = Linger(True, 0)
        sock.close()
        with refused(errno.ECONNRESET):
            peer.recv(1)

        assert observe("received", received) == "sent"


@claim(
    "defacto/SO_LINGER/zero-discards-unsent",
    says="Closing a TCP socket with a linger time of zero discards what is still unsent.",
)
def test_zero_discards_what_is_unsent(ns, observe):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.linger = Linger(True, 0)
        sock.close()

        assert observe("discarded", read_to_reset(peer) < queued) is True


@claim(
    "defacto/SO_LINGER/non-blocking-lingers",
    says="close(2) lingers on a non-blocking TCP socket as on any other.",
)
def test_a_non_blocking_socket_lingers(ns, observe):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.nonblocking = True
        sock.linger = Linger(True, LONG)
        with delayed(lambda: peer.read_exact(queued)) as reading:
            sock.close()
            waited = reading.is_set()

        assert observe("waited", waited) is True


@claim(
    "defacto/SO_LINGER/negative-waits",
    says="A negative linger time is taken for a long one: close(2) waits until queued data has been sent.",
)
def test_a_negative_time_waits(ns, observe):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.linger = Linger(True, -1)
        with delayed(lambda: peer.read_exact(queued)) as reading:
            sock.close()
            waited = reading.is_set()

        assert observe("waited", waited) is True


@claim(
    "defacto/SO_LINGER/negative-times-are-one",
    says="All negative linger times become the longest there is, and read back as one number.",
    since="6.6",
)
def test_negative_times_read_back_alike(ns, observe):
    with Socket.tcp() as one, Socket.tcp() as other:
        one.linger, other.linger = Linger(True, -1), Linger(True, -2)

        assert observe("alike", one.linger == other.linger) is True


@claim(
    "defacto/SO_LINGER/inherited-by-accept",
    says="An accepted TCP socket lingers as its listener would.",
)
def test_an_accepted_socket_inherits_it(ns, observe):
    with listening() as listener:
        listener.linger = Linger(True, 7)
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("accepted", accepted.linger) == (True, 7)
