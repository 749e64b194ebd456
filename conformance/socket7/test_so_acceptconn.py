"""SO_ACCEPTCONN: whether a socket listens."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.sockets import unix_datagram
from libsocket import INT, SO_ACCEPTCONN, Socket


@claim(
    "socket.7/SO_ACCEPTCONN/value",
    sentence="socket.7/SO_ACCEPTCONN/values",
    section="Socket options",
    says="SO_ACCEPTCONN reads 0 on a TCP or UNIX stream socket before listen(2), and 1 after it.",
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
    sentence="socket.7/SO_ACCEPTCONN/values",
    section="Socket options",
    says="SO_ACCEPTCONN reads 0 on a UDP or UNIX datagram socket after listen(2) was refused.",
)
@pytest.mark.parametrize("make", [Socket.udp, unix_datagram], ids=["udp", "unix"])
def test_a_datagram_socket_never_listens(ns, observe, make):
    with make() as sock, listening() as listener:
        with refused():
            sock.listen()

        assert observe(
            "datagram_and_listening", [one.get(SO_ACCEPTCONN.through(INT)) for one in (sock, listener)]
        ) == [0, 1]


@claim(
    "socket.7/SO_ACCEPTCONN/read-only",
    sentence="socket.7/SO_ACCEPTCONN/read-only",
    section="Socket options",
    says="On a TCP socket, one that listens or one that does not, SO_ACCEPTCONN can be read and cannot be "
    "set.",
)
def test_cannot_be_set(ns, observe):
    with listening() as listener, Socket.tcp() as idle:
        with refused():
            listener.set(SO_ACCEPTCONN, False)
        with refused(name="errno_idle"):
            idle.set(SO_ACCEPTCONN, True)

        assert observe("values", [listener.acceptconn, idle.acceptconn]) == [True, False]
