"""SO_RCVBUF and SO_RCVBUFFORCE where documents are silent: extreme sizes."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import initially
from libsocket import INT, SO_RCVBUFFORCE, Socket
from netns import Capability


@claim(
    "defacto/SO_RCVBUFFORCE/negative-is-the-minimum",
    says="A negative size for SO_RCVBUFFORCE is no error on a UDP socket and gives the smallest buffer.",
    since="4.9",
    commit="b98b0bc8c431",
    needs=[initially(Capability.NET_ADMIN)],
)
@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_negative_size_gives_the_minimum(ns, observe, asked):
    with Socket.udp() as smallest, Socket.udp() as sock:
        smallest.rcvbuf = 0
        sock.set(SO_RCVBUFFORCE.through(INT), asked)

        assert observe("rcvbuf", sock.rcvbuf) == smallest.rcvbuf


@claim(
    "defacto/SO_RCVBUFFORCE/takes-no-memory",
    says="Even a receive buffer of a gibibyte takes no memory of a UDP socket before data arrives.",
    since="2.6.14",
    commit="b0573dea1fb3",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_a_gibibyte_takes_no_memory(ns, observe):
    with Socket.udp() as sock:
        sock.rcvbufforce = 2**29
        memory = sock.meminfo

        assert observe("used_ahead_limit", [memory.rmem_alloc, memory.fwd_alloc, memory.rcvbuf]) == [
            0,
            0,
            2**30,
        ]
