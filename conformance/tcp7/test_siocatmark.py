"""SIOCATMARK and the mark: where urgent data lies in the stream."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.readiness import await_end
from conformance.plugin.setups.urgent import send_pieces, send_with_urgent_byte
from conformance.plugin.timing import SOON
from libsocket import Socket


@claim(
    "tcp.7/SIOCATMARK/no-read-across",
    sentence="tcp.7/SIOCATMARK/no-read-across",
    section="Ioctls",
    says="A read on a TCP socket, over IPv4 and IPv6, ends at the urgent mark, whether urgent data is in "
    "line (SO_OOBINLINE) or not, though there is room for what follows and it has arrived.",
    survives={"no-op: setsockopt(*SO_OOBINLINE, ?0?*": "it is off at first"},
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize(("inline", "rest"), [(True, "Xcd"), (False, "cd")], ids=["inline", "apart"])
def test_a_read_stops_at_the_mark(ns, observe, family, inline, rest):
    plain_sender, plain_receiver = Socket.tcp_pair(family)
    sender, receiver = Socket.tcp_pair(family)
    with plain_sender, plain_receiver, sender, receiver:
        plain_receiver.rcvtimeo = receiver.rcvtimeo = SOON
        receiver.oobinline = inline
        send_pieces(plain_sender)
        send_with_urgent_byte(sender)
        await_end(plain_receiver)
        await_end(receiver)
        plain = plain_receiver.recv(9).decode()

        received = [plain, receiver.recv(9).decode(), receiver.read_to_string()]
        assert observe("received_without_and_with_mark", received) == ["abXcd", "ab", rest]
