"""SO_SNDBUF and SO_SNDBUFFORCE where documents are silent: extreme sizes."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import initially
from libsocket import INT, SO_SNDBUFFORCE, Socket
from netns import Capability


@claim(
    "defacto/SO_SNDBUFFORCE/negative-is-the-minimum",
    says="A negative size for SO_SNDBUFFORCE is no error on a UDP socket and gives the smallest buffer.",
    since="4.9",
    commit="b98b0bc8c431",
    needs=[initially(Capability.NET_ADMIN)],
)
@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_negative_size_gives_the_minimum(ns, observe, asked):
    with Socket.udp() as smallest, Socket.udp() as sock:
        smallest.sndbuf = 0
        sock.set(SO_SNDBUFFORCE.through(INT), asked)

        assert observe("sndbuf", sock.sndbuf) == smallest.sndbuf


@claim(
    "defacto/SO_SNDBUFFORCE/takes-no-memory",
    says="Even a send buffer of a gibibyte takes no memory of a UDP socket before data is sent.",
    since="2.6.14",
    commit="b0573dea1fb3",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_a_gibibyte_takes_no_memory(ns, observe):
    with Socket.udp() as sock:
        sock.sndbufforce = 2**29
        memory = sock.meminfo

        assert observe("used_ahead_limit", [memory.wmem_alloc, memory.fwd_alloc, memory.sndbuf]) == [
            0,
            0,
            2**30,
        ]
