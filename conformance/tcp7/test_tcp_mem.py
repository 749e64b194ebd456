"""tcp_rmem and tcp_wmem: the sizes between which TCP chooses a buffer."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from libsocket import Socket


@claim(
    "tcp.7/tcp_rmem/default-overrides-rmem-default",
    sentence="tcp.7/tcp_rmem/default",
    section="/proc interfaces",
    says="A TCP socket starts with the receive buffer that tcp_rmem's second number says, not "
    "net.core.rmem_default.",
    since="2.4",
)
@pytest.mark.parametrize("default", [50_000, 50_001])
def test_a_receive_buffer_starts_with_tcps_own_default(ns, observe, default):
    ns.sysctl["net.ipv4.tcp_rmem"] = f"4096 {default} 6000000"
    with Socket.tcp() as sock:
        assert observe("default", sock.rcvbuf) == default


@claim(
    "tcp.7/tcp_rmem/does-not-limit-rcvbuf",
    sentence="tcp.7/tcp_rmem/max",
    section="/proc interfaces",
    says="The largest of tcp_rmem does not limit what SO_RCVBUF sets on a TCP socket.",
    since="2.4",
)
@pytest.mark.parametrize("asked", [8192, 8193])
def test_rcvbuf_goes_beyond_tcps_largest(ns, observe, asked):
    ns.sysctl["net.ipv4.tcp_rmem"] = "4096 8192 16384"
    with Socket.tcp() as sock:
        default = sock.rcvbuf
        sock.rcvbuf = asked

        assert observe("default_and_set", [default, sock.rcvbuf]) == [8192, 2 * asked]


@claim(
    "tcp.7/tcp_rmem/minimum-does-not-bound-rcvbuf",
    sentence="tcp.7/tcp_rmem/min",
    section="/proc interfaces",
    says="The smallest of tcp_rmem does not keep SO_RCVBUF on a TCP socket from setting less.",
    since="2.4",
)
@pytest.mark.parametrize("asked", [32_768, 32_767])
def test_rcvbuf_goes_below_tcps_smallest(ns, observe, asked):
    ns.sysctl["net.ipv4.tcp_rmem"] = "65536 65536 6000000"
    with Socket.tcp() as sock:
        default = sock.rcvbuf
        sock.rcvbuf = asked

        assert observe("default_and_set", [default, sock.rcvbuf]) == [65_536, 2 * asked]


@claim(
    "tcp.7/tcp_wmem/default-overrides-wmem-default",
    sentence="tcp.7/tcp_wmem/default",
    section="/proc interfaces",
    says="A TCP socket starts with the send buffer that tcp_wmem's second number says, not "
    "net.core.wmem_default.",
    since="2.4",
)
@pytest.mark.parametrize("default", [50_000, 50_001])
def test_a_send_buffer_starts_with_tcps_own_default(ns, observe, default):
    ns.sysctl["net.ipv4.tcp_wmem"] = f"4096 {default} 6000000"
    with Socket.tcp() as sock:
        assert observe("default", sock.sndbuf) == default


@claim(
    "tcp.7/tcp_wmem/does-not-limit-sndbuf",
    sentence="tcp.7/tcp_wmem/max",
    section="/proc interfaces",
    says="The largest of tcp_wmem does not limit what SO_SNDBUF sets on a TCP socket.",
    since="2.4",
)
@pytest.mark.parametrize("asked", [8192, 8193])
def test_sndbuf_goes_beyond_tcps_largest(ns, observe, asked):
    ns.sysctl["net.ipv4.tcp_wmem"] = "4096 8192 16384"
    with Socket.tcp() as sock:
        default = sock.sndbuf
        sock.sndbuf = asked

        assert observe("default_and_set", [default, sock.sndbuf]) == [8192, 2 * asked]


@claim(
    "tcp.7/tcp_wmem/minimum-does-not-bound-sndbuf",
    sentence="tcp.7/tcp_wmem/min",
    section="/proc interfaces",
    says="The smallest of tcp_wmem does not keep SO_SNDBUF on a TCP socket from setting less.",
    since="2.4",
)
@pytest.mark.parametrize("asked", [32_768, 32_767])
def test_sndbuf_goes_below_tcps_smallest(ns, observe, asked):
    ns.sysctl["net.ipv4.tcp_wmem"] = "65536 65536 6000000"
    with Socket.tcp() as sock:
        default = sock.sndbuf
        sock.sndbuf = asked

        assert observe("default_and_set", [default, sock.sndbuf]) == [65_536, 2 * asked]
