"""SO_RCVBUF and SO_RCVBUFFORCE: how much may wait to be received."""

from __future__ import annotations

import pytest

from conformance.claims import claim, differs
from libsocket import Socket

FLOOR_IS_AN_SKB = differs(
    "the floor is the true size of a small packet, 2304 on 64-bit machines",
    since="3.12",
    commit="eea86af6b1e1",
    observed={"minimum": 2304},
)


@claim(
    "socket.7/SO_RCVBUF/doubled",
    section="Socket options",
    says="Setting the receive buffer stores twice the size asked for, and that is what reads back.",
)
@pytest.mark.parametrize("asked", [4096, 65_536])
def test_reads_back_doubled(ns, observe, asked):
    with Socket.udp() as sock:
        sock.rcvbuf = asked

        assert observe("read_back", sock.rcvbuf) == 2 * asked


@claim(
    "socket.7/SO_RCVBUF/minimum-256",
    section="Socket options",
    says="The smallest (doubled) receive buffer is 256 bytes.",
    expect=FLOOR_IS_AN_SKB,
)
def test_smallest_is_256(ns, observe):
    with Socket.udp() as sock:
        sock.rcvbuf = 1

        assert observe("minimum", sock.rcvbuf) == 256
