"""Multipath TCP, of which its document does not speak."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, MPTCP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.mptcp import IPPROTO_MPTCP, mptcp_connection, mptcp_socket
from libsocket import Socket

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
OF_TCP = {"127.0.0.1": errno.EOPNOTSUPP, "::1": errno.ENOPROTOOPT}
"""What a TCP socket says of options of a level that it does not have."""


@claim(
    "defacto/IPPROTO_MPTCP/after-fallback",
    says="SO_PROTOCOL of an MPTCP socket, over IPv4 and IPv6, that connected to a TCP listener is still "
    "IPPROTO_MPTCP (262), while what the listener accepted has IPPROTO_TCP.",
    since="5.6",
    commit="f870fa0b5768",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_the_protocol_stays(ns, observe, host):
    with mptcp_connection(host, listener=False) as (client, accepted):
        assert observe("protocols", [client.protocol, accepted.protocol]) == [
            IPPROTO_MPTCP,
            socket.IPPROTO_TCP,
        ]


@claim(
    "defacto/IPPROTO_MPTCP/types",
    says="With IPPROTO_MPTCP, a socket of AF_INET or AF_INET6 can be made of SOCK_STREAM, and of SOCK_DGRAM "
    "it cannot: EPROTONOSUPPORT.",
    since="5.6",
    commit="f870fa0b5768",
    needs=[MPTCP, IPV6],
)
@FAMILIES
def test_streams_can_be_made_and_no_datagrams(ns, observe, family):
    with refused(errno.EPROTONOSUPPORT):
        Socket(family, socket.SOCK_DGRAM, IPPROTO_MPTCP)
    with mptcp_socket(family) as sock:
        assert observe("type", sock.so_type) == socket.SOCK_STREAM


@claim(
    "defacto/IPPROTO_MPTCP/disabled-later",
    says="A connection between two MPTCP sockets, over IPv4 and IPv6, goes on after net.mptcp.enabled was "
    "set to 0, when no new one can be made.",
    since="5.6",
    commit="784325e9f037",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_connections_go_on(ns, observe, host):
    with mptcp_connection(host) as (client, accepted):
        ns.sysctl["net.mptcp.enabled"] = 0
        with refused(errno.ENOPROTOOPT):
            mptcp_socket(client.family)
        client.send(b"there")
        there = accepted.read_exact(5).decode()
        accepted.send(b"back")

        assert observe("data", [there, client.read_exact(4).decode()]) == ["there", "back"]


@claim(
    "defacto/MPTCP_INFO/without-mptcp",
    says="MPTCP_INFO of a connected TCP socket, of what a listener of MPTCP accepted from one, and of an "
    "MPTCP socket that connected to a TCP listener, is refused over IPv4 with EOPNOTSUPP and over IPv6 with "
    "ENOPROTOOPT, where two MPTCP sockets that are connected have it.",
    since="5.16",
    commit="55c42fa7fa33",
    needs=[MPTCP, IPV6],
)
@HOSTS
@pytest.mark.parametrize(
    ("client", "which"), [(True, 0), (False, 0), (False, 1)], ids=["fallen-back", "tcp", "accepted"]
)
def test_there_is_nothing_to_tell(ns, observe, host, client, which):
    with mptcp_connection(host) as two, mptcp_connection(host, client=client, listener=not client) as ends:
        with refused(OF_TCP[host]):
            ends[which].mptcp_info  # noqa: B018 - reading is what is refused

        assert observe("sequence_of_mptcp", two[0].mptcp_info.write_seq == two[1].mptcp_info.rcv_nxt != 0)


@claim(
    "defacto/TCP_ULP/mptcp",
    says="TCP_ULP of a TCP connection, over IPv4 and IPv6, cannot be set to mptcp: EOPNOTSUPP, where a name "
    "that is unknown is refused with ENOENT.",
    since="5.6",
    commit="2303f994b3e1",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_mptcp_cannot_be_put_on_top(ns, observe, host):
    with mptcp_connection(host, client=False, listener=False) as (client, _):
        with refused(errno.EOPNOTSUPP):
            client.tcp_ulp = "mptcp"
        with refused(errno.ENOENT, "errno_of_unknown"):
            client.tcp_ulp = "no_such_name"

        assert observe("kept", client.tcp_ulp) == ""
