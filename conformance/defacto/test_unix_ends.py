"""UNIX sockets: ends, a full queue, a peer that is closed, and who waits meanwhile."""

from __future__ import annotations

import errno
import os
import select
from socket import MSG_DONTWAIT, MSG_NOSIGNAL, MSG_WAITALL, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.message_calls import recv
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.states import ALL, connected, names
from conformance.plugin.setups.threads import delayed
from conformance.plugin.setups.unix_messages import impatient, send_until_full
from conformance.plugin.timing import SOON, timed
from libsocket import INT, SO_ACCEPTCONN, Shutdown, Socket
from netns import Capability, in_pid_namespace

KINDS = pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
MESSAGES = pytest.mark.parametrize("kind", ["unix-datagram", "unix-seqpacket"])
STREAMS = pytest.mark.parametrize("kind", ["unix", "unix-seqpacket"])
CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])
NAME = b"\0receiver"
NO_EVENT, RDHUP = 0, select.POLLRDHUP


@claim(
    "defacto/SO_SNDBUF/grown-when-full",
    says="A greater SO_SNDBUF makes room in the full send buffer of a UNIX stream, datagram or seqpacket "
    "socket: a send that failed with EAGAIN succeeds, though nothing was read.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_a_greater_buffer_has_room(ns, observe, kind):
    with connected(kind) as (sock, _):
        sock.sndbuf = 0
        full = len(send_until_full(sock, 1000)) > 0
        with refused(errno.EAGAIN):
            sock.send(bytes(1000), MSG_DONTWAIT)
        sock.sndbuf = 100_000

        assert [full, observe("sent", sock.send(bytes(1000), MSG_DONTWAIT))] == [True, 1000]


@claim(
    "defacto/SO_SNDBUF/less-than-queued",
    says="A send on a UNIX stream, datagram or seqpacket socket whose SO_SNDBUF was made smaller than what "
    "is queued fails with EAGAIN, and succeeds once that is read.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_a_smaller_buffer_has_no_room(ns, observe, kind):
    with connected(kind) as (sock, peer):
        impatient(peer)
        sock.send(bytes(20_000))
        sock.sndbuf = 0
        with refused(errno.EAGAIN):
            sock.send(b"x", MSG_DONTWAIT)
        read = len(peer.recv(30_000))

        assert observe("read_and_sent", [read, sock.send(b"x", MSG_DONTWAIT)]) == [20_000, 1]


@claim(
    "socket.7/SO_SNDTIMEO/eagain-messages",
    sentence=("socket.7/SO_RCVTIMEO/timeouts", "socket.7/SO_RCVTIMEO/outcome"),
    section="Socket options",
    says="A send of a UNIX datagram or seqpacket socket that finds no room waits as long as SO_SNDTIMEO "
    "says, and fails with EAGAIN.",
    survives={"no-op: setsockopt(*SO_SNDBUF*": "a smaller buffer is only sooner full"},
)
@MESSAGES
def test_a_send_waits_for_its_timeout(ns, observe, kind):
    with connected(kind) as (sock, peer):
        impatient(peer)
        sock.sndbuf = 0
        sent = len(send_until_full(sock, 1000))
        sock.sndtimeo = 0.03
        with timed() as took, refused(errno.EAGAIN):
            sock.send(bytes(1000))
        received = [len(peer.recv(2000)) for _ in range(sent)]

        assert observe("waited_and_received", [took.lasted(0.03), set(received) == {1000}]) == [True, True]


@claim(
    "socket.7/SO_SNDTIMEO/room",
    sentence="socket.7/SO_RCVTIMEO/timeouts",
    section="Socket options",
    says="A send of a TCP, or UNIX stream, datagram or seqpacket socket for which there is room succeeds, "
    "though SO_SNDTIMEO is 10 microseconds; where there is none it fails with EAGAIN.",
)
@pytest.mark.parametrize("kind", ["tcp", "unix", "unix-datagram", "unix-seqpacket"])
def test_a_short_timeout_lets_through_what_fits(ns, observe, kind):
    with connected(kind) as (sock, peer), connected("unix") as (full, _):
        impatient(peer)
        sock.sndtimeo = full.sndtimeo = 0.000_01
        send_until_full(full, 1000)
        sock.send(b"hello")
        received = peer.recv(9).decode()
        with refused(errno.EAGAIN):
            full.send(bytes(1_000_000))

        assert observe("has_it_and_received", [0 < sock.sndtimeo < 1, received]) == [True, "hello"]


@claim(
    "defacto/recv/no-bytes-at-the-end",
    says="A receive of no bytes whose peer has ended its direction returns 0 on a UNIX stream or seqpacket "
    "socket; on a UNIX datagram socket it fails with EAGAIN, with MSG_DONTWAIT.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("unix", "sent 0"), ("unix-seqpacket", "sent 0"), ("unix-datagram", "EAGAIN")],
    ids=["stream", "seqpacket", "datagram"],
)
def test_an_end_is_received_without_room(ns, observe, kind, expected):
    with connected(kind) as (sock, peer):
        before = answer(lambda: recv(sock, 0, MSG_DONTWAIT).returned)
        peer.shutdown(Shutdown.WRITE)

        after = answer(lambda: recv(sock, 0, MSG_DONTWAIT).returned)
        sent = answer(lambda: peer.send(b"x", MSG_NOSIGNAL))
        assert observe("before_after_and_sent", [before, after, sent]) == ["EAGAIN", expected, "EPIPE"]


@claim(
    "defacto/MSG_WAITALL/nothing-before-the-end",
    says="With MSG_WAITALL a receive of 100 bytes on a UNIX stream or seqpacket socket whose peer is closed "
    "and has sent nothing returns 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@STREAMS
def test_the_end_is_received_with_waitall(ns, observe, kind):
    with connected(kind) as (sock, peer):
        impatient(sock)
        with refused(errno.EAGAIN):
            recv(sock, 100, MSG_WAITALL | MSG_DONTWAIT)
        peer.close()

        assert observe("returned", recv(sock, 100, MSG_WAITALL).returned) == 0


@claim(
    "defacto/recv/datagram-peer-closed",
    says="A receive with MSG_DONTWAIT on a UNIX datagram socket whose peer was closed fails with EAGAIN, as "
    "before; on a stream or seqpacket socket it returns 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("unix", ["0 bytes", "EPIPE"]),
        ("unix-seqpacket", ["0 bytes", "EPIPE"]),
        ("unix-datagram", ["EAGAIN", "ECONNREFUSED"]),
    ],
    ids=["stream", "seqpacket", "datagram"],
)
def test_a_datagram_socket_sees_no_end(ns, observe, kind, expected):
    with connected(kind) as (sock, peer):
        before = answer(lambda: sock.recv(9, MSG_DONTWAIT))
        peer.close()

        after = [answer(lambda: sock.recv(9, MSG_DONTWAIT)), answer(lambda: sock.send(b"x", MSG_NOSIGNAL))]
        assert observe("before_after_and_sent", [before, *after]) == ["EAGAIN", *expected]


@claim(
    "socket.7/SO_ACCEPTCONN/connected",
    sentence="socket.7/SO_ACCEPTCONN/values",
    section="Socket options",
    says="SO_ACCEPTCONN reads 0 on a connected UNIX stream or seqpacket socket and on one that was "
    "accepted, where it reads 1 on their listener.",
)
@CONNECTED
def test_who_is_connected_does_not_listen(ns, observe, type_):
    with (
        listening_unix(type_) as listener,
        pending_connection(listener) as client,
        listener.accept()[0] as server,
    ):
        sockets = (listener, client, server)

        assert observe("values", [one.get(SO_ACCEPTCONN.through(INT)) for one in sockets]) == [1, 0, 0]


@claim(
    "defacto/AF_UNIX/listener-closed-events",
    says="When a UNIX stream or seqpacket listener is closed poll(2) reports POLLIN, POLLOUT, POLLERR, "
    "POLLHUP and POLLRDHUP of a client that it has not accepted; a receive fails with ECONNRESET once, and "
    "then gives 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTED
def test_who_was_not_accepted_has_events(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        impatient(client)
        client.connect(listener.getsockname())
        before = names(polled(client, ALL))
        listener.close()
        after = names(polled(client, ALL))
        with refused(errno.ECONNRESET):
            client.recv(9)

        assert observe("before_after_and_received", [before, after, len(client.recv(9))]) == [
            ["OUT"],
            ["IN", "OUT", "ERR", "HUP", "RDHUP"],
            0,
        ]


@claim(
    "defacto/SO_ERROR/unix-listener-closed",
    says="SO_ERROR of a UNIX stream or seqpacket client that was not accepted when the listener is closed "
    "is ECONNRESET once, and then 0, and a receive gives 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTED
def test_so_error_tells_it_once(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        impatient(client)
        client.connect(listener.getsockname())
        before = client.error
        listener.close()
        errors = [before, client.error, client.error]

        found = [errno.errorcode.get(one or 0, "0") for one in errors]
        assert observe("errors_and_received", [*found, len(client.recv(9))]) == ["0", "ECONNRESET", "0", 0]


@claim(
    "defacto/SO_PEERCRED/pid-namespace-connection",
    says="SO_PEERCRED of both ends of a UNIX stream or seqpacket connection has the process id as the "
    "reader's PID namespace numbers it: 0 where it has none.",
    since="2.6.36",
    commit="109f6e39fa07",
    needs=[initially(Capability.SYS_ADMIN)],
)
@CONNECTED
def test_a_peer_of_a_connection_has_the_number_of_the_reader(ns, observe, type_):
    with (
        listening_unix(type_) as listener,
        pending_connection(listener) as client,
        listener.accept()[0] as server,
    ):
        inside = in_pid_namespace(lambda: [client.peercred.pid, server.peercred.pid])
        outside = [client.peercred.pid == os.getpid(), server.peercred.pid == os.getpid()]

        assert observe("inside_and_outside", [inside, outside]) == [[0, 0], [True, True]]


@claim(
    "defacto/connect/unix-datagram-itself",
    says="A UNIX datagram socket can be connected to its own name: getpeername(2) gives it, and it receives "
    "what it sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_datagram_socket_is_its_own_peer(ns, observe):
    with Socket.unix(SOCK_DGRAM) as sock:
        impatient(sock)
        sock.bind(NAME)
        sock.connect(NAME)
        sock.send(b"hello")

        seen = [sock.getpeername().decode(), sock.recv(9).decode()]
        assert observe("peer_and_received", seen) == [NAME.decode(), "hello"]


@claim(
    "defacto/shutdown/unix-datagram-of-one-sender",
    says="SHUT_WR of one of two UNIX datagram sockets that are connected to a third leaves what both have "
    "sent, and the other sends on; the first fails with EPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_another_sender_sends_on(ns, observe):
    with (
        Socket.unix(SOCK_DGRAM) as receiver,
        Socket.unix(SOCK_DGRAM) as one,
        Socket.unix(SOCK_DGRAM) as other,
    ):
        impatient(receiver)
        receiver.bind(NAME)
        one.connect(NAME)
        other.connect(NAME)
        one.send(b"one")
        other.send(b"two")
        one.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE):
            one.send(b"refused")
        other.send(b"three")

        received = [receiver.recv(9).decode() for _ in range(3)]
        assert observe("received", received) == ["one", "two", "three"]


@claim(
    "defacto/shutdown/unix-datagram-one-way",
    says="After SHUT_RDWR of a UNIX datagram socket that is connected to another poll(2) reports POLLIN, "
    "POLLOUT, POLLHUP and POLLRDHUP of it, and of the other, which is not connected, POLLOUT as before.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_receiver_is_told_nothing(ns, observe):
    with Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        receiver.bind(NAME)
        sender.connect(NAME)
        before = [names(polled(sender, ALL)), names(polled(receiver, ALL))]
        sender.shutdown(Shutdown.BOTH)

        after = [names(polled(sender, ALL)), names(polled(receiver, ALL))]
        assert observe("peer_before_and_after", [sender.getpeername().decode(), before, after]) == [
            NAME.decode(),
            [["OUT"], ["OUT"]],
            [["IN", "OUT", "HUP", "RDHUP"], ["OUT"]],
        ]


def woken(kind: str, events: int, how: Shutdown, *, by_peer: bool) -> list[list[str]]:
    """What poll(2) reports before, and what ends one that waits when a socket, or its peer, is shut down."""
    with connected(kind) as (sock, peer):
        before = names(polled(sock, events))
        end = peer if by_peer else sock
        with delayed(lambda: end.shutdown(how), 0.02):
            return [before, names(polled(sock, events, SOON))]


@claim(
    "defacto/poll/unix-woken-by-shutdown",
    says="A poll(2) of a UNIX stream, datagram or seqpacket socket that waits with no event is woken by "
    "POLLHUP when the socket is shut down in both directions, and one that waits for POLLRDHUP when it is "
    "shut down for receiving.",
    since="2.6.17",
    commit="f348d70a324e",
)
@KINDS
@pytest.mark.parametrize(
    ("events", "how", "expected"),
    [(NO_EVENT, Shutdown.BOTH, ["HUP"]), (RDHUP, Shutdown.READ, ["RDHUP"])],
    ids=["hup", "rdhup"],
)
def test_who_waits_is_woken(ns, observe, *, kind, events, how, expected):
    assert observe("before_and_woken", woken(kind, events, how, by_peer=False)) == [[], expected]


@claim(
    "defacto/poll/unix-woken-by-peers-shutdown",
    says="A poll(2) of a UNIX stream or seqpacket socket that waits with no event is woken by POLLHUP when "
    "its peer is shut down in both directions, and one that waits for POLLRDHUP when the peer is shut down "
    "for sending.",
    since="2.6.17",
    commit="f348d70a324e",
)
@STREAMS
@pytest.mark.parametrize(
    ("events", "how", "expected"),
    [(NO_EVENT, Shutdown.BOTH, ["HUP"]), (RDHUP, Shutdown.WRITE, ["RDHUP"])],
    ids=["hup", "rdhup"],
)
def test_who_waits_is_woken_by_the_peer(ns, observe, *, kind, events, how, expected):
    assert observe("before_and_woken", woken(kind, events, how, by_peer=True)) == [[], expected]
