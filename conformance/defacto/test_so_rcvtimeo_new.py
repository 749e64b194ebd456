"""SO_RCVTIMEO_NEW and SO_SNDTIMEO_NEW: the timeouts of SO_RCVTIMEO and SO_SNDTIMEO in another form."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from libsocket import SO_RCVTIMEO, SO_RCVTIMEO_NEW, SO_SNDTIMEO, SO_SNDTIMEO_NEW, Socket


@claim(
    "defacto/SO_RCVTIMEO_NEW/same-timeout",
    says="SO_RCVTIMEO_NEW is the timeout that SO_RCVTIMEO is, and SO_SNDTIMEO_NEW that of SO_SNDTIMEO: on a "
    "TCP, UDP or UNIX stream socket each reads as the other was set.",
    since="5.1",
    commit="a9beb86ae6e5",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
@pytest.mark.parametrize(
    ("old", "new"), [(SO_RCVTIMEO, SO_RCVTIMEO_NEW), (SO_SNDTIMEO, SO_SNDTIMEO_NEW)], ids=["receive", "send"]
)
def test_each_reads_as_the_other_was_set(ns, observe, make, old, new):
    with make() as sock:
        seconds = [sock.get(new)]
        sock.set(old, 7)
        seconds.append(sock.get(new))
        sock.set(new, 5)
        seconds.append(sock.get(old))

        assert observe("first_new_old", seconds) == [0, 7, 5]
