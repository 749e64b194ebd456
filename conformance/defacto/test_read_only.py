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


@claim(
    "defacto/SOL_SOCKET/read-only",
    says="Setting SO_COOKIE, SO_NETNS_COOKIE, SO_MEMINFO, SO_PEERNAME, SO_PEERGROUPS, SO_PEERPIDFD or "
    "SO_PEERSEC of a TCP, UDP or UNIX stream socket is refused with ENOPROTOOPT, where SO_KEEPALIVE can be "
    "set.",
    since="6.5",  # SO_PEERPIDFD is the youngest
    commit="7b26952a91cf",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
@pytest.mark.parametrize(
    "option",
    [SO_COOKIE, SO_NETNS_COOKIE, SO_MEMINFO, SO_PEERNAME, SO_PEERGROUPS, SO_PEERPIDFD, SO_PEERSEC],
)
def test_an_option_of_the_socket_level_cannot_be_set(ns, observe, kind, option):
    with SOCKETS[kind]() as sock:
        with refused(errno.ENOPROTOOPT):
            sock.set(option.through(raw(64)), bytes(64))
        sock.keepalive = True

        assert observe("keepalive", sock.keepalive) is True


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
