"""TCP_QUICKACK of a listener."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.sockets import SOCKETS


@claim(
    "defacto/TCP_QUICKACK/listen",
    says="listen(2) turns TCP_QUICKACK of a TCP socket on, over IPv4 and IPv6, where it was off.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("make", [SOCKETS["tcp"], SOCKETS["tcp6"]], ids=["tcp", "tcp6"])
def test_a_listener_begins_with_it(ns, observe, make):
    with make() as sock:
        sock.tcp_quickack = False
        modes = [sock.tcp_quickack]
        sock.listen()
        modes.append(sock.tcp_quickack)

        assert observe("before_and_after", modes) == [False, True]
