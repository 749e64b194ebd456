"""What an accepted MPTCP connection takes over from its listener, several options at once."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, MPTCP
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.mptcp import IPPROTO_MPTCP
from libsocket import Linger
from netns import Capability

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@claim(
    "defacto/IPPROTO_MPTCP/inherited-by-accept",
    says="An accepted MPTCP connection, over IPv4 and IPv6, has the SO_MARK, SO_LINGER, SO_RCVBUF, "
    "SO_SNDBUF, SO_RCVLOWAT, SO_RCVTIMEO and SO_TIMESTAMP that its listener had when they connected.",
    since="5.6",
    commit="cf7da0d66cc1",
    needs=[MPTCP, IPV6, Capability.NET_ADMIN],
)
@HOSTS
def test_options_of_sockets_are_inherited(ns, observe, host):
    with listening(host, protocol=IPPROTO_MPTCP) as listener:
        listener.mark = 7
        listener.linger = Linger(True, 7)
        listener.rcvbuf = listener.sndbuf = 30000
        listener.rcvlowat = 10
        listener.rcvtimeo = 3
        listener.timestamp = True
        with pending_connection(listener), listener.accept()[0] as accepted:
            seen = [
                accepted.mark,
                list(accepted.linger),
                accepted.rcvbuf,
                accepted.sndbuf,
                accepted.rcvlowat,
                accepted.rcvtimeo,
                accepted.timestamp,
            ]

            assert observe("accepted", seen) == [7, [True, 7], 60000, 60000, 10, 3, True]


@claim(
    "defacto/SO_KEEPALIVE/inherited-by-accept-on-mptcp",
    says="An accepted MPTCP connection over IPv4 has the SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL and "
    "TCP_KEEPCNT that its listener had when they connected.",
    since="6.10",
    backports=("5.15.161", "6.1.94", "6.6.34", "6.8.12", "6.9.3"),
    commit="bd11dc4fb969",
    needs=[MPTCP],
)
def test_keepalive_is_inherited(ns, observe):
    with listening(protocol=IPPROTO_MPTCP) as listener:
        listener.keepalive = True
        listener.tcp_keepidle = 7
        listener.tcp_keepintvl = 8
        listener.tcp_keepcnt = 5
        with pending_connection(listener), listener.accept()[0] as accepted:
            seen = [accepted.keepalive, accepted.tcp_keepidle, accepted.tcp_keepintvl, accepted.tcp_keepcnt]

            assert observe("accepted", seen) == [True, 7, 8, 5]


@claim(
    "defacto/TCP_NODELAY/inherited-by-accept-on-mptcp",
    says="An accepted MPTCP connection over IPv4 has the TCP_NODELAY, TCP_CORK and TCP_INQ that its listener "
    "had when they connected.",
    since="5.17",
    commit="4f6e14bd19d6",
    needs=[MPTCP],
)
def test_options_of_tcp_are_inherited(ns, observe):
    with listening(protocol=IPPROTO_MPTCP) as listener:
        listener.tcp_nodelay = listener.tcp_cork = listener.tcp_inq = True
        with pending_connection(listener), listener.accept()[0] as accepted:
            seen = [accepted.tcp_nodelay, accepted.tcp_cork, accepted.tcp_inq]

            assert observe("accepted", seen) == [True, True, True]


@claim(
    "defacto/IP_TOS/inherited-by-accept-on-mptcp",
    says="An accepted MPTCP connection, over IPv4 and IPv6, has the IP_TOS that its listener had when they "
    "connected.",
    since="5.17",
    commit="ffcacff87cd6",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_tos_is_inherited(ns, observe, host):
    with listening(host, protocol=IPPROTO_MPTCP) as listener:
        listener.ip_tos = 16
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("accepted", accepted.ip_tos) == 16


@claim(
    "defacto/IP_FREEBIND/inherited-by-accept-on-mptcp",
    says="An accepted MPTCP connection, over IPv4 and IPv6, has the IP_FREEBIND and the IP_TRANSPARENT that "
    "its listener had when they connected.",
    since="6.15",
    backports=("6.1.135", "6.6.88", "6.12.24", "6.13.12", "6.14.3"),
    commit="e2f4ac7bab22",
    needs=[MPTCP, IPV6, Capability.NET_ADMIN],
)
@HOSTS
def test_freebind_and_transparent_are_inherited(ns, observe, host):
    with listening(host, protocol=IPPROTO_MPTCP) as listener:
        listener.ip_freebind = listener.ip_transparent = True
        with pending_connection(listener), listener.accept()[0] as accepted:
            seen = [accepted.ip_freebind, accepted.ip_transparent]

            assert observe("accepted", seen) == [True, True]
