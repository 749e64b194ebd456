"""SO_OOBINLINE: urgent data in the stream, or beside it."""

from __future__ import annotations

import select
import socket

from conformance.plugin.claim import claim
from conformance.plugin.setups.urgent import send_with_urgent_byte
from libsocket import Socket


@claim(
    "socket.7/SO_OOBINLINE/in-stream",
    sentence="libsocket/oobinline/inline",
    section="Socket options",
    says="With the option out-of-band data is received in the stream, at its place.",
)
def test_urgent_data_is_in_the_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.oobinline = True
        send_with_urgent_byte(sender)

        assert observe("stream", receiver.read_to_string()) == "abXcd"


@claim(
    "socket.7/SO_OOBINLINE/off-only-msg-oob",
    sentence="libsocket/oobinline/flag",
    section="Socket options",
    says="Without the option out-of-band data is received with MSG_OOB only, and is not in the stream.",
)
def test_urgent_data_is_beside_the_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        send_with_urgent_byte(sender)
        select.select([], [], [receiver])  # until it is there: a receive with MSG_OOB does not wait
        urgent = receiver.recv(9, socket.MSG_OOB).decode()

        assert observe("urgent_and_stream", [urgent, receiver.read_to_string()]) == ["X", "abcd"]
