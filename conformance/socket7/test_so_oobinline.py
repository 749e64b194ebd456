"""SO_OOBINLINE: urgent data in the stream, or beside it."""

from __future__ import annotations

import socket

from conformance.plugin.claim import claim
from conformance.plugin.setups.urgent import await_urgent, send_with_urgent_byte
from libsocket import Socket


@claim(
    "socket.7/SO_OOBINLINE/in-stream",
    sentence=("libsocket/oobinline/inline", "socket.7/SO_OOBINLINE/inline"),
    section="Socket options",
    says="With SO_OOBINLINE out-of-band data of TCP is received in the stream, at its place.",
)
def test_urgent_data_is_in_the_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = 5
        receiver.oobinline = True
        send_with_urgent_byte(sender)

        assert observe("stream", receiver.read_to_string()) == "abXcd"


@claim(
    "socket.7/SO_OOBINLINE/off-only-msg-oob",
    sentence=("libsocket/oobinline/flag", "socket.7/SO_OOBINLINE/flag"),
    section="Socket options",
    says="Without SO_OOBINLINE out-of-band data of TCP is received with MSG_OOB and is not in the stream.",
)
def test_urgent_data_is_beside_the_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = 5
        send_with_urgent_byte(sender)
        await_urgent(receiver)  # until it is there: a receive with MSG_OOB does not wait
        urgent = receiver.recv(9, socket.MSG_OOB).decode()

        assert observe("urgent_and_stream", [urgent, receiver.read_to_string()]) == ["X", "abcd"]
