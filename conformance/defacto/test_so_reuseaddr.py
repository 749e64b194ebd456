"""SO_REUSEADDR beyond what socket(7) says of it, and SO_REUSEPORT beside it."""

from __future__ import annotations

import errno
import socket

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.reuse import reusing_socket
from libsocket import Socket


@claim(
    "defacto/SO_REUSEADDR/listener-blocks-every-address",
    says="While a TCP socket listens on one local address, another that has SO_REUSEADDR and no "
    "SO_REUSEPORT cannot be bound to its port at every address: EADDRINUSE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_listener_on_one_address_keeps_the_port_from_all(ns, observe):
    with reusing_socket() as first, reusing_socket() as before, reusing_socket() as late:
        first.bind(("127.0.0.1", 0))
        everywhere = "0.0.0.0", first.getsockname()[1]
        before.bind(everywhere)
        first.listen()
        with refused(errno.EADDRINUSE):
            late.bind(everywhere)
        bound = before.getsockname() == everywhere

        assert observe("bound_before_reuses_port", [bound, late.reuseaddr, late.getsockname()[1]]) == [
            True,
            True,
            0,
        ]


@claim(
    "defacto/SO_REUSEADDR/udp-shares",
    says="Of two UDP sockets that share an address by SO_REUSEADDR the one that was bound last receives "
    "what is sent to it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_udp_sockets_share_an_address(ns, observe):
    with (
        reusing_socket(make=Socket.udp) as first,
        reusing_socket(make=Socket.udp) as last,
        Socket.udp() as sender,
    ):
        first.bind(("127.0.0.1", 0))
        last.bind(first.getsockname())
        sender.sendto(b"hello", first.getsockname())

        received = last.recv(9).decode()
        with refused(errno.EAGAIN):
            first.recv(9, socket.MSG_DONTWAIT)

        assert observe("last_received", received) == "hello"


@claim(
    "defacto/SO_REUSEPORT/listener-shares-every-address",
    says="While a TCP socket with SO_REUSEPORT listens on one local address, another of the same user that "
    "has the option can be bound to its port at every address.",
    since="3.9",
    commit="055dc21a1d1d",
)
def test_reuseport_lets_a_listener_share_with_all(ns, observe):
    with Socket.tcp() as first, Socket.tcp() as second:
        first.reuseport = True
        first.bind(("127.0.0.1", 0))
        first.listen()
        everywhere = "0.0.0.0", first.getsockname()[1]
        with refused(errno.EADDRINUSE):
            second.bind(everywhere)
        second.reuseport = True
        second.bind(everywhere)
        shared = second.getsockname() == everywhere

        assert observe("listens_and_shared", [first.acceptconn, shared]) == [True, True]
