"""How many bytes structures of SOL_SOCKET are set with, of which no page speaks."""

from __future__ import annotations

import errno
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import INT, SO_LINGER, SO_TIMESTAMPING, Socket, raw

SOCKETS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
RX_SOFTWARE = 8
"""SOF_TIMESTAMPING_RX_SOFTWARE"""


@claim(
    "defacto/SO_LINGER/optlen",
    says="Setting SO_LINGER of a TCP, UDP or UNIX stream socket with fewer than its eight bytes is refused "
    "with EINVAL, and it stays as it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@SOCKETS
@pytest.mark.parametrize("size", [0, 3, 4, 7])
def test_fewer_bytes_are_no_linger(ns, observe, make, size):
    with make() as sock:
        sock.linger = True, 7
        with refused(errno.EINVAL):
            sock.set(SO_LINGER.through(raw(size)), bytes(size))
        kept = list(sock.linger)
        sock.set(SO_LINGER.through(raw(8)), bytes(8))

        assert observe("kept_and_cleared", [kept, sock.linger.onoff]) == [[True, 7], False]


@claim(
    "defacto/SO_TIMESTAMPING/optlen",
    says="Setting SO_TIMESTAMPING of a TCP, UDP or UNIX stream socket with four bytes or more, other than "
    "the eight of a struct so_timestamping, takes the flags from the first four, whatever the others are; "
    "with fewer than four it is refused with EINVAL.",
    since="2.6.30",
    commit="cb9eff097831",
)
@SOCKETS
@pytest.mark.parametrize("size", [4, 5, 7, 9, 12])
def test_the_flags_are_the_first_bytes(ns, observe, make, size):
    octets = RX_SOFTWARE.to_bytes(4, sys.byteorder).ljust(size, b"\xff")
    with make() as sock:
        before = sock.get(SO_TIMESTAMPING.through(INT))
        with refused(errno.EINVAL):
            sock.set(SO_TIMESTAMPING.through(raw(3)), octets[:3])
        kept = sock.get(SO_TIMESTAMPING.through(INT))
        sock.set(SO_TIMESTAMPING.through(raw(size)), octets)

        seen = [before, kept, sock.get(SO_TIMESTAMPING.through(INT))]
        assert observe("before_kept_and_set", seen) == [0, 0, RX_SOFTWARE]
