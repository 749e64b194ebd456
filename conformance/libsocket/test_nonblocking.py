"""Making a Socket non-blocking."""

from __future__ import annotations

import fcntl
import os

import pytest

from conformance.plugin.claim import claim
from libsocket import Socket


@claim(
    "libsocket/nonblocking/sets-o-nonblock",
    sentence="libsocket/nonblocking/flag",
    section="impl Socket",
    says="Making a socket non-blocking sets O_NONBLOCK on its descriptor, and making it blocking clears it.",
)
@pytest.mark.parametrize("nonblocking", [True, False])
def test_the_descriptor_has_the_flag(ns, observe, nonblocking):
    with Socket.udp() as sock:
        sock.nonblocking = not nonblocking
        sock.nonblocking = nonblocking

        assert observe("flag", fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK != 0) is nonblocking
