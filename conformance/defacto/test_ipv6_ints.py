"""Options of IPv6 that are ints, set with fewer and with more bytes than these have."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import udp6
from libsocket import (
    INT,
    IPV6_2292DSTOPTS,
    IPV6_2292HOPLIMIT,
    IPV6_2292HOPOPTS,
    IPV6_2292PKTINFO,
    IPV6_2292RTHDR,
    IPV6_FLOWINFO,
    IPV6_MTU_DISCOVER,
    IPV6_MULTICAST_HOPS,
    IPV6_RECVDSTOPTS,
    IPV6_RECVERR,
    IPV6_RECVHOPLIMIT,
    IPV6_RECVHOPOPTS,
    IPV6_RECVPKTINFO,
    IPV6_RECVRTHDR,
    IPV6_RECVTCLASS,
    IPV6_TCLASS,
    IPV6_UNICAST_HOPS,
    IPV6_V6ONLY,
    raw,
)


@claim(
    "defacto/IPPROTO_IPV6/optlen",
    says="Setting IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_TCLASS, "
    "IPV6_V6ONLY, IPV6_FLOWINFO, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVRTHDR, IPV6_RECVHOPOPTS, "
    "IPV6_RECVDSTOPTS, IPV6_RECVTCLASS, IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_2292RTHDR, "
    "IPV6_2292HOPOPTS or IPV6_2292DSTOPTS of a UDP socket over IPv6 with three bytes is refused with EINVAL, "
    "and it stays as it was; four bytes are taken.",
    since="2.6.26",
    commit="b2a9d7c2f8ab",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("option", "value"),
    [
        (IPV6_UNICAST_HOPS, 7),
        (IPV6_MULTICAST_HOPS, 7),
        (IPV6_MTU_DISCOVER, 2),
        (IPV6_RECVERR, 1),
        (IPV6_TCLASS, 8),
        (IPV6_V6ONLY, 1),
        (IPV6_FLOWINFO, 1),
        (IPV6_RECVPKTINFO, 1),
        (IPV6_RECVHOPLIMIT, 1),
        (IPV6_RECVRTHDR, 1),
        (IPV6_RECVHOPOPTS, 1),
        (IPV6_RECVDSTOPTS, 1),
        (IPV6_RECVTCLASS, 1),
        (IPV6_2292PKTINFO, 1),
        (IPV6_2292HOPLIMIT, 1),
        (IPV6_2292RTHDR, 1),
        (IPV6_2292HOPOPTS, 1),
        (IPV6_2292DSTOPTS, 1),
    ],
    ids=lambda given: getattr(given, "name", None),
)
def test_fewer_bytes_are_refused(ns, observe, option, value):
    with udp6() as sock:
        sock.set(option.through(INT), value)
        with refused(errno.EINVAL):
            sock.set(option.through(raw(3)), bytes(3))
        kept = sock.get(option.through(INT))
        sock.set(option.through(raw(4)), bytes(4))

        assert observe("after_three_and_four", [kept, sock.get(option.through(INT))]) == [value, 0]


@claim(
    "defacto/IPPROTO_IPV6/more-bytes",
    says="Setting IPV6_UNICAST_HOPS, IPV6_TCLASS or IPV6_V6ONLY of a UDP socket over IPv6 with five bytes "
    "takes the first four, whatever the last is.",
    since="2.6.14",
    commit="41a1f8ea4fbf",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    "option", [IPV6_UNICAST_HOPS, IPV6_TCLASS, IPV6_V6ONLY], ids=lambda option: option.name
)
def test_the_first_bytes_count(ns, observe, option):
    with udp6() as sock:
        before = sock.get(option.through(INT))
        sock.set(option.through(raw(5)), INT.encode(1) + b"\xff")

        assert observe("before_and_after", [before != 1, sock.get(option.through(INT))]) == [True, 1]
