"""SO_MAX_PACING_RATE: an int too, and how fast TCP sends."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import timed
from libsocket import SO_MAX_PACING_RATE, UNSIGNED, Socket


@claim(
    "defacto/SO_MAX_PACING_RATE/as-an-int",
    says="SO_MAX_PACING_RATE of a TCP or UDP socket is set and read as an unsigned int, too: the largest one "
    "is no limit, and what does not fit reads as it.",
    since="4.20",
    commit="76a9ebe811fb",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_it_is_an_int_too(ns, observe, make):
    number = SO_MAX_PACING_RATE.through(UNSIGNED)
    with make() as sock:
        sock.set(number, 5)
        small = [sock.max_pacing_rate, sock.get(number)]
        sock.max_pacing_rate = 2**32
        large = sock.get(number)
        sock.set(number, 2**32 - 1)

        assert observe("small_large_unlimited", [*small, large, sock.max_pacing_rate]) == [
            5,
            5,
            2**32 - 1,
            2**64 - 1,
        ]


@claim(
    "defacto/SO_MAX_PACING_RATE/paces-tcp",
    says="TCP without a queueing discipline that paces sends no faster than SO_MAX_PACING_RATE: 60000 bytes "
    "at 200000 a second in segments of 536 take a sixth of a second at least.",
    since="4.13",
    commit="218af599fa63",
)
def test_tcp_is_paced(ns, observe):
    with listening() as listener, Socket.tcp() as sender:
        listener.tcp_maxseg = 536
        sender.max_pacing_rate = 200_000
        sender.connect(listener.getsockname())
        with listener.accept()[0] as receiver, timed() as took:
            sender.sendall(bytes(60_000))
            size = len(receiver.read_exact(60_000))

        assert observe("size_and_lasted", [size, took.lasted(1 / 6)]) == [60_000, True]
