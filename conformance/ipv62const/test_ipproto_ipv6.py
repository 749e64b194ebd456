"""IPPROTO_IPV6: options at its level."""

from __future__ import annotations

import errno
import sys
from socket import IPPROTO_IPV6

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import tcp6, udp6
from libsocket import IPV6_RECVERR, IPV6_UNICAST_HOPS

UNKNOWN_OPTION = 9999
TRANSPORTS = pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])


@claim(
    "IPPROTO_IPV6.2const/IPPROTO_IPV6/level",
    sentence="IPPROTO_IPV6.2const/IPPROTO_IPV6/level",
    section="DESCRIPTION",
    says="What setsockopt(2) sets of a TCP or UDP socket of IPv6 at the level IPPROTO_IPV6, getsockopt(2) "
    "reads there.",
    needs=[IPV6],
)
@TRANSPORTS
def test_options_have_a_level(ns, observe, make):
    with make() as sock:
        sock.setsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS.number, 7)
        read = sock.getsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS.number, 4)

        assert observe("read_back", int.from_bytes(read, sys.byteorder)) == 7


@claim(
    "IPPROTO_IPV6.2const/ENOPROTOOPT/unknown",
    sentence="IPPROTO_IPV6.2const/IPPROTO_IPV6/enoprotoopt",
    section="ERRORS",
    says="Setting or reading an option that there is not fails with ENOPROTOOPT, on a TCP or UDP socket.",
    needs=[IPV6],
)
@TRANSPORTS
def test_an_option_must_exist(ns, observe, make):
    with make() as sock:
        with refused(errno.ENOPROTOOPT, "errno_set"):
            sock.setsockopt(IPPROTO_IPV6, UNKNOWN_OPTION, 1)
        with refused(errno.ENOPROTOOPT, "errno_get"):
            sock.getsockopt(IPPROTO_IPV6, UNKNOWN_OPTION, 4)
        sock.setsockopt(IPPROTO_IPV6, IPV6_RECVERR.number, 1)

        assert observe("known", sock.getsockopt(IPPROTO_IPV6, IPV6_RECVERR.number)) == 1
