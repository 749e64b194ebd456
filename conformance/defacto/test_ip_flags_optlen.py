"""How many bytes flags and numbers of IP are set with that came after the first ones."""

from __future__ import annotations

import errno
import sys
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import (
    IP_BIND_ADDRESS_NO_PORT,
    IP_CHECKSUM,
    IP_MINTTL,
    IP_MULTICAST_ALL,
    IP_RECVERR_RFC4884,
    IP_RECVFRAGSIZE,
    IP_UNICAST_IF,
    Socket,
    raw,
)

LOOPBACK: Final = 1
FEWER_AND_MORE = pytest.mark.parametrize(
    "octets",
    [b"\1", b"\1\xff", b"\1\xff\xff", (1).to_bytes(4, sys.byteorder) + b"\xff"],
    ids=["1", "2", "3", "5"],
)


@claim(
    "defacto/IP_MULTICAST_ALL/short-and-long",
    says="IP_MULTICAST_ALL of a UDP socket is set by the first byte where there are fewer than four, and by "
    "the first four where there are more; without a byte setting it is refused with EINVAL.",
    since="2.6.31",
    commit="f771bef98004",
)
@FEWER_AND_MORE
def test_one_byte_of_multicast_all_is_enough(ns, observe, octets):
    with Socket.udp() as sock:
        sock.ip_multicast_all = False
        with refused(errno.EINVAL):
            sock.set(IP_MULTICAST_ALL.through(raw(5)), b"")
        before = sock.ip_multicast_all
        sock.set(IP_MULTICAST_ALL.through(raw(5)), octets)

        assert observe("before_and_after", [before, sock.ip_multicast_all]) == [False, True]


@claim(
    "defacto/IP_MINTTL/short-and-long",
    says="IP_MINTTL of a UDP socket is set by the first byte where there are fewer than four, and by the "
    "first four where there are more; without a byte setting it is refused with EINVAL.",
    since="2.6.34",
    commit="d218d11133d8",
)
@FEWER_AND_MORE
def test_one_byte_of_minttl_is_enough(ns, observe, octets):
    with Socket.udp() as sock:
        sock.ip_minttl = 33
        with refused(errno.EINVAL):
            sock.set(IP_MINTTL.through(raw(5)), b"")
        before = sock.ip_minttl
        sock.set(IP_MINTTL.through(raw(5)), octets)

        assert observe("before_and_after", [before, sock.ip_minttl]) == [33, 1]


@claim(
    "defacto/IP_CHECKSUM/short-and-long",
    says="IP_CHECKSUM of a UDP socket is set by the first byte where there are fewer than four, and by the "
    "first four where there are more; no byte sets it to 0.",
    since="4.0",
    commit="ad6f939ab193",
)
@FEWER_AND_MORE
def test_one_byte_of_checksum_is_enough(ns, observe, octets):
    with Socket.udp() as sock:
        sock.set(IP_CHECKSUM.through(raw(5)), octets)
        before = sock.ip_checksum
        sock.set(IP_CHECKSUM.through(raw(5)), b"")

        assert observe("set_and_cleared", [before, sock.ip_checksum]) == [True, False]


@claim(
    "defacto/IP_BIND_ADDRESS_NO_PORT/short-and-long",
    says="IP_BIND_ADDRESS_NO_PORT of a UDP socket is set by the first byte where there are fewer than four, "
    "and by the first four where there are more; no byte sets it to 0.",
    since="4.2",
    commit="90c337da1524",
)
@FEWER_AND_MORE
def test_one_byte_of_bind_address_no_port_is_enough(ns, observe, octets):
    with Socket.udp() as sock:
        sock.set(IP_BIND_ADDRESS_NO_PORT.through(raw(5)), octets)
        before = sock.ip_bind_address_no_port
        sock.set(IP_BIND_ADDRESS_NO_PORT.through(raw(5)), b"")

        assert observe("set_and_cleared", [before, sock.ip_bind_address_no_port]) == [True, False]


@claim(
    "defacto/IP_RECVFRAGSIZE/short-and-long",
    says="IP_RECVFRAGSIZE of a UDP socket is set by the first byte where there are fewer than four, and by "
    "the first four where there are more; no byte sets it to 0.",
    since="4.10",
    commit="70ecc2484132",
)
@FEWER_AND_MORE
def test_one_byte_of_recvfragsize_is_enough(ns, observe, octets):
    with Socket.udp() as sock:
        sock.set(IP_RECVFRAGSIZE.through(raw(5)), octets)
        before = sock.ip_recvfragsize
        sock.set(IP_RECVFRAGSIZE.through(raw(5)), b"")

        assert observe("set_and_cleared", [before, sock.ip_recvfragsize]) == [True, False]


@claim(
    "defacto/IP_RECVERR_RFC4884/short-and-long",
    says="IP_RECVERR_RFC4884 of a UDP socket is set by the first byte where there are fewer than four, and "
    "by the first four where there are more; no byte sets it to 0.",
    since="5.9",
    commit="eba75c587e81",
)
@FEWER_AND_MORE
def test_one_byte_of_recverr_rfc4884_is_enough(ns, observe, octets):
    with Socket.udp() as sock:
        sock.set(IP_RECVERR_RFC4884.through(raw(5)), octets)
        before = sock.ip_recverr_rfc4884
        sock.set(IP_RECVERR_RFC4884.through(raw(5)), b"")

        assert observe("set_and_cleared", [before, sock.ip_recverr_rfc4884]) == [True, False]


@claim(
    "defacto/IP_UNICAST_IF/four-bytes",
    says="Setting IP_UNICAST_IF of a UDP socket with fewer or more than four bytes is refused with EINVAL, "
    "though they name an interface or none.",
    since="3.4",
    commit="76e21053b5bf",
)
@pytest.mark.parametrize("size", [0, 1, 3, 5, 8])
def test_it_has_four_bytes(ns, observe, size):
    with Socket.udp() as sock:
        sock.ip_unicast_if = LOOPBACK
        with refused(errno.EINVAL):
            sock.set(IP_UNICAST_IF.through(raw(8)), bytes(size))
        before = sock.ip_unicast_if
        sock.set(IP_UNICAST_IF.through(raw(8)), bytes(4))

        assert observe("before_and_after", [before, sock.ip_unicast_if]) == [LOOPBACK, 0]
