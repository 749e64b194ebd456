"""shutdown(2) beyond what it says: how a socket reads that was shut for reading."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair
from libsocket import Shutdown, Socket


@claim(
    "defacto/SHUT_RD/reads-as-ended",
    says="With nothing left to receive, a socket that was shut for reading gives 0 bytes and does not wait.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_shut_for_reading_reads_as_ended(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.shutdown(Shutdown.READ)

        assert observe("received", left.recv(9).decode()) == ""


@claim(
    "defacto/SHUT_RD/nonblocking-udp-eagain",
    says="A UDP socket shut for reading says EAGAIN if it is non-blocking, and gives 0 bytes if it is not.",
)
def test_a_nonblocking_udp_socket_has_no_end(ns, observe):
    left, right = udp_pair()
    with left, right:
        left.shutdown(Shutdown.READ)
        blocking = left.recv(9)
        left.nonblocking = True
        with refused(errno.EAGAIN):
            left.recv(9)

        assert observe("blocking", blocking.decode()) == ""


@claim(
    "defacto/SHUT_RD/udp-without-peer",
    says="Shutting down a UDP socket that has no peer fails with ENOTCONN and still shuts it.",
)
def test_a_udp_socket_is_shut_though_refused(ns, observe):
    with Socket.udp() as sock:
        sock.bind(("127.0.0.1", 0))
        with refused(errno.ENOTCONN):
            sock.shutdown(Shutdown.READ)

        assert observe("received", sock.recv(9).decode()) == ""
