"""accept(2): a connection that waits becomes a socket of its own."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from libsocket import Linger, Socket

FLAGS = os.O_NONBLOCK | os.O_ASYNC


def flags(sock: Socket) -> int:
    """Which of the two flags are set."""
    return fcntl.fcntl(sock, fcntl.F_GETFL) & FLAGS


def reset_met_by(listener: Socket) -> str:
    """Which call tells that the connection that waits was reset."""
    try:
        server = listener.accept()[0]
    except ConnectionResetError:
        return "accept"
    with server, refused(errno.ECONNRESET):
        server.recv(1)
    return "recv"


@claim(
    "accept.2/accept/first-in-first-out",
    sentence="libsocket/accept/first",
    section="DESCRIPTION",
    says="The connection that has waited longest is accepted first.",
)
@pytest.mark.parametrize("listening", [listening, listening_unix])
def test_who_came_first_is_accepted_first(ns, observe, listening):
    with (
        listening() as listener,
        pending_connection(listener) as first,
        pending_connection(listener) as second,
    ):
        first.send(b"first")
        second.send(b"second")
        with listener.accept()[0] as one, listener.accept()[0] as other:
            assert observe("order", [one.recv(9).decode(), other.recv(9).decode()]) == ["first", "second"]


@claim(
    "accept.2/accept/connected",
    sentence="libsocket/accept/first",
    section="DESCRIPTION",
    says="The new socket is connected to the client.",
)
def test_the_new_socket_is_connected(ns, observe):
    with listening() as listener, pending_connection(listener) as client, listener.accept()[0] as server:
        assert observe("peer_is_the_client", server.getpeername() == client.getsockname()) is True


@claim(
    "accept.2/accept/peer-address",
    section="DESCRIPTION",
    says="The address that comes with the new socket is the client's.",
)
def test_the_address_is_the_clients(ns, observe):
    with listening() as listener, pending_connection(listener) as client:
        server, address = listener.accept()
        with server:
            assert observe("is_the_clients", address == client.getsockname()) is True


@claim(
    "accept.2/accept/new-socket-not-listening",
    sentence="libsocket/accept/first",
    section="DESCRIPTION",
    says="The new socket does not listen, and the one it came from goes on listening.",
)
def test_the_new_socket_does_not_listen(ns, observe):
    with listening() as listener, pending_connection(listener), listener.accept()[0] as server:
        assert observe("listens", [server.acceptconn, listener.acceptconn]) == [False, True]


@claim(
    "accept.2/EAGAIN/nonblocking-and-nobody-waits",
    section="ERRORS",
    says="Accepting on a non-blocking socket at which no connection waits fails with EAGAIN.",
)
def test_a_nonblocking_listener_does_not_wait(ns, observe):
    with listening() as listener:
        listener.nonblocking = True
        with refused(errno.EAGAIN):
            listener.accept()
        with pending_connection(listener) as client, listener.accept()[0] as server:
            assert observe("accepted", server.getpeername() == client.getsockname()) is True


@claim(
    "accept.2/EINVAL/not-listening",
    section="ERRORS",
    says="Accepting on a socket that does not listen fails with EINVAL.",
)
def test_only_a_listener_accepts(ns, observe):
    with Socket.tcp() as sock:
        sock.bind(("127.0.0.1", 0))
        with refused(errno.EINVAL):
            sock.accept()
        sock.listen()
        with pending_connection(sock) as client, sock.accept()[0] as server:
            assert observe("accepted", server.getpeername() == client.getsockname()) is True


@claim(
    "accept.2/accept/flags-not-inherited",
    section="VERSIONS",
    says="O_NONBLOCK and O_ASYNC of the listening socket are not set on the new one.",
)
def test_the_new_socket_has_no_flags(ns, observe):
    with listening() as listener, pending_connection(listener):
        fcntl.fcntl(listener, fcntl.F_SETFL, FLAGS)
        with listener.accept()[0] as server:
            assert observe("flags_set", [flags(listener) == FLAGS, flags(server) != 0]) == [True, False]


@claim(
    "accept.2/accept/pending-errors",
    section="Error handling",
    says="An error that is already pending on the new connection is the error of accept.",
    expect=differs(
        "accept succeeds, and the first receive meets the error (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"met_by": "recv"},
    ),
)
def test_accept_tells_that_the_client_has_reset(ns, observe):
    with listening() as listener, pending_connection(listener) as client:
        client.linger = Linger(True, 0)
        client.close()

        assert observe("met_by", reset_met_by(listener)) == "accept"
