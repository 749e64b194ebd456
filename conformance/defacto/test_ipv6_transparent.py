"""IPV6_TRANSPARENT: a socket that speaks for other hosts."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import tcp6, udp6
from netns import Capability, only

FOREIGN = "2001:db8::1"
TRANSPORTS = pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])


@claim(
    "defacto/IPV6_TRANSPARENT/foreign",
    says="A TCP or UDP socket of IPv6 with IPV6_TRANSPARENT can be bound to an address that this host does "
    "not have. Without it, and with net.ipv6.ip_nonlocal_bind at 0, it cannot (EADDRNOTAVAIL).",
    since="2.6.37",
    commit="6c46862280c5",
    needs=[IPV6, Capability.NET_ADMIN],
)
@TRANSPORTS
def test_the_address_may_be_foreign(ns, observe, make):
    with make() as sock:
        with refused(errno.EADDRNOTAVAIL):
            sock.bind((FOREIGN, 0))
        sock.ipv6_transparent = True
        sock.bind((FOREIGN, 0))

        assert observe("address", sock.getsockname()[0]) == FOREIGN


@claim(
    "defacto/IPV6_TRANSPARENT/of-ipv4",
    says="IPV6_TRANSPARENT of a TCP or UDP socket of IPv6 is IP_TRANSPARENT: what either is set to both are.",
    since="2.6.37",
    commit="6c46862280c5",
    needs=[IPV6, Capability.NET_ADMIN],
)
@TRANSPORTS
def test_it_is_the_option_of_ipv4(ns, observe, make):
    with make() as sock:
        sock.ipv6_transparent = True
        seen = [sock.ipv6_transparent, sock.ip_transparent]
        sock.ip_transparent = False

        assert observe("set_and_cleared", [*seen, sock.ipv6_transparent, sock.ip_transparent]) == [
            True,
            True,
            False,
            False,
        ]


@claim(
    "defacto/IPV6_TRANSPARENT/clearing-free",
    says="Turning IPV6_TRANSPARENT of a UDP socket of IPv6 off takes no capability; turning it on does.",
    since="3.2",
    commit="6cc7a765c298",
    needs=[IPV6, Capability.NET_ADMIN],
)
def test_clearing_takes_no_capability(ns, observe):
    with udp6() as sock:
        sock.ipv6_transparent = True
        before = sock.ipv6_transparent
        with only():
            sock.ipv6_transparent = False
            with refused(errno.EPERM):
                sock.ipv6_transparent = True

        assert observe("set_and_cleared", [before, sock.ipv6_transparent]) == [True, False]
