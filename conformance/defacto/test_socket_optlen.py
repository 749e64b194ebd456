"""How many bytes options of SOL_SOCKET are set with and read into, of which no page speaks."""

from __future__ import annotations

import errno
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import (
    INT,
    SO_LINGER,
    SO_PRIORITY,
    SO_RCVTIMEO,
    SO_RCVTIMEO_NEW,
    SO_REUSEADDR,
    SO_SNDTIMEO,
    SO_SNDTIMEO_NEW,
    SO_TIMESTAMPING,
    Linger,
    Option,
    Socket,
    raw,
)

INTS = pytest.mark.parametrize("option", [SO_PRIORITY, SO_REUSEADDR], ids=lambda option: option.name)
RX_SOFTWARE = 8
"""SOF_TIMESTAMPING_RX_SOFTWARE"""


@claim(
    "defacto/SOL_SOCKET/optlen",
    says="Setting SO_PRIORITY or SO_REUSEADDR of a UDP socket with no bytes or with three is refused with "
    "EINVAL, and it stays as it was, where four are taken.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@INTS
def test_fewer_bytes_are_no_int(ns, observe, option):
    as_int = option.through(INT)
    with Socket.udp() as sock:
        sock.set(as_int, 1)
        with refused(errno.EINVAL, "errno_of_none"):
            sock.set(option.through(raw(0)), b"")
        with refused(errno.EINVAL):
            sock.set(option.through(raw(3)), bytes(3))
        kept = sock.get(as_int)
        sock.set(option.through(raw(4)), bytes(4))

        assert observe("kept_and_cleared", [kept, sock.get(as_int)]) == [1, 0]


@claim(
    "defacto/SOL_SOCKET/more-bytes",
    says="Setting SO_PRIORITY or SO_REUSEADDR of a UDP socket with five bytes, or with 1004, takes the "
    "first four, whatever the others are.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@INTS
def test_the_first_bytes_count(ns, observe, option):
    as_int = option.through(INT)
    with Socket.udp() as sock:
        sock.set(option.through(raw(5)), (1).to_bytes(4, sys.byteorder) + b"\xff")
        of_five = sock.get(as_int)
        sock.set(option.through(raw(1004)), bytes(4) + 1000 * b"\xff")

        assert observe("of_5_and_1004", [of_five, sock.get(as_int)]) == [1, 0]


@claim(
    "defacto/SOL_SOCKET/room-for-fewer",
    says="Reading SO_PRIORITY or SO_REUSEADDR of a UDP socket with room for one byte or three of its four "
    "gives as many, the first ones.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@INTS
def test_what_there_is_room_for_is_given(ns, observe, option):
    octets = (1).to_bytes(4, sys.byteorder)
    with Socket.udp() as sock:
        sock.set(option.through(INT), 1)
        given = [sock.get(option.through(raw(room))) for room in (1, 3)]

        seen = [[len(one), octets.startswith(one)] for one in given]
        assert observe("sizes_and_first", seen) == [[1, True], [3, True]]


@claim(
    "defacto/SO_LINGER/room-for-fewer",
    says="Reading SO_LINGER of a TCP socket over IPv4 with room for seven of its eight bytes gives the "
    "first seven.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_what_there_is_room_for_of_linger_is_given(ns, observe):
    octets = (1).to_bytes(4, sys.byteorder) + (7).to_bytes(4, sys.byteorder)
    with Socket.tcp() as sock:
        sock.linger = Linger(True, 7)
        given = sock.get(SO_LINGER.through(raw(7)))

        assert observe("size_and_first", [len(given), octets.startswith(given)]) == [7, True]


@claim(
    "defacto/SO_LINGER/optlen",
    says="Setting SO_LINGER of a TCP socket over IPv4 with seven of its eight bytes is refused with EINVAL, "
    "and it stays as it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_fewer_bytes_are_no_linger(ns, observe):
    with Socket.tcp() as sock:
        sock.linger = Linger(True, 7)
        with refused(errno.EINVAL):
            sock.set(SO_LINGER.through(raw(7)), bytes(7))
        kept = list(sock.linger)
        sock.set(SO_LINGER.through(raw(8)), bytes(8))

        assert observe("kept_and_cleared", [kept, sock.linger.onoff]) == [[True, 7], False]


def kept_and_cleared(option: Option[float]) -> list[float]:
    """A UDP socket's timeout of 3 s after fewer zeros than it has were refused, and after all of them."""
    size = option.codec.size
    with Socket.udp() as sock:
        sock.set(option, 3)
        with refused(errno.EINVAL, "errno_of_four"):
            sock.set(option.through(raw(4)), bytes(4))
        with refused(errno.EINVAL):
            sock.set(option.through(raw(size - 1)), bytes(size - 1))
        kept = sock.get(option)
        sock.set(option.through(raw(size)), bytes(size))
        return [kept, sock.get(option)]


@claim(
    "defacto/SO_RCVTIMEO/optlen",
    says="Setting SO_RCVTIMEO or SO_SNDTIMEO of a UDP socket with four bytes, or with one less than a struct "
    "timeval has, is refused with EINVAL, and it stays as it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("option", [SO_RCVTIMEO, SO_SNDTIMEO], ids=lambda option: option.name)
def test_fewer_bytes_are_no_timeout(ns, observe, option):
    assert observe("kept_and_cleared", kept_and_cleared(option)) == [3, 0]


@claim(
    "defacto/SO_RCVTIMEO_NEW/optlen",
    says="Setting SO_RCVTIMEO_NEW or SO_SNDTIMEO_NEW of a UDP socket with four or 15 of their 16 bytes is "
    "refused with EINVAL, and it stays as it was.",
    since="5.1",
    commit="a9beb86ae6e5",
)
@pytest.mark.parametrize("option", [SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW], ids=lambda option: option.name)
def test_fewer_bytes_are_no_new_timeout(ns, observe, option):
    assert observe("kept_and_cleared", kept_and_cleared(option)) == [3, 0]


@claim(
    "defacto/SO_TIMESTAMPING/optlen",
    says="Setting SO_TIMESTAMPING of a UDP socket with four or nine bytes, which are not the eight of "
    "a struct so_timestamping, takes the flags from the first four, whatever the others are.",
    since="2.6.30",
    commit="cb9eff097831",
)
@pytest.mark.parametrize("size", [4, 9])
def test_the_flags_are_the_first_bytes(ns, observe, size):
    octets = RX_SOFTWARE.to_bytes(4, sys.byteorder).ljust(size, b"\xff")
    with Socket.udp() as sock:
        before = sock.get(SO_TIMESTAMPING.through(INT))
        sock.set(SO_TIMESTAMPING.through(raw(size)), octets)

        seen = [before, sock.get(SO_TIMESTAMPING.through(INT))]
        assert observe("before_and_set", seen) == [0, RX_SOFTWARE]
