"""SO_SECURITY_AUTHENTICATION and its like, as a comment in include/uapi/asm-generic/socket.h tells them."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import Socket

AUTHENTICATION, ENCRYPTION_TRANSPORT, ENCRYPTION_NETWORK = 22, 23, 24


@claim(
    "socket.h/SO_SECURITY/no-effect",
    sentence="socket.h/SO_SECURITY/no-effect",
    section="Security levels",
    says="SO_SECURITY_AUTHENTICATION, SO_SECURITY_ENCRYPTION_TRANSPORT and SO_SECURITY_ENCRYPTION_NETWORK, "
    "22 to 24, do nothing on a TCP, UDP or UNIX socket: to set and to read them is refused, where "
    "SO_KEEPALIVE is set and read.",
)
@pytest.mark.parametrize("option", [AUTHENTICATION, ENCRYPTION_TRANSPORT, ENCRYPTION_NETWORK])
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
def test_levels_of_security_are_refused(ns, observe, make, option):
    with make() as sock:
        with refused(name="errno_set"):
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        with refused(name="errno_read"):
            sock.getsockopt(socket.SOL_SOCKET, option)
        sock.keepalive = True

        assert observe("keepalive", sock.keepalive) is True
