"""Options of TCP that are ints, set with more bytes than these have, and read into fewer."""

from __future__ import annotations

import sys

import pytest

from conformance.plugin.claim import claim
from libsocket import (
    INT,
    TCP_CORK,
    TCP_DEFER_ACCEPT,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_LINGER2,
    TCP_NODELAY,
    TCP_SYNCNT,
    Socket,
    raw,
)

OPTIONS = pytest.mark.parametrize(
    "option",
    [
        TCP_CORK,
        TCP_DEFER_ACCEPT,
        TCP_KEEPCNT,
        TCP_KEEPIDLE,
        TCP_KEEPINTVL,
        TCP_LINGER2,
        TCP_NODELAY,
        TCP_SYNCNT,
    ],
    ids=lambda option: option.name,
)


@claim(
    "defacto/IPPROTO_TCP/more-bytes",
    says="Setting TCP_CORK, TCP_DEFER_ACCEPT, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_LINGER2, "
    "TCP_NODELAY or TCP_SYNCNT of a TCP socket over IPv4 with more than 4 bytes takes the first 4, and the "
    "others may be anything.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@OPTIONS
@pytest.mark.parametrize("more", [1, 4, 1000])
def test_the_first_bytes_count(ns, observe, option, more):
    as_int = option.through(INT)
    with Socket.tcp() as sock:
        before = sock.get(as_int)
        sock.set(option.through(raw(4 + more)), (1).to_bytes(4, sys.byteorder) + more * b"\xff")

        assert observe("before_and_after", [before != 1, sock.get(as_int)]) == [True, 1]


@claim(
    "defacto/IPPROTO_TCP/room-for-fewer",
    says="Reading TCP_CORK, TCP_DEFER_ACCEPT, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_LINGER2, "
    "TCP_NODELAY or TCP_SYNCNT of a TCP socket over IPv4 with room for fewer than 4 bytes gives as many of "
    "the int's, the first ones.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@OPTIONS
@pytest.mark.parametrize("size", [1, 3])
def test_what_there_is_room_for_is_given(ns, observe, option, size):
    with Socket.tcp() as sock:
        sock.set(option.through(INT), 1)
        whole = sock.get(option.through(raw(4)))
        given = sock.get(option.through(raw(size)))

        assert observe("size_and_alike", [len(given), given == whole[:size], 1 in whole]) == [
            size,
            True,
            True,
        ]
