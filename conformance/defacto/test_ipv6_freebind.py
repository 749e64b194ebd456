"""IPV6_FREEBIND: a socket that is bound to an address which this host does not have."""

from __future__ import annotations

import errno
from socket import AF_INET6

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import tcp6, udp6
from libsocket import Socket
from netns import only

SINCE, COMMIT = "4.15", "84e14fe353de"
FOREIGN = "2001:db8::1"
TRANSPORTS = pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])


@claim(
    "defacto/IPV6_FREEBIND/foreign",
    says="A TCP or UDP socket of IPv6 with IPV6_FREEBIND is bound to an address that this host does not "
    "have, without any capability. Without it, and with net.ipv6.ip_nonlocal_bind at 0, that is refused with "
    "EADDRNOTAVAIL.",
    since=SINCE,
    commit=COMMIT,
    needs=[IPV6],
)
@TRANSPORTS
def test_the_address_may_be_foreign(ns, observe, make):
    with make() as sock, only():
        with refused(errno.EADDRNOTAVAIL):
            sock.bind((FOREIGN, 0))
        sock.ipv6_freebind = True
        sock.bind((FOREIGN, 0))

        assert observe("address", sock.getsockname()[0]) == FOREIGN


@claim(
    "defacto/IPV6_FREEBIND/later",
    says="A TCP socket of IPv6 that listens at an address thanks to IPV6_FREEBIND accepts connections once "
    "this host has that address.",
    since=SINCE,
    commit=COMMIT,
    needs=[IPV6],
)
def test_the_address_may_come_later(ns, observe):
    with tcp6() as listener, tcp6() as client:
        listener.ipv6_freebind = True
        listener.bind((FOREIGN, 0))
        listener.listen()
        ns.add_address("lo", f"{FOREIGN}/128")
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            assert observe("accepted_at", accepted.getsockname()[0]) == FOREIGN


@claim(
    "defacto/IPV6_FREEBIND/of-ipv4",
    says="IPV6_FREEBIND of a TCP or UDP socket of IPv6 is IP_FREEBIND: what either is set to both are.",
    since=SINCE,
    commit=COMMIT,
    needs=[IPV6],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_it_is_the_option_of_ipv4(ns, observe, make):
    with make(AF_INET6) as sock:
        sock.ipv6_freebind = True
        seen = [sock.ipv6_freebind, sock.ip_freebind]
        sock.ip_freebind = False

        assert observe("set_and_cleared", [*seen, sock.ipv6_freebind, sock.ip_freebind]) == [
            True,
            True,
            False,
            False,
        ]
