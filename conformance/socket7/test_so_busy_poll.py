"""SO_BUSY_POLL: who may raise it."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import BUSY_POLL, initially
from conformance.plugin.refusal import refused
from libsocket import Socket
from netns import Capability, without


@claim(
    "socket.7/SO_BUSY_POLL/raising-needs-capability",
    sentence="socket.7/SO_BUSY_POLL/privilege",
    section="Socket options",
    says="To raise SO_BUSY_POLL of a UDP or TCP socket takes CAP_NET_ADMIN, to lower it nothing.",
    since="3.11",
    needs=[initially(Capability.NET_ADMIN), BUSY_POLL],
    expect=differs(
        "anybody may raise it",
        since="6.4",
        commit="48b7ea1d22dd",
        observed={"errno": None, "first": 50, "raised": 50, "lowered": 49},
    ),
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp], ids=["udp", "tcp"])
def test_raising_takes_a_capability(ns, observe, make):
    with make() as sock:
        sock.busy_poll = 50
        first = observe("first", sock.busy_poll)
        with without(Capability.NET_ADMIN):
            sock.busy_poll = 49
            observe("lowered", sock.busy_poll)
            with refused():
                sock.busy_poll = 50
                observe("raised", sock.busy_poll)

        assert [first, observe("kept", sock.busy_poll)] == [50, 49]
