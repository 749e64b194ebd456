"""SO_ACCEPTCONN: whether a socket listens."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from libsocket import INT, SO_ACCEPTCONN, Socket


@claim(
    "socket.7/SO_ACCEPTCONN/value",
    section="Socket options",
    says="The option reads 0 on a socket that does not listen and 1 on one that does.",
)
@pytest.mark.parametrize(
    ("make", "address"), [(Socket.tcp, ("127.0.0.1", 0)), (Socket.unix, "")], ids=["tcp", "unix"]
)
def test_tells_whether_the_socket_listens(ns, observe, make, address):
    with make() as sock:
        sock.bind(address)
        before = sock.get(SO_ACCEPTCONN.through(INT))
        sock.listen()

        assert observe("values", [before, sock.get(SO_ACCEPTCONN.through(INT))]) == [0, 1]


@claim(
    "socket.7/SO_ACCEPTCONN/datagram",
    section="Socket options",
    says="The option reads 0 on a socket of a type that cannot listen.",
)
def test_a_datagram_socket_never_listens(ns, observe):
    with Socket.udp() as sock:
        assert observe("value", sock.get(SO_ACCEPTCONN.through(INT))) == 0


@claim(
    "socket.7/SO_ACCEPTCONN/read-only",
    section="Socket options",
    says="The option can be read and cannot be set.",
)
@pytest.mark.parametrize("value", [False, True])
def test_cannot_be_set(ns, observe, value):
    with listening() as listener:
        with refused(errno.ENOPROTOOPT):
            listener.acceptconn = value

        assert observe("listens", listener.acceptconn) is True
