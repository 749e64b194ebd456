"""SO_PEERNAME: what getpeername(2) gives, as an option."""

from __future__ import annotations

import errno
import socket
import sys
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair
from libsocket import SO_PEERNAME, Socket, raw

SOCKADDR_IN: Final = 16
"""Bytes of a struct sockaddr_in."""
PAIRS = pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair], ids=["tcp", "udp"])


def sockaddr_in(address: tuple[str, int]) -> bytes:
    """A struct sockaddr_in."""
    host, port = address
    family = int(socket.AF_INET).to_bytes(2, sys.byteorder)
    return (family + port.to_bytes(2) + socket.inet_aton(host)).ljust(SOCKADDR_IN, b"\0")


@claim(
    "defacto/SO_PEERNAME/address",
    says="SO_PEERNAME of a TCP or UDP socket over IPv4 that is connected is the address of its peer, as a "
    "struct sockaddr_in of 16 bytes; with room for 15 it gives the first 15.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@PAIRS
def test_the_address_of_the_peer(ns, observe, pair):
    left, right = pair()
    with left, right:
        given = left.get(SO_PEERNAME.through(raw(SOCKADDR_IN)))
        cut = left.get(SO_PEERNAME.through(raw(SOCKADDR_IN - 1)))
        whole = sockaddr_in(left.getpeername())

        seen = [given == whole, len(cut), whole.startswith(cut)]
        assert observe("alike_and_size_and_alike_of_fewer", seen) == [True, 15, True]


@claim(
    "defacto/SO_PEERNAME/too-much-room",
    says="Reading SO_PEERNAME of a TCP or UDP socket over IPv4 that is connected with room for 17 bytes, "
    "one more than the address has, is refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@PAIRS
def test_there_must_not_be_room_for_more(ns, observe, pair):
    left, right = pair()
    with left, right:
        with refused(errno.EINVAL):
            left.get(SO_PEERNAME.through(raw(SOCKADDR_IN + 1)))

        assert observe("size", len(left.get(SO_PEERNAME.through(raw(SOCKADDR_IN))))) == SOCKADDR_IN


@claim(
    "defacto/SO_PEERNAME/no-peer",
    says="Reading SO_PEERNAME of a UDP or UNIX stream socket without a peer fails with ENOTCONN.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix], ids=["udp", "unix"])
def test_there_must_be_a_peer(ns, observe, make):
    left, right = Socket.tcp_pair()
    with make() as sock, left, right:
        with refused(errno.ENOTCONN):
            sock.get(SO_PEERNAME.through(raw(SOCKADDR_IN)))

        assert observe("size_with_peer", len(left.get(SO_PEERNAME.through(raw(SOCKADDR_IN))))) == SOCKADDR_IN


@claim(
    "defacto/SO_PEERNAME/not-set",
    says="Setting SO_PEERNAME of a TCP socket over IPv4 that is connected is refused with ENOPROTOOPT.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_it_cannot_be_set(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        with refused(errno.ENOPROTOOPT):
            left.set(SO_PEERNAME.through(raw(SOCKADDR_IN)), sockaddr_in(("127.0.0.1", 1)))
        given = left.get(SO_PEERNAME.through(raw(SOCKADDR_IN)))

        assert observe("is_still_the_peer", given == sockaddr_in(left.getpeername()))
