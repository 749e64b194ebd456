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


@claim(
    "defacto/TCP_MD5SIG_EXT/network",
    says="The SYN that a TCP socket over IPv4 sends is signed where TCP_MD5SIG_EXT gave it a key for a "
    "network, by its prefix, in which the address is, and not where the address is outside by one bit.",
    since="4.13",
    commit="8917a777be3b",
    needs=MADE,
    survives={"no-op: setsockopt(*TCP_MD5SIG_EXT*": "a socket without a key signs nothing either"},
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

        assert observe("sizes", sizes) == [16, 0]


@claim(
    "defacto/TCP_MD5SIG_EXT/longest-prefix",
    says="Of several TCP_MD5SIG_EXT keys for an address a TCP socket, over IPv4 and IPv6, uses that of the "
    "longest prefix: with another for a larger network it connects to a listener that has only that one.",
    since="4.13",
    commit="8917a777be3b",
    needs=[IPV6],
    survives={"no-op: setsockopt(*TCP_MD5SIG_EXT*": "a key that is not used may be missing"},
)
@pytest.mark.parametrize(
    ("host", "larger", "all_of_it"), [("127.0.0.1", 8, 32), ("::1", 64, 128)], ids=["ipv4", "ipv6"]
)
def test_the_longest_prefix_counts(ns, observe, host, larger, all_of_it):
    with listening(host) as listener, Socket.tcp(listener.family) as client:
        used = TcpMd5sig(host, b"used", prefixlen=all_of_it, flags=PREFIX)
        listener.tcp_md5sig_ext = used
        client.tcp_md5sig_ext = used
        network = "127.0.0.0" if listener.family == socket.AF_INET else "::"
        client.tcp_md5sig_ext = TcpMd5sig(network, b"not used", prefixlen=larger, flags=PREFIX)
        client.sndtimeo = SOON
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"signed")

            assert observe("received", server.read_exact(6).decode()) == "signed"


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
