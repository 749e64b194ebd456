"""Socket options of TCP on MPTCP sockets."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, MPTCP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.mptcp import mptcp_connection
from libsocket import (
    INT,
    SO_KEEPALIVE,
    SO_OOBINLINE,
    SO_PRIORITY,
    SO_ZEROCOPY,
    TCP_CORK,
    TCP_INQ,
    TCP_NODELAY,
    TCP_REPAIR,
)
from netns import Capability

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@claim(
    "mptcp/Socket-options/most",
    sentence="mptcp/Socket-options/most",
    section="Socket options",
    says="A connected MPTCP socket, over IPv4 and IPv6, takes SO_KEEPALIVE, SO_PRIORITY, TCP_NODELAY, "
    "TCP_CORK and TCP_INQ of 1 and of 0, and reads them back.",
    since="5.17",
    needs=[MPTCP, IPV6],
)
@HOSTS
@pytest.mark.parametrize(
    "option", [SO_KEEPALIVE, SO_PRIORITY, TCP_NODELAY, TCP_CORK, TCP_INQ], ids=lambda option: option.name
)
def test_options_are_taken(ns, observe, host, option):
    as_int = option.through(INT)
    with mptcp_connection(host) as (client, _):
        client.set(as_int, 1)
        values = [client.get(as_int)]
        client.set(as_int, 0)
        values.append(client.get(as_int))

        assert observe("values", values) == [1, 0]


@claim(
    "mptcp/Socket-options/some-not",
    sentence="mptcp/Socket-options/some-not",
    section="Socket options",
    says="A connected MPTCP socket, over IPv4 and IPv6, refuses SO_OOBINLINE, SO_ZEROCOPY and TCP_REPAIR, "
    "which TCP sockets take.",
    since="5.13",
    needs=[MPTCP, IPV6, Capability.NET_ADMIN],
)
@HOSTS
@pytest.mark.parametrize("option", [SO_OOBINLINE, SO_ZEROCOPY, TCP_REPAIR], ids=lambda option: option.name)
def test_options_are_refused(ns, observe, host, option):
    as_int = option.through(INT)
    with (
        mptcp_connection(host) as (client, _),
        mptcp_connection(host, client=False, listener=False) as (tcp, _),
    ):
        tcp.set(as_int, 1)
        with refused():
            client.set(as_int, 1)

        assert observe("of_tcp", tcp.get(as_int)) == 1
