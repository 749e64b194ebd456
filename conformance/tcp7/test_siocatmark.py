"""SIOCATMARK and the mark: where urgent data lies in the stream."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.urgent import await_urgent, send_with_urgent_byte
from libsocket import Socket


@claim(
    "tcp.7/SIOCATMARK/no-read-across",
    sentence="tcp.7/SIOCATMARK/no-read-across",
    section="Ioctls",
    says="A read on a TCP socket ends at the urgent mark, whether urgent data is in line (SO_OOBINLINE) or "
    "not, though there is room for what follows.",
    survives={"no-op: setsockopt(*SO_OOBINLINE, ?0?*": "it is off at first"},
)
@pytest.mark.parametrize(("inline", "rest"), [(True, "Xcd"), (False, "cd")], ids=["inline", "apart"])
def test_a_read_stops_at_the_mark(ns, observe, inline, rest):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = 5
        receiver.oobinline = inline
        send_with_urgent_byte(sender)
        await_urgent(receiver)

        assert observe("received", [receiver.recv(9).decode(), receiver.read_to_string()]) == ["ab", rest]
