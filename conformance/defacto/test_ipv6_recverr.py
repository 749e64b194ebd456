"""IPV6_RECVERR: errors that come later."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.ipv6 import (
    udp6,
)
from conformance.plugin.setups.readiness import await_error


@claim(
    "defacto/IPV6_RECVERR/clearing-empties-the-queue",
    says="Clearing IPV6_RECVERR of a UDP socket drops the errors that it has queued.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_clearing_drops_what_is_queued(ns, observe):
    with udp6() as sock:
        sock.ipv6_recverr = True
        sock.sendto(b"first", ("::1", 9))
        await_error(sock)
        first = sock.recv_error()
        sock.sendto(b"second", ("::1", 9))
        await_error(sock)
        sock.ipv6_recverr = False
        second = sock.recv_error()

        assert observe("queued", [first is not None, second is not None]) == [True, False]
