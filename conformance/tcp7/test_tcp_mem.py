"""tcp_rmem and tcp_wmem: the sizes between which TCP chooses a buffer."""

from __future__ import annotations

from conformance.plugin.claim import claim
from libsocket import Socket


@claim(
    "tcp.7/tcp_rmem/default-overrides-rmem-default",
    section="/proc interfaces",
    says="A TCP socket starts with the receive buffer that tcp_rmem's second number says, not rmem_default.",
    since="2.4",
)
def test_a_receive_buffer_starts_with_tcps_own_default(ns, observe):
    ns.sysctl["net.ipv4.tcp_rmem"] = "4096 50000 6000000"
    with Socket.tcp() as sock:
        assert observe("default", sock.rcvbuf) == 50_000


@claim(
    "tcp.7/tcp_rmem/does-not-limit-rcvbuf",
    section="/proc interfaces",
    says="The largest of tcp_rmem does not limit what SO_RCVBUF sets.",
    since="2.4",
)
def test_rcvbuf_goes_beyond_tcps_largest(ns, observe):
    ns.sysctl["net.ipv4.tcp_rmem"] = "4096 8192 16384"
    with Socket.tcp() as sock:
        default = sock.rcvbuf
        sock.rcvbuf = 20_000

        assert observe("default_and_set", [default, sock.rcvbuf]) == [8192, 2 * 20_000]


@claim(
    "tcp.7/tcp_rmem/minimum-does-not-bound-rcvbuf",
    section="/proc interfaces",
    says="The smallest of tcp_rmem does not keep SO_RCVBUF from setting less.",
    since="2.4",
)
def test_rcvbuf_goes_below_tcps_smallest(ns, observe):
    ns.sysctl["net.ipv4.tcp_rmem"] = "65536 65536 6000000"
    with Socket.tcp() as sock:
        default = sock.rcvbuf
        sock.rcvbuf = 4096

        assert observe("default_and_set", [default, sock.rcvbuf]) == [65_536, 2 * 4096]


@claim(
    "tcp.7/tcp_wmem/default-overrides-wmem-default",
    section="/proc interfaces",
    says="A TCP socket starts with the send buffer that tcp_wmem's second number says, not wmem_default.",
    since="2.4",
)
def test_a_send_buffer_starts_with_tcps_own_default(ns, observe):
    ns.sysctl["net.ipv4.tcp_wmem"] = "4096 50000 4000000"
    with Socket.tcp() as sock:
        assert observe("default", sock.sndbuf) == 50_000


@claim(
    "tcp.7/tcp_wmem/does-not-limit-sndbuf",
    section="/proc interfaces",
    says="The largest of tcp_wmem does not limit what SO_SNDBUF sets.",
    since="2.4",
)
def test_sndbuf_goes_beyond_tcps_largest(ns, observe):
    ns.sysctl["net.ipv4.tcp_wmem"] = "4096 8192 16384"
    with Socket.tcp() as sock:
        default = sock.sndbuf
        sock.sndbuf = 20_000

        assert observe("default_and_set", [default, sock.sndbuf]) == [8192, 2 * 20_000]


@claim(
    "tcp.7/tcp_wmem/minimum-does-not-bound-sndbuf",
    section="/proc interfaces",
    says="The smallest of tcp_wmem does not keep SO_SNDBUF from setting less.",
    since="2.4",
)
def test_sndbuf_goes_below_tcps_smallest(ns, observe):
    ns.sysctl["net.ipv4.tcp_wmem"] = "65536 65536 6000000"
    with Socket.tcp() as sock:
        default = sock.sndbuf
        sock.sndbuf = 4096

        assert observe("default_and_set", [default, sock.sndbuf]) == [65_536, 2 * 4096]
