"""SO_DEBUG where documents are silent: clearing."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import initially
from conformance.plugin.refusal import refused
from libsocket import Socket
from netns import Capability, only


@claim(
    "defacto/SO_DEBUG/clearing-free",
    says="Clearing SO_DEBUG on a UDP socket takes no capability, where setting it does.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_clearing_takes_no_capability(ns, observe):
    with Socket.udp() as sock:
        sock.debug = True
        before = sock.debug
        with only():
            sock.debug = False
            with refused(errno.EACCES):
                sock.debug = True

        assert observe("set_and_cleared", [before, sock.debug]) == [True, False]
