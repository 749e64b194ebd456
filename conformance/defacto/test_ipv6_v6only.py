"""IPV6_V6ONLY: without IPv4."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import tcp6, udp6

TRANSPORTS = pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])


@claim(
    "defacto/IPV6_V6ONLY/bound",
    says="IPV6_V6ONLY of a TCP or UDP socket that is bound to a port cannot be set (EINVAL), and keeps what "
    "it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TRANSPORTS
def test_it_is_set_before_binding(ns, observe, make):
    with make() as sock, make() as restricted:
        restricted.ipv6_v6only = True
        sock.bind(("::", 0))
        restricted.bind(("::", 0))
        with refused(errno.EINVAL, "errno_set"):
            sock.ipv6_v6only = True
        with refused(errno.EINVAL, "errno_cleared"):
            restricted.ipv6_v6only = False

        assert observe("kept", [sock.ipv6_v6only, restricted.ipv6_v6only]) == [False, True]
