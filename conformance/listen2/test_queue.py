"""The queue of a listener: what a client meets where it is full, and listen(2) again to change its length."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MPTCP, SCTP, VSOCK, VSOCK_LOOPBACK, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted, returned_by_listen
from conformance.plugin.setups.listeners import full_backlog, listening, pending_connection
from conformance.plugin.setups.made_peer import MADE, answered, made_peers
from conformance.plugin.setups.readiness import await_writable
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import LISTENING, in_state
from conformance.plugin.setups.threads import delayed
from conformance.plugin.tables.connection_kinds import waiting
from conformance.plugin.timing import SOON, timed
from libsocket import Shutdown, Socket

UNIX = pytest.mark.parametrize("kind", ["unix", "unix-seqpacket"])
TCP = pytest.mark.parametrize("kind", ["tcp", "tcp6"])
VSOCKS = pytest.mark.parametrize("kind", ["vsock", "vsock-seqpacket"])
LATER = 0.03
"""Seconds, after which there is room in a queue."""
NO_WAIT = {
    "no-op: setsockopt(SOL_SOCKET, SO_SNDTIMEO*": "a connect that finds room does not wait; where one that "
    "finds none has no end, that is noticed"
}


def let_in_with(listener: Socket, backlog: int) -> int:
    """How many more connections there is room for once a listener has another backlog."""
    listener.listen(backlog)
    return waiting(listener)


def received_at(listener: Socket) -> str:
    """What is received on the connection that a client makes, and that is accepted."""
    with pending_connection(listener) as client, accepted(listener) as server:
        client.send(b"hello")
        server.rcvtimeo = SOON
        return server.recv(9).decode()


def taken(listener: Socket) -> int:
    """How many connections wait at a listener; they are accepted."""
    listener.nonblocking = True
    count = 0
    try:
        while True:
            accepted(listener).close()
            count += 1
    except BlockingIOError:
        return count


@claim(
    "listen.2/listen/full-unix",
    sentence="listen.2/listen/full",
    section="DESCRIPTION",
    says="A UNIX stream or seqpacket client that does not block receives ECONNREFUSED where the queue of the "
    "listener is full.",
    expect=differs(
        "it is EAGAIN (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EAGAIN"},
    ),
)
@UNIX
def test_a_full_queue_refuses_on_unix(ns, observe, kind):
    with LISTENING[kind](backlog=0) as listener, full_backlog(listener) as client:
        client.nonblocking = True
        with refused(errno.ECONNREFUSED):
            client.connect(listener.getsockname())


@claim(
    "listen.2/listen/full-vsock",
    sentence="listen.2/listen/full",
    section="DESCRIPTION",
    says="An AF_VSOCK stream or seqpacket client receives ECONNREFUSED where the queue of the listener is "
    "full.",
    since="5.14",
    needs=[VSOCK, VSOCK_LOOPBACK],
    expect=differs(
        "it is ECONNRESET, as where nothing listens",
        since="4.8",
        commit="06a8fc78367d",
        observed={"errno": "ECONNRESET"},
    ),
)
@VSOCKS
def test_a_full_queue_refuses_on_vsock(ns, observe, kind):
    with (
        in_state(kind, "bound") as listener,
        SOCKETS[kind]() as first,
        SOCKETS[kind]() as client,
    ):
        listener.listen(0)
        first.connect(listener.getsockname())
        with refused(errno.ECONNREFUSED):
            client.connect(listener.getsockname())


@claim(
    "listen.2/listen/full-tcp",
    sentence="listen.2/listen/full",
    section="DESCRIPTION",
    says="Where the queue of a TCP listener, over IPv4 and IPv6, is full a request is ignored: a client that "
    "blocks is not refused, and is connected by a later attempt of its host once there is room.",
    needs=[IPV6],
    survives={"no-op: close()*": "who was accepted may stay"},
)
@TCP
def test_a_request_is_ignored_on_tcp(ns, observe, kind):
    with LISTENING[kind](backlog=0) as listener, full_backlog(listener) as client:
        client.sndtimeo = 0.05
        with refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())
        count = taken(listener)
        listener.nonblocking = False
        listener.rcvtimeo = SOON
        with accepted(listener) as server:
            await_writable(client)
            client.send(b"hello")
            server.rcvtimeo = SOON

            assert observe("waited_and_received", [count, server.recv(9).decode()]) == [1, "hello"]


@claim(
    "defacto/listen/full-waits-on-unix",
    says="A UNIX stream or seqpacket client that blocks waits where the queue of the listener is full, until "
    "a connection there is accepted.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={"no-op: close()*": "who was accepted may stay"},
)
@UNIX
def test_a_client_waits_on_unix(ns, observe, kind):
    with LISTENING[kind](backlog=0) as listener, full_backlog(listener) as client:
        client.sndtimeo = SOON
        with delayed(lambda: accepted(listener).close(), LATER) as begun:
            client.connect(listener.getsockname())
            waited = begun.is_set()

        assert observe("waited_and_waits", [waited, taken(listener)]) == [True, 1]


@claim(
    "defacto/listen/full-timeout-on-unix",
    says="A UNIX stream or seqpacket client with SO_SNDTIMEO that waits since the queue of the listener is "
    "full fails with EAGAIN when that time is over.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={
        "no-op: close()*": "who was accepted may stay",
        "no-op: ioctl(FIONBIO*": "a listener that is to accept without waiting is made so twice",
    },
)
@UNIX
def test_a_client_waits_no_longer_than_its_timeout(ns, observe, kind):
    with LISTENING[kind](backlog=0) as listener, full_backlog(listener) as client:
        client.sndtimeo = LATER
        with timed() as took, refused(errno.EAGAIN):
            client.connect(listener.getsockname())
        count = taken(listener)
        client.connect(listener.getsockname())

        assert observe("lasted_and_waiting", [took.lasted(LATER), count, taken(listener)]) == [True, 1, 1]


@claim(
    "defacto/listen/longer-wakes-unix-client",
    says="A UNIX stream or seqpacket client that waits since the queue of the listener is full is connected "
    "when listen(2) makes the backlog greater.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={"no-op: close()*": "who was accepted may stay"},
)
@UNIX
def test_a_longer_queue_lets_a_waiting_client_in(ns, observe, kind):
    with LISTENING[kind](backlog=0) as listener, full_backlog(listener) as client:
        client.sndtimeo = SOON
        with delayed(lambda: listener.listen(1), LATER) as begun:
            client.connect(listener.getsockname())
            waited = begun.is_set()

        assert observe("waited_and_waiting", [waited, taken(listener)]) == [True, 2]


@claim(
    "defacto/listen/again-longer",
    says="listen(2) of a TCP listener, over IPv4 and IPv6, or of a UNIX stream or seqpacket listener, with a "
    "backlog of 3 where it was 1 lets two more connections wait.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=NO_WAIT,
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_a_queue_is_made_longer(ns, observe, kind):
    with LISTENING[kind](backlog=1) as listener, pending_connection(listener), pending_connection(listener):
        assert observe("more", let_in_with(listener, 3)) == 2


@claim(
    "defacto/listen/again-longer-mptcp",
    says="listen(2) of an MPTCP listener, over IPv4 and IPv6, with a backlog of 3 where it was 1 lets two "
    "more connections wait.",
    since="5.6",
    commit="cf7da0d66cc1",
    needs=[IPV6, MPTCP],
    survives={**NO_WAIT, "no-op: ioctl(FIONBIO*": "a connect that is let in at once does not wait"},
)
@pytest.mark.parametrize("kind", ["mptcp", "mptcp6"])
def test_a_queue_is_made_longer_on_mptcp(ns, observe, kind):
    with LISTENING[kind](backlog=1) as listener, pending_connection(listener), pending_connection(listener):
        assert observe("more", let_in_with(listener, 3)) == 2


@claim(
    "defacto/listen/again-shorter",
    says="listen(2) of a TCP listener, over IPv4 and IPv6, or of a UNIX stream or seqpacket listener, with a "
    "backlog of 1 where three connections wait keeps them all, and lets no other in.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={"no-op: close()*": "who was accepted may stay"},
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_a_queue_is_made_shorter(ns, observe, kind):
    with (
        LISTENING[kind](backlog=9) as listener,
        pending_connection(listener),
        pending_connection(listener),
        pending_connection(listener),
    ):
        more = let_in_with(listener, 1)

        assert observe("more_and_taken", [more, taken(listener)]) == [0, 3]


@claim(
    "defacto/listen/shut-for-sending",
    says="A TCP listener, over IPv4 and IPv6, or a UNIX stream or seqpacket listener, that is shut down for "
    "sending goes on accepting who connects, and listen(2) is no error; shut down for receiving it accepts "
    "nobody.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={
        "no-op: shutdown(SHUT_WR*": "one for sending does nothing that a listener shows",
        "no-op: close()*": "who was accepted may stay",
        "no-op: listen(*": "what listens already goes on",
    },
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_one_for_sending_does_not_end_it(ns, observe, kind):
    with LISTENING[kind]() as listener:
        listener.rcvtimeo = SOON
        listener.shutdown(Shutdown.WRITE)
        received = [received_at(listener)]
        listener.listen()
        received.append(received_at(listener))
        listener.shutdown(Shutdown.READ)
        with refused(errno.EINVAL):
            accepted(listener).close()

        assert observe("received", received) == ["hello", "hello"]


@claim(
    "defacto/listen/tcp-info",
    says="TCP_INFO of a TCP listener, over IPv4 and IPv6, has the number of connections that wait for "
    "tcpi_unacked, and the backlog for tcpi_sacked, also once listen(2) has changed it.",
    since="2.6.24",
    commit="5ee3afba88f5",
    needs=[IPV6],
)
@TCP
def test_tcp_info_tells_of_the_queue(ns, observe, kind):
    with LISTENING[kind](backlog=7) as listener, pending_connection(listener):
        before = [listener.tcp_info.unacked, listener.tcp_info.sacked]
        listener.listen(3)
        with pending_connection(listener):
            after = [listener.tcp_info.unacked, listener.tcp_info.sacked]

        assert observe("waiting_and_backlog", [before, after]) == [[1, 7], [2, 3]]


@claim(
    "listen.2/listen/backlog-zero-sctp",
    sentence="listen.2/listen/passive",
    section="DESCRIPTION",
    says="listen(2) with a backlog of 0 marks a bound SCTP socket over IPv4 as passive, as one of 1 does.",
    needs=[SCTP],
    expect=differs(
        "it is refused with EINVAL: 0 switches listening off (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
@pytest.mark.parametrize("kind", ["sctp", "sctp-seqpacket"])
def test_a_backlog_of_zero_listens_on_sctp(ns, observe, kind):
    with in_state(kind, "bound") as sock:
        sock.listen(0)
        zero = sock.acceptconn
        sock.listen(1)

        assert observe("accepting", [zero, sock.acceptconn]) == [True, True]


@claim(
    "defacto/listen/sctp-off",
    says="listen(2) with a backlog of 0 of an SCTP socket over IPv4 that listens switches that off, and one "
    "of 1 on again.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[SCTP],
)
@pytest.mark.parametrize("kind", ["sctp", "sctp-seqpacket"])
def test_a_backlog_of_zero_ends_listening_on_sctp(ns, observe, kind):
    with in_state(kind, "bound") as sock:
        seen = []
        sock.listen(1)
        seen.append(sock.acceptconn)
        sock.listen(0)
        seen.append(sock.acceptconn)
        sock.listen(1)

        assert observe("accepting", [*seen, sock.acceptconn]) == [True, False, True]


@claim(
    "listen.2/backlog/incomplete-requests",
    sentence="listen.2/backlog/established",
    section="NOTES",
    says="A TCP listener over IPv4 with a backlog of 2 and a net.ipv4.tcp_syncookies of 0 answers five SYNs "
    "that are not followed up: the backlog is not the number of incomplete requests.",
    since="2.2",
    needs=[*MADE, sysctl("net.ipv4.tcp_syncookies")],
    expect=differs(
        "it answers no more than are in the backlog, or one more: that is the limit of both queues (older "
        "than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"first_and_fifth": [True, False]},
    ),
    survives={
        "no-op: listen(2)*": "the backlog that a listener has is no larger",
        "no-op: sendto(*": "that the third is answered is not looked at: it is by some kernels",
    },
)
def test_incomplete_requests_do_not_count(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_syncookies"] = 0
    with (
        made_peers(peers, 5) as many,
        peers.right.entered(),
        listening(peers.right.address, backlog=2) as sock,
    ):
        first, *_, fifth = answered(many, sock)

        assert observe("first_and_fifth", [first, fifth]) == [True, True]


@claim(
    "listen.2/backlog/established",
    sentence="listen.2/backlog/established",
    section="NOTES",
    says="A TCP listener over IPv4 with a backlog of 2 and a net.ipv4.tcp_syncookies of 1 answers five SYNs "
    "that are not followed up, and of connections that are established no more than three wait there then.",
    since="2.2",
    needs=[*MADE, sysctl("net.ipv4.tcp_syncookies")],
    survives=NO_WAIT,
)
def test_established_connections_count(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_syncookies"] = 1
    with (
        made_peers(peers, 5) as many,
        peers.right.entered(),
        listening(peers.right.address, backlog=2) as sock,
    ):
        assert observe("answered_and_waiting", [sum(answered(many, sock)), waiting(sock)]) == [5, 3]


@claim(
    "listen.2/return/values",
    sentence="listen.2/return/zero",
    section="RETURN VALUE",
    says="listen(2) of a bound TCP or UNIX stream socket returns 0, and of a UDP or UNIX datagram socket -1, "
    "and errno is EOPNOTSUPP.",
    survives={"no-op: bind(*": "a datagram socket that is not bound is refused too"},
)
@pytest.mark.parametrize(
    ("kind", "other"), [("tcp", "udp"), ("unix", "unix-datagram")], ids=["internet", "unix"]
)
def test_zero_or_minus_one_is_returned(ns, observe, kind, other):
    with in_state(kind, "bound") as stream, in_state(other, "bound") as datagram:
        seen = [returned_by_listen(stream), returned_by_listen(datagram)]

        assert observe("returned", [*seen, stream.acceptconn]) == [[0, None], [-1, "EOPNOTSUPP"], True]
