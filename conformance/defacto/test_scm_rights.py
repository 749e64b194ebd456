"""SCM_RIGHTS where documents are silent: how many, what is in flight, and what becomes of it."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER
from conformance.plugin.refusal import refused
from conformance.plugin.setups.descriptors import (
    control_cut,
    counts,
    counts_and_data,
    files_of,
    in_flight,
    limit_files,
    own_user,
    pipes,
    room_for,
    scm_fds,
    writers_sent,
)
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Fd, Rights, Socket, Ucred
from netns import as_user, in_child

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
SOL_SOCKET, SCM_RIGHTS = 1, 1
O_PATH = 0o10000000


@claim(
    "defacto/SCM_RIGHTS/several-are-one",
    says="Several SCM_RIGHTS that are sent in one message over a UNIX stream, datagram or seqpacket socket "
    "are received as one, with the descriptors of all in their order.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_several_become_one(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(3) as sent:
        right.rcvtimeo = SOON
        first, second, third = (pipe.writer for pipe in sent)
        left.send_message(b"x", Rights(first, second), Rights(third))
        with right.recv_message(9) as message:
            received = [os.fstat(file.fileno()).st_ino for file in files_of(message)]
            same = received == [os.fstat(pipe.reader.fileno()).st_ino for pipe in sent]

            assert observe("counts_and_same", [counts(message), same]) == [[3], True]


@claim(
    "defacto/SCM_RIGHTS/several-count-together",
    says="The limit of 253 descriptors in a message over a UNIX stream, datagram or seqpacket socket is one "
    "for all of its SCM_RIGHTS: 127 and 126 are sent, 127 and 127 are refused with EINVAL.",
    since="2.6.38",
    commit="bba14de98753",
)
@KINDS
def test_the_limit_is_that_of_all(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        with refused(errno.EINVAL):
            left.send_message(b"refused", Rights(*[0] * 127), Rights(*[0] * 127))
        left.send_message(b"taken", Rights(*[0] * 127), Rights(*[0] * 126))

        assert observe("received", counts_and_data(right)) == ["taken", [253]]


@claim(
    "defacto/SCM_RIGHTS/not-whole",
    says="Bytes at the end of SCM_RIGHTS that are no whole int are ignored by a UNIX stream, datagram or "
    "seqpacket socket: with seven one descriptor is sent, with three or none nothing but the data.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize(("size", "count"), [(0, []), (3, []), (4, [1]), (7, [1])])
def test_bytes_that_are_no_int_are_ignored(ns, observe, kind, size, count):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.sendmsg([b"x"], [(SOL_SOCKET, SCM_RIGHTS, bytes(size))])

        assert observe("received", counts_and_data(right)) == ["x", count]


@claim(
    "defacto/SCM_RIGHTS/all-or-nothing",
    says="If one of several descriptors in SCM_RIGHTS is not open, or negative, the message is refused with "
    "EBADF by a UNIX stream, datagram or seqpacket socket, and nothing of it is sent, neither data nor the "
    "other descriptors.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize("bad", [-1, 2**31 - 1])
def test_one_that_is_not_open_holds_up_all(ns, observe, kind, bad):
    left, right = Socket.pair(kind)
    with left, right, pipes(1) as (pipe,):
        right.rcvtimeo = SOON
        with refused(errno.EBADF):
            left.send_message(b"refused", Rights(pipe.writer, bad))
        pipe.writer.close()
        ended = pipe.ended()
        left.send_message(b"taken", Rights(0))

        assert observe("closed_and_received", [ended, counts_and_data(right)]) == [True, ["taken", [1]]]


@claim(
    "defacto/SCM_RIGHTS/close-on-exec",
    sentence=("recv.2/MSG_CMSG_CLOEXEC/sets",),
    says="A descriptor received over a UNIX stream, datagram or seqpacket socket is closed on exec if the "
    "receive had MSG_CMSG_CLOEXEC, and not if it had not.",
    since="2.6.23",
    commit="4a19542e5f69",
)
@KINDS
def test_a_flag_closes_it_on_exec(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(0))
        left.send_message(b"y", Rights(0))
        with (
            received_descriptor(right, 0) as without,
            received_descriptor(right, socket.MSG_CMSG_CLOEXEC) as flagged,
        ):
            flags = [fcntl.fcntl(file.fileno(), fcntl.F_GETFD) for file in (without, flagged)]

            assert observe("without_and_with", flags) == [0, fcntl.FD_CLOEXEC]


def received_descriptor(sock: Socket, flags: int) -> Fd:
    """The one descriptor that comes next."""
    ((_, _, data),) = sock.recvmsg(1, room_for(1), flags)[1]
    return Fd(int.from_bytes(data, sys.byteorder))


@claim(
    "defacto/SCM_RIGHTS/padding-is-room",
    says="With room for control messages of CMSG_SPACE of one int, 24 bytes, two descriptors are received "
    "from a UNIX stream, datagram or seqpacket socket, the second where the padding would be; with CMSG_LEN "
    "of one int, 20 bytes, one.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize(("room", "count"), [(20, 1), (23, 1), (24, 2)])
def test_padding_takes_another_descriptor(ns, observe, kind, room, count):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(0, 0, 0))
        with right.recv_message(9, control=room) as message:
            assert observe("count_and_cut", [counts(message), control_cut(message)]) == [
                [count],
                socket.MSG_CTRUNC,
            ]


@claim(
    "defacto/SCM_RIGHTS/no-room-for-one",
    says="With room for control messages that ends before a first descriptor, after 1, 15, 16 or 19 bytes, "
    "a receive from a UNIX stream, datagram or seqpacket socket has no SCM_RIGHTS at all, closes what was "
    "sent, and sets MSG_CTRUNC.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize("room", [1, 15, 16, 19])
def test_without_room_for_one_there_is_none(ns, observe, kind, room):
    left, right = Socket.pair(kind)
    with left, right, pipes(1) as sent:
        right.rcvtimeo = SOON
        writers_sent(left, sent)
        before = sent[0].ended()
        data, control, flags, _ = right.recvmsg(9, room)
        seen = [data.decode(), control, flags & socket.MSG_CTRUNC, sent[0].ended()]

        assert observe("before_and_received", [before, seen]) == [
            False,
            ["data", [], socket.MSG_CTRUNC, True],
        ]


@claim(
    "defacto/SCM_RIGHTS/rlimit-nofile-cuts",
    says="Where RLIMIT_NOFILE of the receiving process keeps out some of the descriptors that were sent "
    "over a UNIX stream, datagram or seqpacket socket, or all, MSG_CTRUNC is set, and data and "
    "SCM_CREDENTIALS are received whole.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize(("limit", "count"), [(0, []), (2, [2])])
def test_a_limit_cuts_as_little_room_does(ns, observe, kind, limit, count):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send_message(b"data", Rights(0, 0, 0))

        assert observe("received", in_child(lambda: received_under_a_limit(right, limit))) == [
            "data",
            [[os.getuid(), os.getgid()]],
            count,
            socket.MSG_CTRUNC,
        ]


def received_under_a_limit(sock: Socket, files: int) -> list[object]:
    """What a process receives that can open only so many files more: data, credentials, files, MSG_CTRUNC."""
    limit_files(files)
    with sock.recv_message(9) as message:
        credentials = [list(one[1:]) for one in message.control if isinstance(one, Ucred)]
        return [message.data.decode(), credentials, counts(message), control_cut(message)]


@claim(
    "defacto/SCM_RIGHTS/peek",
    says="Each MSG_PEEK at a message of a UNIX stream, datagram or seqpacket socket gives new descriptors "
    "for what was sent with it, and so does the receive after it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_a_peek_gives_descriptors_too(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, Fd(os.memfd_create("file")) as sent:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(sent))
        with (
            right.recv_message(9, flags=socket.MSG_PEEK) as first,
            right.recv_message(9, flags=socket.MSG_PEEK) as second,
            right.recv_message(9) as last,
        ):
            files = [*files_of(first), *files_of(second), *files_of(last)]
            same = [os.path.sameopenfile(file.fileno(), sent.fileno()) for file in files]

            assert observe("numbers_and_same", [len({file.fileno() for file in files}), same]) == [
                3,
                [True] * 3,
            ]


@claim(
    "defacto/SCM_RIGHTS/peek-off",
    says="A MSG_PEEK at an offset of SO_PEEK_OFF within a message of a UNIX stream, datagram or seqpacket "
    "socket gives the descriptors that were sent with it.",
    since="3.4",
    commit="ef64a54f6e55",
)
@KINDS
def test_a_peek_within_a_message_gives_them(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"abcd", Rights(0))
        right.peek_off = 2
        peeked = counts_and_data(right, 9, socket.MSG_PEEK)

        assert observe("peeked_and_received", [peeked, counts_and_data(right)]) == [
            ["cd", [1]],
            ["abcd", [1]],
        ]


@claim(
    "defacto/SCM_RIGHTS/o-path",
    says="A descriptor that was opened with O_PATH can be sent over a UNIX stream, datagram or seqpacket "
    "socket, and is received as such: it names the file, and has O_PATH still.",
    since="2.6.39",
    commit="326be7b48484",
)
@KINDS
def test_a_path_can_be_sent(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, Fd(os.open("/", O_PATH)) as path, Fd(os.open("/", os.O_RDONLY)) as folder:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(path, folder))
        with right.recv_message(9) as message:
            paths = [os.readlink(f"/proc/self/fd/{file.fileno()}") for file in files_of(message)]
            flags = [fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & O_PATH for file in files_of(message)]

            assert observe("names_and_flags", [paths, flags]) == [["/", "/"], [O_PATH, 0]]


@claim(
    "defacto/SCM_RIGHTS/listener-in-flight",
    says="A UNIX stream or seqpacket listener that is nowhere but in a message goes on listening: who "
    "connects meanwhile can be accepted by the process that receives it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_a_listener_listens_in_flight(ns, observe, kind):
    left, right = Socket.pair()
    with left, right, Socket.unix(kind) as client:
        right.rcvtimeo = SOON
        with listening_unix(kind) as listener:
            address = listener.getsockname()
            left.send_message(b"x", Rights(listener))
        client.connect(address)
        client.send(b"hello")

        assert observe("received", in_child(lambda: accepted_by_another(right))) == "hello"


def accepted_by_another(sock: Socket) -> str:
    """What comes on the first connection of the listener that is received."""
    with sock.recv_message(9) as message:
        (file,) = files_of(message)
        with Socket.from_fd(file.detach()) as listener:
            listener.rcvtimeo = SOON
            with listener.accept()[0] as accepted:
                accepted.rcvtimeo = SOON
                return accepted.recv(9).decode()


@claim(
    "defacto/SCM_RIGHTS/closed-with-the-receiver",
    says="Descriptors that were sent over a UNIX stream, datagram or seqpacket socket and not received are "
    "closed when the receiving socket is.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_what_was_not_received_is_closed(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(2) as sent:
        writers_sent(left, sent)
        before = [pipe.ended() for pipe in sent]
        right.close()

        assert observe("before_and_after", [before, [pipe.ended(SOON) for pipe in sent]]) == [
            [False, False],
            [True, True],
        ]


@claim(
    "defacto/SCM_RIGHTS/cycle",
    says="UNIX stream, datagram or seqpacket sockets that are nowhere but in their own queues are closed, "
    "and with them what was sent beside them, once another UNIX socket is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_sockets_in_their_own_queues_are_closed(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(2) as beside:
        left.send_message(b"x", Rights(left, right, beside[0].writer))
        right.send_message(b"x", Rights(left, right, beside[1].writer))
        beside[0].writer.close()
        beside[1].writer.close()
        before = [pipe.ended() for pipe in beside]
        left.close()
        right.close()
        Socket.unix().close()

        assert observe("before_and_after", [before, [pipe.ended(SOON) for pipe in beside]]) == [
            [False, False],
            [True, True],
        ]


@claim(
    "defacto/SCM_RIGHTS/cycle-in-use",
    says="A UNIX stream or seqpacket socket that was sent over its own connection, and closed, stays open "
    "in the queue: it can be received and used, and the connection ends once it is closed again.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_a_socket_can_be_sent_over_itself(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(left))
        left.close()
        with right.recv_message(1) as message:
            (file,) = files_of(message)
            with Socket.from_fd(file.detach()) as again:
                again.send(b"over itself")
        received = [right.recv(20).decode(), right.recv(20).decode()]

        assert observe("received", received) == ["over itself", ""]


@claim(
    "defacto/SCM_RIGHTS/message-in-parts",
    says="Descriptors that were sent over a UNIX stream socket come with the first part of the data that "
    "they were sent with, and not with the rest.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_they_come_with_the_first_part(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"abcd", Rights(0))

        assert observe("parts", [counts_and_data(right, 1), counts_and_data(right, 9)]) == [
            ["a", [1]],
            ["bcd", []],
        ]


@claim(
    "defacto/SCM_RIGHTS/waitall",
    says="A blocking receive with MSG_WAITALL from a UNIX stream socket ends at descriptors, too: it "
    "returns fewer bytes than it asked for, and the next receive those that were sent after them.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_waiting_for_all_ends_at_descriptors(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"ab")
        left.send_message(b"cd", Rights(0))
        left.send(b"ef")
        received = [counts_and_data(right, 6, socket.MSG_WAITALL), counts_and_data(right, 2)]

        assert observe("received", received) == [["abcd", [1]], ["ef", []]]


@claim(
    "defacto/SCM_RIGHTS/never-joined",
    says="A receive from a UNIX stream socket never returns the descriptors of two messages: it ends after "
    "the data of the first.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_those_of_two_messages_are_not_joined(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"ab", Rights(0))
        left.send_message(b"cd", Rights(0, 0))

        assert observe("received", [counts_and_data(right), counts_and_data(right)]) == [
            ["ab", [1]],
            ["cd", [2]],
        ]


@claim(
    "defacto/SCM_RIGHTS/seqpacket-without-data",
    says="Descriptors can be sent over a UNIX seqpacket socket without data.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_seqpacket_needs_no_data(ns, observe):
    left, right = Socket.pair(socket.SOCK_SEQPACKET)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"", Rights(0, 0))

        assert observe("received", counts_and_data(right)) == ["", [2]]


@claim(
    "defacto/SCM_RIGHTS/fdinfo",
    says="The fdinfo of a UNIX stream, datagram or seqpacket socket in /proc has the number of descriptors "
    "that wait in its queue as scm_fds.",
    since="5.6",
    commit="3c32da19a858",
)
@KINDS
def test_fdinfo_counts_what_waits(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        new = scm_fds(right)
        left.send_message(b"x", Rights(0, 0, 0))
        left.send_message(b"y", Rights(0))
        sent = scm_fds(right)
        received = counts_and_data(right)

        assert observe("new_sent_received_left", [new, sent, received, scm_fds(right)]) == [
            0,
            4,
            ["x", [3]],
            1,
        ]


@claim(
    "defacto/SCM_RIGHTS/other-level",
    says="A control message of another level than SOL_SOCKET, and of the type of SCM_RIGHTS, is ignored by "
    "a UNIX stream, datagram or seqpacket socket: the data is sent, and nothing with it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_another_level_is_ignored(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.sendmsg([b"x"], [(socket.IPPROTO_IP, SCM_RIGHTS, bytes(4))])
        left.sendmsg([b"y"], [(SOL_SOCKET, SCM_RIGHTS, bytes(4))])

        assert observe("received", [counts_and_data(right, 1), counts_and_data(right, 1)]) == [
            ["x", []],
            ["y", [1]],
        ]


@claim(
    "defacto/SCM_RIGHTS/other-type",
    says="A control message of level SOL_SOCKET that is neither SCM_RIGHTS nor SCM_CREDENTIALS, "
    "SCM_SECURITY or SCM_PIDFD among them, cannot be sent over a UNIX stream, datagram or seqpacket socket: "
    "EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize("number", [0, 3, 4, 5, 99])
def test_another_type_is_refused(ns, observe, kind, number):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        with refused(errno.EINVAL):
            left.sendmsg([b"x"], [(SOL_SOCKET, number, bytes(4))])
        left.sendmsg([b"y"], [(SOL_SOCKET, SCM_RIGHTS, bytes(4))])

        assert observe("received", counts_and_data(right)) == ["y", [1]]


@claim(
    "defacto/SCM_RIGHTS/netlink",
    says="SCM_RIGHTS cannot be sent over a netlink socket, as it can over a UNIX stream socket: EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_netlink_passes_no_descriptors(ns, observe):
    left, right = Socket.pair()
    with left, right, SOCKETS["netlink"]() as sender, SOCKETS["netlink"]() as receiver:
        right.rcvtimeo = receiver.rcvtimeo = SOON
        receiver.bind((0, 0))
        with refused(errno.EINVAL):
            sender.sendmsg([bytes(16)], [(SOL_SOCKET, SCM_RIGHTS, bytes(4))], 0, receiver.getsockname())
        sender.sendmsg([bytes(17)], [], 0, receiver.getsockname())
        left.sendmsg([b"x"], [(SOL_SOCKET, SCM_RIGHTS, bytes(4))])

        assert observe("received", [len(receiver.recv(100)), counts_and_data(right)]) == [17, ["x", [1]]]


@claim(
    "defacto/SCM_RIGHTS/udp",
    says="SCM_RIGHTS that is sent over a UDP socket over IPv4 is ignored, also with a descriptor that is "
    "not open, with which a UNIX stream socket refuses it (EBADF): the data is sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_udp_ignores_descriptors(ns, observe):
    left, right = Socket.pair()
    sender, receiver = udp_pair()
    with left, right, sender, receiver:
        receiver.rcvtimeo = SOON
        rights = Rights(0, 2**31 - 1)
        with refused(errno.EBADF):
            left.send_message(b"x", rights)
        sender.send_message(b"x", rights)
        data, control, flags, _ = receiver.recvmsg(9, 100)

        assert observe("received", [data.decode(), control, flags]) == ["x", [], 0]


@claim(
    "defacto/SCM_RIGHTS/in-flight-whole-message",
    says="A message over a UNIX stream socket has as many descriptors as it may, 253, however small "
    "RLIMIT_NOFILE of an unprivileged sender is: only what is in flight already counts. The next is refused "
    "with ETOOMANYREFS.",
    since="4.5",
    commit="712f4aad406b",
    needs=[ANOTHER_USER],
)
def test_a_message_itself_does_not_count(ns, observe):
    with refused(errno.ETOOMANYREFS):
        as_user(own_user(), lambda: in_flight(253, 1, limit=3))

    assert observe("sent", as_user(own_user(), lambda: in_flight(253, limit=3))) == 1


def sent_and_received(count: int) -> int:
    """How many messages of one descriptor can be sent, each received before the next, with 3 files.

    Raises: OSError where one is refused.
    """
    left, right = Socket.pair()
    with left, right:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        received = 0
        for _ in range(count):
            left.send_message(b"x", Rights(0), flags=socket.MSG_DONTWAIT)
            received += len(right.recv(1, socket.MSG_DONTWAIT))
        return received


@claim(
    "defacto/SCM_RIGHTS/in-flight-received",
    says="What was received is not in flight any more: a user with an RLIMIT_NOFILE of 3 can send twenty "
    "descriptors over a UNIX stream socket if each is received before the next is sent, and is refused with "
    "ETOOMANYREFS if not.",
    since="4.5",
    commit="712f4aad406b",
    needs=[ANOTHER_USER],
)
def test_what_was_received_does_not_count(ns, observe):
    with refused(errno.ETOOMANYREFS):
        as_user(own_user(), lambda: in_flight(*[1] * 20, limit=3))

    assert observe("sent", as_user(own_user(), lambda: sent_and_received(20))) == 20


@claim(
    "defacto/SCM_RIGHTS/in-flight-of-the-user",
    says="The limit on descriptors in flight is one for all UNIX sockets and processes of a user: once 253 "
    "are in flight that one process sent, another of the same user with an RLIMIT_NOFILE of 3 cannot send "
    "one (ETOOMANYREFS), and one of another user can.",
    since="4.5",
    commit="415e3d3e90ce",
    needs=[ANOTHER_USER],
)
def test_all_of_a_user_counts(ns, observe):
    left, right = Socket.pair()
    with left, right:
        as_user(own_user(), lambda: left.send_message(b"x", Rights(*[0] * 253)))
        with refused(errno.ETOOMANYREFS):
            as_user(own_user(), lambda: in_flight(1, limit=3))

        assert observe("sent", as_user(own_user(1), lambda: in_flight(1, limit=3))) == 1


@claim(
    "defacto/SO_PASSRIGHTS/what-was-sent",
    says="Descriptors that were sent over a UNIX stream, datagram or seqpacket socket before the receiver "
    "set SO_PASSRIGHTS to 0 are received all the same; later ones are refused with EPERM.",
    since="6.16",
    commit="77cbe1a6d873",
)
@KINDS
def test_what_was_sent_is_received(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"before", Rights(0))
        right.passrights = False
        with refused(errno.EPERM):
            left.send_message(b"after", Rights(0))

        assert observe("received", counts_and_data(right)) == ["before", [1]]


@claim(
    "defacto/SO_PASSRIGHTS/own",
    says="SO_PASSRIGHTS of the sender does not matter: with it off descriptors can be sent over a UNIX "
    "stream, datagram or seqpacket socket, and not be received, which is refused to their sender with EPERM.",
    since="6.16",
    commit="77cbe1a6d873",
)
@KINDS
def test_that_of_the_sender_does_not_matter(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.passrights = False
        with refused(errno.EPERM):
            right.send_message(b"refused", Rights(0))
        left.send_message(b"taken", Rights(0))

        assert observe("received", counts_and_data(right)) == ["taken", [1]]


@claim(
    "defacto/SO_PASSRIGHTS/before-accept",
    says="While SO_PASSRIGHTS of a UNIX stream or seqpacket listener is off, a client whose connection was "
    "not accepted yet cannot send descriptors: EPERM. A client that connected before it was switched off "
    "can.",
    since="6.16",
    commit="77cbe1a6d873",
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_it_counts_before_the_accept(ns, observe, kind):
    with listening_unix(kind) as listener, pending_connection(listener) as early:
        listener.passrights = False
        with pending_connection(listener) as late:
            with refused(errno.EPERM):
                late.send_message(b"refused", Rights(0))
            early.send_message(b"taken", Rights(0))
            with listener.accept()[0] as accepted:
                accepted.rcvtimeo = SOON

                assert observe("received", counts_and_data(accepted)) == ["taken", [1]]
