"""TCP_MD5SIG_EXT: a key for a whole network."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import ADDRESS, MADE, made_peer
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpMd5sig

PREFIX = 1
"""TcpMd5sig.flags: prefixlen counts."""
SIGNATURE = 19
"""The kind of TCP's option."""


def take_away(sock: Socket, network: str, prefix: int) -> None:
    """Have a socket forget the key for a network; what has none refuses that."""
    sock.tcp_md5sig_ext = TcpMd5sig(network, prefixlen=prefix, flags=PREFIX)


@claim(
    "defacto/TCP_MD5SIG_EXT/network",
    sentence=("tcp.h/TCP_MD5SIG_EXT/extensions"),
    says="The SYN that a TCP socket over IPv4 sends is signed where TCP_MD5SIG_EXT gave it a key for a "
    "network, by its prefix, in which the address is, and not where the address is outside by one bit.",
    since="4.13",
    commit="8917a777be3b",
    needs=MADE,
)
@pytest.mark.parametrize(("network", "prefix"), [("10.0.9.0", 31), ("10.0.8.0", 23)])
def test_a_network_has_a_key(peers, observe, network, prefix):
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as inside, Socket.tcp() as outside:
        inside.tcp_md5sig_ext = TcpMd5sig(network, b"secret", prefixlen=prefix, flags=PREFIX)
        outside.tcp_md5sig_ext = TcpMd5sig(network, b"secret", prefixlen=prefix + 1, flags=PREFIX)
        inside.setblocking(False)
        outside.setblocking(False)
        inside.connect_ex((ADDRESS, peer.port))
        sizes = [len(peer.next().options.get(SIGNATURE, b""))]
        outside.connect_ex((ADDRESS, peer.port))
        sizes.append(len(peer.next().options.get(SIGNATURE, b"")))
        take_away(outside, network, prefix + 1)
        with refused(errno.ENOENT, "errno_once_taken_away"):
            take_away(outside, network, prefix + 1)

        assert observe("sizes", sizes) == [16, 0]


@claim(
    "defacto/TCP_MD5SIG_EXT/longest-prefix",
    says="Of two TCP_MD5SIG_EXT keys for an address a TCP socket, over IPv4 and IPv6, uses that of the "
    "longer prefix, whichever was given first: with another for a larger network it connects to a listener "
    "that has only that one.",
    since="4.13",
    commit="8917a777be3b",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("longer", "larger"),
    [(("127.0.0.1", 32), ("127.0.0.0", 8)), (("::1", 128), ("::", 64))],
    ids=["ipv4", "ipv6"],
)
@pytest.mark.parametrize("order", [1, -1], ids=["longer-first", "shorter-first"])
def test_the_longest_prefix_counts(ns, observe, longer, larger, order):
    with listening(longer[0]) as listener, Socket.tcp(listener.family) as client:
        used = TcpMd5sig(longer[0], b"used", prefixlen=longer[1], flags=PREFIX)
        unused = TcpMd5sig(larger[0], b"not used", prefixlen=larger[1], flags=PREFIX)
        listener.tcp_md5sig_ext = used
        first, second = [used, unused][::order]
        client.tcp_md5sig_ext = first
        client.tcp_md5sig_ext = second
        client.sndtimeo = SOON
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"signed")
            received = server.read_exact(6).decode()
            take_away(client, *larger)
            with refused(errno.ENOENT, "errno_once_taken_away"):
                take_away(client, *larger)

            assert observe("received", received) == "signed"


@claim(
    "defacto/TCP_MD5SIG_EXT/bounds",
    says="A TCP_MD5SIG_EXT prefix of more bits than an address has, 32 for IPv4 and 128 for IPv6, is refused "
    "with EINVAL, and one of all of them is not.",
    since="4.13",
    commit="8917a777be3b",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("family", "host", "bits"), [(socket.AF_INET, "127.0.0.1", 32), (socket.AF_INET6, "::1", 128)]
)
def test_a_prefix_is_not_longer_than_an_address(ns, family, host, bits):
    with Socket.tcp(family) as sock:
        with refused(errno.EINVAL):
            sock.tcp_md5sig_ext = TcpMd5sig(host, b"secret", prefixlen=bits + 1, flags=PREFIX)
        sock.tcp_md5sig_ext = TcpMd5sig(host, b"secret", prefixlen=bits, flags=PREFIX)
        sock.tcp_md5sig_ext = TcpMd5sig(host, prefixlen=bits, flags=PREFIX)
        with refused(errno.ENOENT, "errno_once_taken_away"):
            sock.tcp_md5sig_ext = TcpMd5sig(host, prefixlen=bits, flags=PREFIX)
