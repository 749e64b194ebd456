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
    Option,
    Socket,
    raw,
)

LOOPBACK: Final = 1
WHOLE: Final = (1).to_bytes(4, sys.byteorder)
FEWER_AND_MORE = pytest.mark.parametrize(
    "octets",
    [b"\1", b"\1\xff", b"\1\xff\xff", WHOLE + b"\xff"],
    ids=["1", "2", "3", "5"],
)
ON_AND_OFF = pytest.mark.parametrize(
    ("on", "off"),
    [
        (b"\1", b"\0"),
        (b"\1\0", b"\0\xff"),
        (b"\1\0\0", b"\0\xff\xff"),
        (WHOLE + b"\0", bytes(4) + b"\xff"),
    ],
    ids=["1", "2", "3", "5"],
)


def flags(sock: Socket, option: Option[bool], *settings: bytes) -> list[bool]:
    """What a flag reads after each of these settings."""
    return [_set(sock, option, octets) for octets in settings]


def _set(sock: Socket, option: Option[bool], octets: bytes) -> bool:
    sock.set(option.through(raw(5)), octets)
    return sock.get(option)


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
@ON_AND_OFF
def test_one_byte_of_checksum_is_enough(ns, observe, on, off):
    with Socket.udp() as sock:
        read = flags(sock, IP_CHECKSUM, on, off, on, b"")

        assert observe("on_and_off", read) == [True, False, True, False]


@claim(
    "defacto/IP_BIND_ADDRESS_NO_PORT/short-and-long",
    says="IP_BIND_ADDRESS_NO_PORT of a UDP socket is set by the first byte where there are fewer than four, "
    "and by the first four where there are more; no byte sets it to 0.",
    since="4.2",
    commit="90c337da1524",
)
@ON_AND_OFF
def test_one_byte_of_bind_address_no_port_is_enough(ns, observe, on, off):
    with Socket.udp() as sock:
        read = flags(sock, IP_BIND_ADDRESS_NO_PORT, on, off, on, b"")

        assert observe("on_and_off", read) == [True, False, True, False]


@claim(
    "defacto/IP_RECVFRAGSIZE/short-and-long",
    says="IP_RECVFRAGSIZE of a UDP socket is set by the first byte where there are fewer than four, and by "
    "the first four where there are more; no byte sets it to 0.",
    since="4.10",
    commit="70ecc2484132",
)
@ON_AND_OFF
def test_one_byte_of_recvfragsize_is_enough(ns, observe, on, off):
    with Socket.udp() as sock:
        read = flags(sock, IP_RECVFRAGSIZE, on, off, on, b"")

        assert observe("on_and_off", read) == [True, False, True, False]


@claim(
    "defacto/IP_RECVERR_RFC4884/short-and-long",
    says="IP_RECVERR_RFC4884 of a UDP socket is set by the first byte where there are fewer than four, and "
    "by the first four where there are more; no byte sets it to 0.",
    since="5.9",
    commit="eba75c587e81",
)
@ON_AND_OFF
def test_one_byte_of_recverr_rfc4884_is_enough(ns, observe, on, off):
    with Socket.udp() as sock:
        read = flags(sock, IP_RECVERR_RFC4884, on, off, on, b"")

        assert observe("on_and_off", read) == [True, False, True, False]


@claim(
    "defacto/IP_UNICAST_IF/four-bytes",
    says="Setting IP_UNICAST_IF of a UDP socket with fewer or more than four bytes is refused with EINVAL; "
    "with four that are 0 it is not.",
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
