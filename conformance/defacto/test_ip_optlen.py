"""How many bytes options of IP are set with and read into. setsockopt(2) says nothing of it."""

from __future__ import annotations

import errno
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import (
    IP_FREEBIND,
    IP_MTU_DISCOVER,
    IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL,
    IP_PKTINFO,
    IP_RECVERR,
    IP_RECVOPTS,
    IP_RECVTOS,
    IP_RECVTTL,
    IP_RETOPTS,
    IP_TOS,
    IP_TTL,
    Socket,
    raw,
)

NUMBERS = pytest.mark.parametrize("option", [IP_TOS, IP_TTL, IP_MULTICAST_TTL, IP_MTU_DISCOVER])


@claim(
    "defacto/IPPROTO_IP/short-and-long",
    says="IP_TOS, IP_TTL, IP_MULTICAST_TTL and IP_MTU_DISCOVER of a UDP socket are set by the first byte "
    "where there are fewer than four, and by the first four where there are more.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@NUMBERS
@pytest.mark.parametrize(
    "octets",
    [b"\2", b"\2\xff", b"\2\xff\xff", (2).to_bytes(4, sys.byteorder) + b"\xff"],
    ids=["1", "2", "3", "5"],
)
def test_one_byte_is_enough(ns, observe, option, octets):
    with Socket.udp() as sock:
        sock.set(option.through(raw(5)), octets)

        assert observe("value", sock.get(option)) == 2


@claim(
    "defacto/IPPROTO_IP/short-room",
    says="Reading IP_TOS, IP_TTL, IP_MULTICAST_TTL or IP_MTU_DISCOVER of a UDP socket into fewer than four "
    "bytes gives one byte, into more gives four.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@NUMBERS
@pytest.mark.parametrize(("room", "size"), [(1, 1), (3, 1), (4, 4), (5, 4)])
def test_one_byte_is_read(ns, observe, option, room, size):
    with Socket.udp() as sock:
        sock.set(option, 2)
        octets = sock.get(option.through(raw(room)))

        assert observe("size_and_value", [len(octets), int.from_bytes(octets, sys.byteorder)]) == [size, 2]


@claim(
    "defacto/IPPROTO_IP/no-bytes-refused",
    says="Setting IP_TTL, IP_MULTICAST_TTL, IP_MULTICAST_LOOP or IP_FREEBIND of a UDP socket with no byte is "
    "refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("option", "value"), [(IP_TTL, 2), (IP_MULTICAST_TTL, 2), (IP_MULTICAST_LOOP, 0), (IP_FREEBIND, 1)]
)
def test_no_byte_is_refused(ns, observe, option, value):
    with Socket.udp() as sock:
        sock.set(option.through(raw(1)), bytes([value]))
        with refused(errno.EINVAL):
            sock.set(option.through(raw(1)), b"")

        assert observe("kept", int(sock.get(option))) == value


@claim(
    "defacto/IPPROTO_IP/no-bytes-are-zero",
    says="Setting IP_TOS, IP_MTU_DISCOVER, IP_PKTINFO, IP_RECVERR, IP_RECVOPTS, IP_RETOPTS, IP_RECVTOS or "
    "IP_RECVTTL of a UDP socket with no byte sets it to 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("option", "value"),
    [
        (IP_TOS, 2),
        (IP_MTU_DISCOVER, 2),
        (IP_PKTINFO, 1),
        (IP_RECVERR, 1),
        (IP_RECVOPTS, 1),
        (IP_RETOPTS, 1),
        (IP_RECVTOS, 1),
        (IP_RECVTTL, 1),
    ],
)
def test_no_byte_is_zero(ns, observe, option, value):
    with Socket.udp() as sock:
        sock.set(option.through(raw(1)), bytes([value]))
        before = int(sock.get(option))
        sock.set(option.through(raw(1)), b"")

        assert observe("before_and_after", [before, int(sock.get(option))]) == [value, 0]
