"""TCP_FASTOPEN_CONNECT: where it can be set."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import Socket

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
SYSCTL = "net.ipv4.tcp_fastopen"


@claim(
    "defacto/TCP_FASTOPEN_CONNECT/states",
    says="TCP_FASTOPEN_CONNECT of 1 or 0 is refused with EINVAL by a TCP connection, and by a listener, over "
    "IPv4 and IPv6, and both keep the 0 that they have; a new socket takes it.",
    since="4.11",
    commit="19f6d3f3c842",
)
@FAMILIES
@pytest.mark.parametrize("value", [False, True])
def test_it_is_set_before_there_is_a_connection(ns, observe, family, value):
    ns.sysctl[SYSCTL] = 1
    left, right = Socket.tcp_pair(family)
    with left, right, Socket.tcp(family) as listener, Socket.tcp(family) as new:
        listener.listen()
        with refused(errno.EINVAL):
            left.tcp_fastopen_connect = value
        with refused(errno.EINVAL, "errno_of_listener"):
            listener.tcp_fastopen_connect = value
        new.tcp_fastopen_connect = True
        values = [one.tcp_fastopen_connect for one in (left, listener, new)]
        new.tcp_fastopen_connect = False
        values.append(new.tcp_fastopen_connect)

        assert observe("connection_listener_new", values) == [False, False, True, False]


@claim(
    "defacto/TCP_FASTOPEN_CONNECT/not-enabled",
    says="TCP_FASTOPEN_CONNECT of 1 or 0 is refused with EOPNOTSUPP by a TCP socket, over IPv4 and IPv6, "
    "where net.ipv4.tcp_fastopen does not let clients use Fast Open, 0 or 2; one that was set before stays.",
    since="4.11",
    commit="19f6d3f3c842",
)
@FAMILIES
@pytest.mark.parametrize("setting", [0, 2])
@pytest.mark.parametrize("value", [False, True])
def test_it_takes_the_sysctl(ns, observe, family, setting, value):
    ns.sysctl[SYSCTL] = 1
    with Socket.tcp(family) as sock:
        sock.tcp_fastopen_connect = True
        ns.sysctl[SYSCTL] = setting
        with refused(errno.EOPNOTSUPP):
            sock.tcp_fastopen_connect = value

        assert observe("stays", sock.tcp_fastopen_connect) is True
