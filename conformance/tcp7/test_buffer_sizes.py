"""The sizes of a connection's buffers, and when they are set."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import fill_buffer, slow_reader
from libsocket import SO_RCVBUF, SO_SNDBUF, Socket


@claim(
    "tcp.7/buffer-sizes/set-before-listen",
    sentence="tcp.7/buffer-sizes/set-before",
    section="DESCRIPTION",
    says="A SO_RCVBUF or SO_SNDBUF that a TCP socket over IPv4 got only after listen(2) has no effect on the "
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


@claim(
    "tcp.7/buffer-sizes/set-before-connect",
    sentence="tcp.7/buffer-sizes/set-before",
    section="DESCRIPTION",
    says="A SO_SNDBUF that a TCP socket over IPv4 gets only after connect(2) has no effect: no less is sent "
    "to a peer that does not read.",
    expect=differs(
        "it has the size that was set last",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"less": True},
    ),
)
def test_a_size_set_after_connect_has_no_effect(ns, observe):
    ns.sysctl["net.ipv4.tcp_wmem"] = "4096 400000 400000"
    with slow_reader() as (unchanged, _), slow_reader() as (changed, _):
        changed.sndbuf = 4096

        assert observe("less", fill_buffer(changed) < fill_buffer(unchanged) - 100_000) is False
