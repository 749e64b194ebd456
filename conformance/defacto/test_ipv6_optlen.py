"""How many bytes options of IPv6 are set with and read into. setsockopt(2) says nothing of it."""

from __future__ import annotations

import errno
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import LOOPBACK, udp6
from libsocket import (
    IPV6_AUTOFLOWLABEL,
    IPV6_DONTFRAG,
    IPV6_MTU_DISCOVER,
    IPV6_MULTICAST_HOPS,
    IPV6_RECVFRAGSIZE,
    IPV6_UNICAST_HOPS,
    IPV6_UNICAST_IF,
    raw,
)


@claim(
    "defacto/IPPROTO_IPV6/short-room",
    says="Reading IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS or IPV6_MTU_DISCOVER of a UDP socket into fewer "
    "than four bytes gives the first bytes of the int, into more gives four.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("option", [IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS, IPV6_MTU_DISCOVER])
@pytest.mark.parametrize("room", [1, 3, 4, 5])
def test_what_fits_is_read(ns, observe, option, room):
    with udp6() as sock:
        sock.set(option, 2)
        octets = sock.get(option.through(raw(room)))
        first = (2).to_bytes(4, sys.byteorder)[: len(octets)]

        assert observe("size_and_first", [len(octets), octets == first]) == [min(room, 4), True]


@claim(
    "defacto/IPPROTO_IPV6/short-is-zero",
    says="Setting IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL or IPV6_RECVFRAGSIZE of a UDP socket with fewer than "
    "four bytes turns it off, whatever they are.",
    since="4.10",
    commit="0cc0aa614b4c",
    needs=[IPV6],
)
@pytest.mark.parametrize("option", [IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL, IPV6_RECVFRAGSIZE])
@pytest.mark.parametrize("octets", [b"", b"\1", b"\1\1\1"], ids=["0", "1", "3"])
def test_fewer_bytes_are_zero(ns, observe, option, octets):
    ns.sysctl["net.ipv6.auto_flowlabels"] = 2  # at first IPV6_AUTOFLOWLABEL is off
    with udp6() as sock:
        sock.set(option, True)
        before = sock.get(option)
        sock.set(option.through(raw(4)), octets)

        assert observe("before_and_after", [before, sock.get(option)]) == [True, False]


@claim(
    "defacto/IPV6_UNICAST_IF/optlen",
    says="Setting IPV6_UNICAST_IF of a UDP socket with another number of bytes than four fails with EINVAL.",
    since="3.4",
    commit="c4062dfc425e",
    needs=[IPV6],
)
@pytest.mark.parametrize("size", [0, 3, 5, 8])
def test_only_four_bytes_are_an_interface(ns, observe, size):
    with udp6() as sock:
        sock.ipv6_unicast_if = LOOPBACK
        with refused(errno.EINVAL):
            sock.set(IPV6_UNICAST_IF.through(raw(8)), bytes(size))
        kept = sock.ipv6_unicast_if
        sock.set(IPV6_UNICAST_IF.through(raw(8)), bytes(4))

        assert observe("kept_and_cleared", [kept, sock.ipv6_unicast_if]) == [LOOPBACK, 0]
