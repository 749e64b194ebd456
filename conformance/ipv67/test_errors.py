"""The error that ipv6(7) names."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import LOOPBACK, raw6, tcp6, udp6
from netns import Capability

LINK_LOCAL = "fe80::1234"
NO_INTERFACE = 999
SOCKETS = pytest.mark.parametrize("make", [tcp6, udp6, raw6], ids=["tcp", "udp", "raw"])


@claim(
    "ipv6.7/ENODEV/no-interface",
    sentence="ipv6.7/errors/enodev",
    section="ERRORS",
    says="Binding a TCP, UDP or raw socket to a link-local address fails with ENODEV if its scope is a "
    "number that no interface has.",
    needs=[IPV6, Capability.NET_RAW],
)
@SOCKETS
@pytest.mark.parametrize("scope", [NO_INTERFACE, 2**31 - 1])
def test_the_scope_of_a_link_local_address_is_an_interface(ns, observe, make, scope):
    ns.add_address("lo", f"{LINK_LOCAL}/64")
    with make() as sock:
        with refused(errno.ENODEV):
            sock.bind((LINK_LOCAL, 0, 0, scope))
        sock.bind((LINK_LOCAL, 0, 0, LOOPBACK))

        assert observe("bound", [sock.getsockname()[0], sock.getsockname()[3]]) == [LINK_LOCAL, LOOPBACK]


@claim(
    "ipv6.7/ENODEV/no-scope",
    sentence="ipv6.7/errors/enodev",
    section="ERRORS",
    says="Binding a TCP, UDP or raw socket to a link-local address fails with ENODEV if its scope is 0.",
    needs=[IPV6, Capability.NET_RAW],
    expect=differs(
        "it fails with EINVAL (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
@SOCKETS
def test_a_link_local_address_takes_a_scope(ns, observe, make):
    ns.add_address("lo", f"{LINK_LOCAL}/64")
    with make() as sock, refused(errno.ENODEV):
        sock.bind((LINK_LOCAL, 0, 0, 0))
