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
from libsocket import INT, SO_PEERNAME, Socket, raw

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
    "struct sockaddr_in; with room for fewer bytes it gives as many, the first ones.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@PAIRS
@pytest.mark.parametrize("room", [1, 4, 15, 16])
def test_the_address_of_the_peer(ns, observe, pair, room):
    left, right = pair()
    with left, right:
        given = left.get(SO_PEERNAME.through(raw(room)))
        whole = sockaddr_in(left.getpeername())

        assert observe("size_and_alike", [len(given), whole.startswith(given)]) == [room, True]


@claim(
    "defacto/SO_PEERNAME/too-much-room",
    says="Reading SO_PEERNAME of a TCP or UDP socket over IPv4 that is connected with room for more bytes "
    "than the address has is refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@PAIRS
@pytest.mark.parametrize("room", [17, 128])
def test_there_must_not_be_room_for_more(ns, observe, pair, room):
    left, right = pair()
    with left, right:
        with refused(errno.EINVAL):
            left.get(SO_PEERNAME.through(raw(room)))

        assert observe("size", len(left.get(SO_PEERNAME.through(raw(SOCKADDR_IN))))) == SOCKADDR_IN


@claim(
    "defacto/SO_PEERNAME/no-peer",
    says="Reading SO_PEERNAME of a TCP, UDP or UNIX stream socket without a peer fails with ENOTCONN; "
    "setting it is refused with ENOPROTOOPT.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
def test_there_must_be_a_peer(ns, observe, make):
    left, right = Socket.tcp_pair()
    with make() as sock, left, right:
        with refused(errno.ENOTCONN):
            sock.get(SO_PEERNAME.through(raw(SOCKADDR_IN)))
        with refused(errno.ENOPROTOOPT, "errno_of_set"):
            sock.set(SO_PEERNAME.through(INT), 1)

        assert observe("size_with_peer", len(left.get(SO_PEERNAME.through(raw(SOCKADDR_IN))))) == SOCKADDR_IN
