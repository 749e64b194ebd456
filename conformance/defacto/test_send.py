"""send(2) beyond what it says: the errno of a datagram that has no route."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import Socket


@claim(
    "defacto/send/no-route-enetunreach",
    says="Sending a UDP datagram over IPv4 that has no route fails with ENETUNREACH.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_datagram_without_a_route_gets_enetunreach(ns, observe):
    with Socket.udp() as sender, Socket.udp() as receiver:
        receiver.bind(("127.0.0.1", 0))
        with refused(errno.ENETUNREACH):
            sender.sendto(b"hello", ("192.0.2.1", 9))
        sender.sendto(b"hello", receiver.getsockname())

        assert observe("received_where_a_route_is", receiver.recv(9).decode()) == "hello"
