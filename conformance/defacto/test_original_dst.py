"""SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST: where a connection went before it was redirected."""

from __future__ import annotations

import errno
from socket import AF_INET, AF_INET6

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import CONNTRACK, IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import IP6T_SO_ORIGINAL_DST, SO_ORIGINAL_DST, Socket, raw

OF_BOTH = pytest.mark.parametrize(
    ("family", "option", "size"),
    [(AF_INET, SO_ORIGINAL_DST, 16), (AF_INET6, IP6T_SO_ORIGINAL_DST, 28)],
    ids=["ip", "ipv6"],
)


@claim(
    "defacto/SO_ORIGINAL_DST/not-redirected",
    says="In a kernel that can track connections, reading SO_ORIGINAL_DST of a TCP connection over IPv4 that "
    "is not tracked, or IP6T_SO_ORIGINAL_DST of one over IPv6, is refused with ENOENT, and into fewer bytes "
    "than an address has with EINVAL; the connection goes on. That of a UDP socket is refused with "
    "ENOPROTOOPT.",
    since="3.8",
    commit="121d1e0941e0",
    needs=[IPV6, CONNTRACK],
)
@OF_BOTH
def test_nothing_is_known_of_what_is_not_tracked(ns, observe, family, option, size):
    left, right = Socket.tcp_pair(family)
    with left, right, Socket.udp(family) as udp:
        with refused(errno.ENOENT):
            left.get(option)
        with refused(errno.EINVAL, "errno_of_fewer"):
            left.get(option.through(raw(size - 1)))
        with refused(errno.ENOPROTOOPT, "errno_of_udp"):
            udp.get(option)
        right.rcvtimeo = SOON
        left.send(b"goes on")

        assert observe("received", right.recv(9).decode()) == "goes on"
