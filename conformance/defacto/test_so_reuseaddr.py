"""SO_REUSEADDR beyond what socket(7) says of it."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.reuse import reusing_socket
from libsocket import Socket


@claim(
    "defacto/SO_REUSEADDR/listener-blocks-every-address",
    says="While a socket listens on one local address, its port cannot be bound at every address.",
)
def test_a_listener_on_one_address_keeps_the_port_from_all(ns, observe):
    with reusing_socket() as first, reusing_socket() as second, reusing_socket() as third:
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        second.bind(("0.0.0.0", port))
        first.listen()
        with refused(errno.EADDRINUSE):
            third.bind(("0.0.0.0", port))

        assert observe("port", third.getsockname()[1]) == 0


@claim(
    "defacto/SO_REUSEADDR/listener-leaves-other-addresses",
    says="While a socket listens on one local address, its port can be bound at another one.",
)
def test_a_listener_on_one_address_leaves_the_others_free(ns, observe):
    with reusing_socket() as first, reusing_socket() as second:
        first.bind(("127.0.0.1", 0))
        first.listen()
        elsewhere = "127.0.0.9", first.getsockname()[1]
        second.bind(elsewhere)

        assert observe("bound", second.getsockname() == elsewhere) is True


@claim(
    "defacto/SO_REUSEADDR/one-listener",
    says="Of two TCP sockets that share an address only one can listen; the other gets EADDRINUSE.",
)
def test_only_one_of_two_listens(ns, observe):
    with reusing_socket() as first, reusing_socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())
        first.listen()
        with refused(errno.EADDRINUSE):
            second.listen()

        assert observe("listens", [first.acceptconn, second.acceptconn]) == [True, False]


@claim(
    "defacto/SO_REUSEADDR/udp-shares",
    says="Two UDP sockets with the option share an address outright, and the one bound last receives.",
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

        assert observe("last_received", last.recv(9).decode()) == "hello"
