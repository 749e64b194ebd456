"""listen(2): a socket that waits for connections, and how many may wait at it."""

from __future__ import annotations

import errno
from contextlib import ExitStack
from functools import partial
from socket import SOCK_DGRAM, SOCK_SEQPACKET

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.threads import given_up
from libsocket import Socket


def admitted(listener: Socket) -> int:
    """How many connections wait to be accepted when one more waits for room in vain."""
    count = 1
    with ExitStack() as clients:
        clients.enter_context(pending_connection(listener))
        # A connect that no timeout ends is refused once the listener is gone.
        clients.enter_context(given_up(listener.close))
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
    sentence=("listen.2/listen/passive", "listen.2/NOTES/steps", "libsocket/listen/passive"),
    section="DESCRIPTION",
    says="Listening marks a TCP, UNIX stream or UNIX sequenced-packet socket as one that accepts "
    "connections.",
)
@pytest.mark.parametrize(
    ("make", "address"),
    [(Socket.tcp, ("127.0.0.1", 0)), (Socket.unix, ""), (partial(Socket.unix, SOCK_SEQPACKET), "")],
    ids=["tcp", "unix", "unix-seqpacket"],
)
def test_the_socket_accepts_connections(ns, observe, make, address):
    with make() as listener, make() as client:
        listener.bind(address)
        before = listener.acceptconn
        listener.listen()
        client.connect(listener.getsockname())
        with listener.accept()[0]:
            assert observe("accepting_before_and_after", [before, listener.acceptconn]) == [False, True]


@claim(
    "listen.2/EOPNOTSUPP/datagram",
    sentence="listen.2/EOPNOTSUPP/type",
    section="ERRORS",
    says="Listening on a UDP or UNIX datagram socket fails with EOPNOTSUPP.",
)
@pytest.mark.parametrize(
    ("make", "stream", "address"),
    [
        (Socket.udp, Socket.tcp, ("127.0.0.2", 4321)),
        (partial(Socket.unix, SOCK_DGRAM), Socket.unix, b"\0name"),
    ],
    ids=["udp", "unix"],
)
def test_a_datagram_socket_does_not_listen(ns, observe, make, stream, address):
    with make() as sock, stream() as listener:
        with refused(errno.EOPNOTSUPP):
            sock.listen()
        listener.bind(address)
        listener.listen()

        state = [sock.acceptconn, listener.acceptconn, str(listener.getsockname())]
        assert observe("accepting_and_address_of_stream", state) == [False, True, str(address)]


NO_WAIT = {
    "no-op: setsockopt(SOL_SOCKET, SO_SNDTIMEO*": "a connect that finds room does not wait; where one that "
    "finds none has no end, that is noticed"
}

ONE_MORE = differs(
    "one connection more than the backlog may wait: the queue counts as full when it is longer than the "
    "backlog (older than the history in git)",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"beyond_backlog": 1},
)


@claim(
    "listen.2/listen/backlog-is-the-limit",
    sentence="listen.2/listen/backlog",
    section="DESCRIPTION",
    says="The queue of connections that wait at a TCP listener with a backlog of 1 or 5, or at a UNIX stream "
    "listener with one of 0, 1 or 5, may grow as long as the backlog.",
    expect=ONE_MORE,
    survives=NO_WAIT,
)
@pytest.mark.parametrize(
    ("listening", "backlog"),
    [(listening, 1), (listening, 5), (listening_unix, 0), (listening_unix, 1), (listening_unix, 5)],
    ids=["tcp-1", "tcp-5", "unix-0", "unix-1", "unix-5"],
)
def test_no_more_than_the_backlog_wait(ns, observe, listening, backlog):
    with listening(backlog=backlog) as listener:
        assert observe("beyond_backlog", admitted(listener) - backlog) == 0


@claim(
    "listen.2/listen/backlog-zero",
    sentence="listen.2/listen/backlog",
    section="DESCRIPTION",
    says="No connection may wait at a TCP listener with a backlog of 0, where net.ipv4.tcp_syncookies is 1.",
    needs=[sysctl("net.ipv4.tcp_syncookies")],
    expect=ONE_MORE,
    survives=NO_WAIT,
)
def test_none_waits_with_a_backlog_of_zero(ns, observe):
    ns.sysctl["net.ipv4.tcp_syncookies"] = 1
    with listening(backlog=0) as listener:
        assert observe("beyond_backlog", admitted(listener)) == 0


@claim(
    "listen.2/listen/capped-to-somaxconn",
    sentence=("listen.2/listen/somaxconn", "ip-sysctl/somaxconn/most"),
    section="NOTES",
    says="A backlog above net.core.somaxconn is cut to it, without an error: as many connections wait at a "
    "TCP or UNIX stream listener as with that number for a backlog.",
    needs=[sysctl("net.core.somaxconn")],
    survives=NO_WAIT,
)
@pytest.mark.parametrize("listening", [listening, listening_unix], ids=["tcp", "unix"])
def test_the_backlog_is_cut_to_somaxconn(ns, observe, listening):
    ns.sysctl["net.core.somaxconn"] = 3
    with (
        listening(backlog=4) as above,
        listening(backlog=3) as equal,
        listening(backlog=2) as below,
    ):
        waiting = [admitted(above), admitted(equal), admitted(below)]

        assert observe("waiting", waiting) == [waiting[2] + 1, waiting[2] + 1, waiting[2]]
