"""SIOCATMARK and the mark: where urgent data lies in the stream."""

from __future__ import annotations

import select
import socket

from conformance.plugin.claim import claim
from libsocket import Socket


@claim(
    "tcp.7/SIOCATMARK/no-read-across",
    section="Ioctls",
    says="A read never crosses the urgent mark: with SO_OOBINLINE the next one begins with urgent data.",
)
def test_a_read_stops_at_the_mark(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.oobinline = True
        sender.send(b"ab")
        sender.send(b"X", socket.MSG_OOB)
        sender.shutdown(socket.SHUT_WR)
        select.select([], [], [receiver])

        assert observe("received", [receiver.recv(9).decode(), receiver.recv(9).decode()]) == ["ab", "X"]
