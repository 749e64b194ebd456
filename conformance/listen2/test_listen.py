"""listen(2): a socket that waits for connections, and how many may wait at it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.listeners import pending_connection
from libsocket import Socket


def admitted(listener: Socket) -> int:
    """How many connections wait to be accepted when one more waits for room in vain."""
    count = 1
    with ExitStack() as clients:
        clients.enter_context(pending_connection(listener))
        while admits(listener, clients.enter_context(Socket(listener.family, listener.type))):
            count += 1
    return count


def admits(listener: Socket, client: Socket) -> bool:
    client.sndtimeo = 0.02
    try:
        client.connect(listener.getsockname())
    except BlockingIOError:
        return False
    return True


@claim(
    "listen.2/listen/marks-passive",
    sentence="libsocket/listen/passive",
    section="DESCRIPTION",
    says="Listening marks a socket as one that accepts incoming connections.",
)
@pytest.mark.parametrize(
    ("make", "address"), [(Socket.tcp, ("127.0.0.1", 0)), (Socket.unix, "")], ids=["tcp", "unix"]
)
def test_the_socket_accepts_connections(ns, observe, make, address):
    with make() as listener, make() as client:
        listener.bind(address)
        listener.listen()
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            assert observe("accepting", [listener.acceptconn, server.acceptconn]) == [True, False]


ONE_MORE = differs(
    "one connection more than the backlog may wait: the queue counts as full when it is longer than the "
    "backlog (older than the history in git)",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"beyond_backlog": 1},
)


@claim(
    "listen.2/listen/backlog-is-the-limit",
    section="DESCRIPTION",
    says="The backlog is the number of connections that may wait to be accepted.",
    expect=ONE_MORE,
)
@pytest.mark.parametrize(
    ("make", "address", "backlog"),
    [(Socket.tcp, ("127.0.0.1", 0), 0), (Socket.unix, "", 0), (Socket.unix, "", 1), (Socket.unix, "", 5)],
    ids=["tcp-0", "unix-0", "unix-1", "unix-5"],
)
def test_no_more_than_the_backlog_wait(ns, observe, make, address, backlog):
    with make() as listener:
        listener.bind(address)
        listener.listen(backlog)

        assert observe("beyond_backlog", admitted(listener) - backlog) == 0
