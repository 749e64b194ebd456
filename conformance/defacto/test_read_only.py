"""Options that can only be read, of which no page speaks."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import (
    SO_COOKIE,
    SO_MEMINFO,
    SO_NETNS_COOKIE,
    SO_PEERGROUPS,
    SO_PEERNAME,
    SO_PEERPIDFD,
    SO_PEERSEC,
    TCP_CC_INFO,
    TCP_INFO,
    TCP_SAVED_SYN,
    Socket,
    raw,
)

KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])


@claim(
    "defacto/SOL_SOCKET/read-only",
    says="Setting SO_COOKIE, SO_MEMINFO, SO_PEERNAME, SO_PEERGROUPS or SO_PEERSEC of a TCP, UDP or UNIX "
    "stream socket is refused with ENOPROTOOPT, where SO_KEEPALIVE can be set.",
    since="4.13",  # SO_PEERGROUPS is the youngest
    commit="28b5ba2aa0f5",
)
@KINDS
@pytest.mark.parametrize("option", [SO_COOKIE, SO_MEMINFO, SO_PEERNAME, SO_PEERGROUPS, SO_PEERSEC])
def test_an_option_of_the_socket_level_cannot_be_set(ns, observe, kind, option):
    assert observe("keepalive", keepalive_after_refusal(kind, option)) is True


@claim(
    "defacto/SO_NETNS_COOKIE/read-only",
    says="Setting SO_NETNS_COOKIE of a TCP, UDP or UNIX stream socket is refused with ENOPROTOOPT, where "
    "SO_KEEPALIVE can be set.",
    since="5.14",
    commit="e8b9eab99232",
)
@KINDS
def test_the_cookie_of_a_namespace_cannot_be_set(ns, observe, kind):
    assert observe("keepalive", keepalive_after_refusal(kind, SO_NETNS_COOKIE)) is True


@claim(
    "defacto/SO_PEERPIDFD/read-only",
    says="Setting SO_PEERPIDFD of a TCP, UDP or UNIX stream socket is refused with ENOPROTOOPT, where "
    "SO_KEEPALIVE can be set.",
    since="6.5",
    commit="7b26952a91cf",
)
@KINDS
def test_the_descriptor_of_a_peer_cannot_be_set(ns, observe, kind):
    assert observe("keepalive", keepalive_after_refusal(kind, SO_PEERPIDFD)) is True


def keepalive_after_refusal(kind, option):
    """Be refused to set an option, and set SO_KEEPALIVE of the same socket: that."""
    with SOCKETS[kind]() as sock:
        with refused(errno.ENOPROTOOPT):
            sock.set(option.through(raw(64)), bytes(64))
        sock.keepalive = True
        return sock.keepalive


@claim(
    "defacto/IPPROTO_TCP/read-only",
    says="Setting TCP_INFO, TCP_CC_INFO or TCP_SAVED_SYN of a TCP connection is refused with ENOPROTOOPT, "
    "where TCP_NODELAY can be set.",
    since="4.2",  # TCP_SAVED_SYN is the youngest
    commit="cd8ae85299d5",
)
@pytest.mark.parametrize("option", [TCP_INFO, TCP_CC_INFO, TCP_SAVED_SYN])
def test_an_option_of_tcp_cannot_be_set(ns, observe, option):
    left, right = Socket.tcp_pair()
    with left, right:
        with refused(errno.ENOPROTOOPT):
            left.set(option.through(raw(64)), bytes(64))
        left.tcp_nodelay = True

        assert observe("nodelay", left.tcp_nodelay) is True
