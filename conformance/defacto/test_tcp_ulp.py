"""TCP_ULP: the protocol on top of TCP."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import Socket


@claim(
    "defacto/TCP_ULP/unknown",
    says="TCP_ULP of a TCP connection, over IPv4 and IPv6, is empty at first; a name that is unknown is "
    "refused with ENOENT, and the connection goes on without.",
    since="4.13",
    commit="734942cc4ea6",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_an_unknown_protocol_is_refused(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        right.rcvtimeo = SOON
        before = left.tcp_ulp
        with refused(errno.ENOENT):
            left.tcp_ulp = "no_such_name"
        left.send(b"plain")
        received = right.read_exact(5).decode()

        assert observe("before_after_and_received", [before, left.tcp_ulp, received]) == ["", "", "plain"]
