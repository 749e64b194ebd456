"""SCM_CREDENTIALS and SO_PEERCRED where documents are silent: other namespaces, several writers, order."""

from __future__ import annotations

import errno
import os
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, USER_NAMESPACE, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.processes import another_process, overflow_id
from conformance.plugin.timing import SOON
from libsocket import Rights, Socket, Ucred
from netns import Capability, as_user, in_child, in_pid_namespace, in_user_namespace

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
PAIRS = KINDS
STREAMS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
SOL_SOCKET, SCM_RIGHTS, SCM_CREDENTIALS = 1, 1, 2
REAL, EFFECTIVE, SAVED, OTHER = 61021, 61022, 61023, 61024
"""Ids that nothing here has."""


def send(sock: Socket, data: bytes, *messages: Ucred) -> int:
    """Send something; the process that did."""
    sock.send_message(data, *messages)
    return os.getpid()


def ids(sock: Socket) -> list[list[int]]:
    """User and group that come with the next message."""
    return [[one.uid, one.gid] for one in control_messages(sock, Ucred)]


@claim(
    "defacto/SCM_CREDENTIALS/last-of-several",
    says="Of several SCM_CREDENTIALS in a message that is sent over a UNIX stream, datagram or seqpacket "
    "socket the last is received, and no other.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER, Capability.SETUID, Capability.SETGID],
)
@KINDS
def test_the_last_of_several_counts(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send_message(b"x", Ucred(os.getpid(), REAL, EFFECTIVE), Ucred(os.getpid(), SAVED, OTHER))

        assert observe("user_and_group", ids(right)) == [[SAVED, OTHER]]


@claim(
    "defacto/SCM_CREDENTIALS/size",
    says="SCM_CREDENTIALS of other than the 12 bytes of a struct ucred cannot be sent over a UNIX stream, "
    "datagram or seqpacket socket: EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize("size", [0, 11, 13])
def test_it_has_one_size(ns, observe, kind, size):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        with refused(errno.EINVAL):
            left.sendmsg([b"x"], [(SOL_SOCKET, SCM_CREDENTIALS, bytes(size))])
        left.send_message(b"x", Ucred(os.getpid(), os.getuid(), os.getgid()))

        assert observe("user_and_group", ids(right)) == [[os.getuid(), os.getgid()]]


@claim(
    "defacto/SCM_CREDENTIALS/no-user",
    says="User -1 or group -1, which stand for none, cannot be specified by SCM_CREDENTIALS over a UNIX "
    "stream socket, not even by root: EINVAL.",
    since="3.7",
    commit="dbe9a4173ea5",
    needs=[ANOTHER_USER, Capability.SETUID, Capability.SETGID],
)
@pytest.mark.parametrize(("uid", "gid"), [(2**32 - 1, REAL), (REAL, 2**32 - 1)])
def test_no_user_cannot_be_specified(ns, observe, uid, gid):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        words = b"".join(number.to_bytes(4, sys.byteorder) for number in (os.getpid(), uid, gid))
        with refused(errno.EINVAL):
            left.sendmsg([b"x"], [(SOL_SOCKET, SCM_CREDENTIALS, words)])
        left.send_message(b"x", Ucred(os.getpid(), REAL, REAL))

        assert observe("user_and_group", ids(right)) == [[REAL, REAL]]


@claim(
    "defacto/SCM_CREDENTIALS/specified-before-passcred",
    says="Credentials that the sender specified by SCM_CREDENTIALS are received over a UNIX stream, "
    "datagram or seqpacket socket though SO_PASSCRED was set only after they were sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER, Capability.SETUID, Capability.SETGID],
)
@KINDS
def test_what_was_specified_waits(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"x", Ucred(os.getpid(), REAL, OTHER))
        right.passcred = True

        assert observe("user_and_group", ids(right)) == [[REAL, OTHER]]


@claim(
    "defacto/SCM_CREDENTIALS/of-a-sender-with-passcred",
    says="What a UNIX stream, datagram or seqpacket socket that has SO_PASSCRED itself sends comes with its "
    "credentials also if the receiver sets SO_PASSCRED only after that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER],
)
@KINDS
def test_a_sender_with_the_option_sends_them(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.passcred = True
        sender = as_user(OTHER, lambda: send(left, b"x"))
        right.passcred = True
        (received,) = control_messages(right, Ucred)

        assert observe("sender_user_group", [received.pid == sender, *received[1:]]) == [True, OTHER, OTHER]


@claim(
    "defacto/SCM_CREDENTIALS/sent-before-accept",
    says="What was sent over a UNIX stream or seqpacket connection before it was accepted comes with the "
    "sender's credentials, though SO_PASSCRED was set only on the accepted socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@STREAMS
def test_what_was_sent_before_the_accept_has_credentials(ns, observe, kind):
    with listening_unix(kind) as listener, pending_connection(listener) as client:
        client.send(b"x")
        with listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            accepted.passcred = True
            senders = Ucred(os.getpid(), os.getuid(), os.getgid())

            assert observe(
                "of_the_sender", [one == senders for one in control_messages(accepted, Ucred)]
            ) == [True]


@claim(
    "defacto/SCM_CREDENTIALS/several-writers",
    says="A receive from a UNIX stream socket with SO_PASSCRED never joins the data of two writers: it ends "
    "where the credentials change.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER],
)
def test_the_data_of_two_writers_is_not_joined(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        as_user(REAL, lambda: send(left, b"ab"))
        as_user(OTHER, lambda: send(left, b"cd"))

        assert observe("received", [data_and_user(right), data_and_user(right)]) == [
            ["ab", [REAL]],
            ["cd", [OTHER]],
        ]


def data_and_user(sock: Socket) -> list[object]:
    """The next data, and the users who come with it."""
    message = sock.recv_message(100)
    return [message.data.decode(), [one.uid for one in message.control if isinstance(one, Ucred)]]


@claim(
    "defacto/SCM_CREDENTIALS/one-writer",
    says="A receive from a UNIX stream socket with SO_PASSCRED joins what one process sent by two calls, "
    "with one SCM_CREDENTIALS for both.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_data_of_one_writer_is_joined(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send(b"ab")
        left.send(b"cd")

        assert observe("received", data_and_user(right)) == ["abcd", [os.getuid()]]


@claim(
    "defacto/SCM_CREDENTIALS/before-rights",
    says="SCM_CREDENTIALS comes before SCM_RIGHTS in what is received from a UNIX stream, datagram or "
    "seqpacket socket, in whichever order they were sent; with room for one it is the credentials that come.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize("step", [1, -1], ids=["credentials-first", "rights-first"])
def test_credentials_come_first(ns, observe, kind, step):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        both: list[Ucred | Rights] = [Ucred(os.getpid(), os.getuid(), os.getgid()), Rights(0)]
        left.send_message(b"x", *both[::step])
        left.send_message(b"y", *both[::step])
        with right.recv_message(1) as roomy, right.recv_message(1, control=32) as cramped:
            names = [[type(one).__name__ for one in message.control] for message in (roomy, cramped)]
            cut = [message.flags & socket.MSG_CTRUNC for message in (roomy, cramped)]

            assert observe("received_and_cut", [names, cut]) == [
                [["Ucred", "Rights"], ["Ucred"]],
                [0, socket.MSG_CTRUNC],
            ]


@claim(
    "defacto/SCM_CREDENTIALS/unmapped",
    sentence=("user_namespaces.7/unmapped/unix-credentials", "user_namespaces.7/unmapped/overflow"),
    says="A process in a user namespace where the sender's user and group have no number receives the "
    "overflow user and group in SCM_CREDENTIALS over a UNIX stream, datagram or seqpacket socket; outside "
    "they are the sender's.",
    since="3.7",
    commit="dbe9a4173ea5",
    needs=[ANOTHER_USER, USER_NAMESPACE],
)
@KINDS
def test_who_has_no_number_is_nobody(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        as_user(OTHER, lambda: send(left, b"x") and send(left, b"y"))
        inside = in_user_namespace(lambda: [list(one[1:]) for one in control_messages(right, Ucred, size=1)])
        outside = [list(one[1:]) for one in control_messages(right, Ucred, size=1)]
        nobody = [overflow_id("uid"), overflow_id("gid")]

        assert observe("inside_is_nobody_and_outside", [inside == [nobody], outside]) == [
            True,
            [[OTHER, OTHER]],
        ]


@claim(
    "defacto/SO_PEERCRED/unmapped",
    sentence="user_namespaces.7/unmapped/overflow",
    says="In a user namespace where the peer's user and group have no number SO_PEERCRED of a UNIX stream, "
    "datagram or seqpacket socketpair is the overflow user and group; outside they are the peer's.",
    since="2.6.36",
    commit="109f6e39fa07",
    needs=[ANOTHER_USER, USER_NAMESPACE],
)
@PAIRS
def test_a_peer_without_a_number_is_nobody(ns, observe, kind):
    inside, outside = in_child(lambda: of_a_pair_of_another(kind))
    nobody = [overflow_id("uid"), overflow_id("gid")]

    assert observe("inside_is_nobody_and_outside", [inside == nobody, outside]) == [True, [OTHER, OTHER]]


def of_a_pair_of_another(kind: int) -> list[list[int]]:
    """What the end of a pair that was made as another user says in a new user namespace, and here."""
    os.setegid(OTHER)
    os.seteuid(OTHER)
    left, right = Socket.pair(kind)
    os.seteuid(0)
    os.setegid(0)
    with left, right:
        return [in_user_namespace(lambda: list(left.peercred[1:])), list(left.peercred[1:])]


@claim(
    "defacto/SCM_CREDENTIALS/user-namespace-root",
    says="Root of another user namespace cannot specify a user, by SCM_CREDENTIALS over a UNIX stream "
    "socket, who has no number there (EINVAL), nor another process of the initial PID namespace (EPERM); "
    "itself it can.",
    since="3.9",
    commit="92f28d973cce",
    needs=[USER_NAMESPACE],
)
@pytest.mark.parametrize(("pid", "uid", "number"), [(False, True, errno.EINVAL), (True, False, errno.EPERM)])
def test_root_elsewhere_specifies_less(ns, observe, pid, uid, number):
    left, right = Socket.pair()
    with left, right, another_process() as other:
        right.rcvtimeo = SOON
        right.passcred = True
        with refused(number):
            in_user_namespace(
                lambda: send(left, b"x", Ucred(other if pid else os.getpid(), OTHER if uid else 0, 0))
            )
        in_user_namespace(lambda: send(left, b"y", Ucred(os.getpid(), 0, 0)))

        assert observe("received", data_and_user(right)) == ["y", [os.getuid()]]


@claim(
    "defacto/SCM_CREDENTIALS/pid-namespace",
    says="SCM_CREDENTIALS that comes over a UNIX stream, datagram or seqpacket socket has the sender's "
    "process id as the receiver's PID namespace numbers it: 0 where it has none there, and not 1 where it "
    "is 1 only in its own.",
    since="2.6.36",
    commit="7361c36c5224",
    needs=[initially(Capability.SYS_ADMIN)],
)
@KINDS
def test_a_process_has_the_number_of_the_receiver(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send(b"x")
        inside = in_pid_namespace(lambda: [one.pid for one in control_messages(right, Ucred, size=1)])
        own, here = in_pid_namespace(lambda: (send(left, b"x"), number_here()))
        outside = [one.pid == here for one in control_messages(right, Ucred, size=1)]

        assert observe("inside_own_outside", [inside, own, outside]) == [[0], 1, [True]]


def number_here() -> int:
    """The id of this process in the PID namespace that /proc shows."""
    return int(os.readlink("/proc/self"))


@claim(
    "defacto/SO_PEERCRED/pid-namespace",
    says="SO_PEERCRED of a UNIX stream, datagram or seqpacket socketpair has the process id of who made it "
    "as the reader's PID namespace numbers it: 0 where it has none.",
    since="2.6.36",
    commit="109f6e39fa07",
    needs=[initially(Capability.SYS_ADMIN)],
)
@PAIRS
def test_a_peer_has_the_number_of_the_reader(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        inside = in_pid_namespace(lambda: left.peercred.pid)

        assert observe("inside_and_is_outside", [inside, left.peercred.pid == os.getpid()]) == [0, True]


@claim(
    "defacto/SO_PEERCRED/effective-ids",
    says="SO_PEERCRED of a UNIX stream, datagram or seqpacket socketpair has the effective user and group "
    "ids of who made it, not the real ones.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER],
)
@PAIRS
def test_the_effective_ids_count(ns, observe, kind):
    seen = in_child(lambda: of_several_ids(kind))

    assert observe("peercred_and_real", seen) == [[EFFECTIVE, SAVED], [REAL, OTHER]]


def of_several_ids(kind: int) -> list[list[int]]:
    """What SO_PEERCRED says of a process with several ids, and its real ones."""
    os.setresgid(OTHER, SAVED, OTHER)
    os.setresuid(REAL, EFFECTIVE, REAL)
    left, right = Socket.pair(kind)
    with left, right:
        return [list(right.peercred[1:]), [os.getuid(), os.getgid()]]


@claim(
    "defacto/SO_PEERCRED/listen-again",
    says="A second listen(2) on a UNIX stream or seqpacket listener makes SO_PEERCRED of clients that "
    "connect after it that of its caller, and leaves that of earlier ones.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER],
)
@STREAMS
def test_listening_again_changes_the_credentials(ns, observe, kind):
    with Socket.unix(kind) as listener:
        listener.bind("")
        as_user(REAL, listener.listen)
        with pending_connection(listener) as early:
            as_user(OTHER, listener.listen)
            with pending_connection(listener) as late:
                seen = [list(client.peercred[1:]) for client in (early, late)]

                assert observe("early_and_late", seen) == [[REAL, REAL], [OTHER, OTHER]]


@claim(
    "defacto/SO_PEERCRED/passed-on",
    says="SO_PEERCRED of a UNIX stream or seqpacket connection stays that of the process which connected "
    "after it has passed its socket on by SCM_RIGHTS, and another sends over it; SCM_CREDENTIALS is that of "
    "the other.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER],
    survives={"no-op: close()*": "the process that connected ends and closes what it has"},
)
@STREAMS
def test_it_stays_that_of_who_connected(ns, observe, kind):
    with listening_unix(kind) as listener:
        left, right = Socket.pair()
        with left, right:
            right.rcvtimeo = SOON
            as_user(OTHER, lambda: connect_and_pass_on(listener.getsockname(), kind, left))
            with listener.accept()[0] as accepted, right.recv_message(1) as message:
                accepted.rcvtimeo = SOON
                accepted.passcred = True
                (passed,) = (one for one in message.control if isinstance(one, Rights))
                with Socket.from_fd(passed.take()[0]) as client:
                    client.send(b"y")

                    assert observe("peercred_and_message", [list(accepted.peercred[1:]), ids(accepted)]) == [
                        [OTHER, OTHER],
                        [[os.getuid(), os.getgid()]],
                    ]


def connect_and_pass_on(name: str | bytes, kind: int, sock: Socket) -> None:
    """Connect a socket and send it to another process."""
    with Socket.unix(kind) as client:
        client.connect(name)
        sock.send_message(b"x", Rights(client))
