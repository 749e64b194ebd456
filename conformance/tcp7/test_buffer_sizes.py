"""The sizes of a connection's buffers, and when they are set."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.listeners import listening, pending_connection
from libsocket import SO_RCVBUF, SO_SNDBUF, Socket


@claim(
    "tcp.7/buffer-sizes/set-before-listen",
    sentence="tcp.7/buffer-sizes/set-before",
    section="DESCRIPTION",
    says="A SO_RCVBUF or SO_SNDBUF that a TCP socket got only after listen(2) has no effect on the "
    "connections that it accepts.",
    expect=differs(
        "a connection has the size that its listener had when they connected",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"accepted_has_it": True, "set_before": 60_000},
    ),
)
@pytest.mark.parametrize("option", [SO_RCVBUF, SO_SNDBUF])
def test_a_size_set_after_listen_has_no_effect(ns, observe, option):
    with Socket.tcp() as early, listening() as late:
        early.set(option, 30_000)
        early.bind(("127.0.0.1", 0))
        early.listen()
        late.set(option, 30_000)
        with pending_connection(early), early.accept()[0] as first:
            before = observe("set_before", first.get(option))
            with pending_connection(late), late.accept()[0] as second:
                has_it = observe("accepted_has_it", second.get(option) == 60_000)

                assert [before, has_it] == [60_000, False]
