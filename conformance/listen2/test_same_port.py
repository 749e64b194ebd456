"""listen(2) where another socket listens on the port."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.reuse import reusing_socket
from libsocket import Socket


@claim(
    "listen.2/EADDRINUSE/same-address",
    sentence="listen.2/EADDRINUSE/same-port",
    section="ERRORS",
    says="Of two TCP sockets that share an address by SO_REUSEADDR only one can listen: the other is refused "
    "with EADDRINUSE.",
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
    "listen.2/EADDRINUSE/other-address",
    sentence="listen.2/EADDRINUSE/same-port",
    section="ERRORS",
    says="While a TCP socket listens on one local address, listen(2) on its port at another one fails with "
    "EADDRINUSE.",
    expect=differs(
        "only sockets whose addresses overlap keep a port from each other",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"bound": True, "errno": None, "listens": [True, True]},
    ),
)
def test_a_listener_keeps_the_port_from_other_addresses(ns, observe):
    with Socket.tcp() as first, Socket.tcp() as second:
        first.bind(("127.0.0.1", 0))
        first.listen()
        address = "127.0.0.9", first.getsockname()[1]
        second.bind(address)
        bound = observe("bound", second.getsockname() == address)
        with refused(errno.EADDRINUSE):
            second.listen()
            observe("listens", [first.acceptconn, second.acceptconn])

        assert [bound, observe("listens", [first.acceptconn, second.acceptconn])] == [True, [True, False]]
