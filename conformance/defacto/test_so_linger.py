"""SO_LINGER: what no document says of it."""

from __future__ import annotations

import contextlib
import errno
from socket import MSG_WAITALL

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import fill_buffer, slow_reader
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import LONG
from libsocket import Linger, Socket

LATER = 1.2
"""Seconds: more than -1 is, were it taken for a time without its sign."""


def read_to_reset(sock: Socket) -> int:
    """Read until the connection is reset; the number of bytes before that."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        sock.read_to_end(received)
    return len(received)


def kept(seconds: int) -> Linger:
    """As what lingering for so long reads back."""
    with Socket.tcp() as sock:
        sock.linger = Linger(True, seconds)
        return sock.linger


@claim(
    "defacto/SO_LINGER/zero-resets",
    says="Closing a TCP socket with a linger time of 0 resets the connection: the next receive of a peer "
    "that has read all it got fails with ECONNRESET.",
    since="2.6.12",
    commit="1da177e4c3f4",
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
    says="Closing a TCP socket with a linger time of 0 discards what is still unsent.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_zero_discards_what_is_unsent(ns, observe):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.linger = Linger(True, 0)
        sock.close()

        assert observe("discarded", read_to_reset(peer) < queued) is True


@claim(
    "defacto/SO_LINGER/non-blocking-lingers",
    says="close(2) lingers on a non-blocking TCP socket as on a blocking one.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_non_blocking_socket_lingers(ns, observe):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.nonblocking = True
        sock.linger = Linger(True, LONG)
        nonblocking = sock.nonblocking
        with delayed(lambda: peer.recv(queued, MSG_WAITALL)) as reading:
            sock.close()
            waited = reading.is_set()

        assert observe("nonblocking_and_waited", [nonblocking, waited]) == [True, True]


@claim(
    "defacto/SO_LINGER/negative-waits",
    says="A negative linger time is taken for a long one: close(2) of a blocking TCP socket with queued data "
    "waits until that has been sent.",
    since="6.6",
    backports=("6.1.53", "6.4.16", "6.5.3"),
    commit="bc1fb82ae117",
)
@pytest.mark.parametrize("seconds", [-1, -(2**31)])
def test_a_negative_time_waits(ns, observe, seconds):
    with slow_reader() as (sock, peer):
        queued = fill_buffer(sock)
        sock.linger = Linger(True, seconds)
        with delayed(lambda: peer.recv(queued, MSG_WAITALL), LATER) as reading:
            sock.close()
            waited = reading.is_set()

        assert observe("waited", waited) is True


@claim(
    "defacto/SO_LINGER/negative-times-are-one",
    says="All negative linger times of a TCP socket become one time, as which they read back.",
    since="6.6",
    backports=("6.1.53", "6.4.16", "6.5.3"),
    commit="bc1fb82ae117",
)
def test_negative_times_read_back_alike(ns, observe):
    read_back = {kept(seconds) for seconds in (-1, -2, -(2**31))}

    assert observe("on_and_times", [all(on for on, _ in read_back), len(read_back)]) == [True, 1]
