"""tcp_rmem and tcp_wmem: the sizes between which TCP chooses a buffer."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from libsocket import Socket


@claim(
    "tcp.7/tcp_rmem/default-overrides-rmem-default",
    sentence=("tcp.7/tcp_rmem/default", "ip-sysctl/tcp_rmem/default", "ip-sysctl/ipv6/tcp"),
    section="/proc interfaces",
    says="A TCP socket, over IPv4 and IPv6, starts with the receive buffer that tcp_rmem's second number "
    "says, not net.core.rmem_default.",
    since="2.4",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("default", [50_000, 50_001])
def test_a_receive_buffer_starts_with_tcps_own_default(ns, observe, family, default):
    ns.sysctl["net.ipv4.tcp_rmem"] = f"4096 {default} 6000000"
    with Socket.tcp(family) as sock:
        assert observe("default", sock.rcvbuf) == default


@claim(
    "tcp.7/tcp_wmem/default-overrides-wmem-default",
    sentence=("tcp.7/tcp_wmem/default", "ip-sysctl/tcp_wmem/default"),
    section="/proc interfaces",
    says="A TCP socket, over IPv4 and IPv6, starts with the send buffer that tcp_wmem's second number "
    "says, not net.core.wmem_default.",
    since="2.4",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("default", [50_000, 50_001])
def test_a_send_buffer_starts_with_tcps_own_default(ns, observe, family, default):
    ns.sysctl["net.ipv4.tcp_wmem"] = f"4096 {default} 6000000"
    with Socket.tcp(family) as sock:
        assert observe("default", sock.sndbuf) == default
