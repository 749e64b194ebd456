"""SCM_RIGHTS: open files that are sent to another process."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.descriptors import (
    Pipe,
    control_cut,
    counts,
    files_of,
    limit_files,
    pipes,
    room_for,
    same_place,
    writers_sent,
)
from conformance.plugin.timing import SOON
from libsocket import Fd, Rights, Socket
from netns import in_child

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
SCM_MAX_FD = 253


def send_files_of_its_own(sock: Socket, *texts: str) -> None:
    """Send a descriptor of a new file for each text, which a read of it gives."""
    files = []
    for text in texts:
        reader, writer = os.pipe()
        os.write(writer, text.encode())
        files.append(reader)
    sock.send_message(b"x", Rights(*files))


@claim(
    "unix.7/SCM_RIGHTS/another-process",
    sentence=(
        "unix.7/DESCRIPTION/ancillary",
        "unix.7/SCM_RIGHTS/passes",
        "unix.7/SCM_RIGHTS/array",
        "unix.7/ancillary/calls",
        "unix.7/ancillary/level",
        "cmsg.3/DESCRIPTION/what",
        "cmsg.3/EXAMPLES/rights",
    ),
    section="Ancillary messages",
    says="A process that receives SCM_RIGHTS of level SOL_SOCKET from another over a UNIX stream, datagram "
    "or seqpacket socket has the files that the other had opened, in the order in which they were sent.",
)
@KINDS
def test_another_process_has_the_files(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        in_child(lambda: send_files_of_its_own(left, "first", "second"))
        with right.recv_message(9) as message:
            texts = [os.read(file.fileno(), 9).decode() for file in files_of(message)]

            assert observe("sizes_and_texts", [counts(message), texts]) == [[2], ["first", "second"]]


@claim(
    "unix.7/SCM_RIGHTS/open-file-description",
    sentence=("unix.7/SCM_RIGHTS/description", "unix.7/SCM_RIGHTS/like-dup"),
    section="Ancillary messages",
    says="A descriptor received over a UNIX stream socket by SCM_RIGHTS refers to the same open file "
    "description as the one that was sent: file offset and O_NONBLOCK set through the one are those of the "
    "other, as with dup(2).",
)
def test_both_refer_to_one_open_file_description(ns, observe):
    left, right = Socket.pair()
    with left, right, Fd(os.memfd_create("file")) as sent:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(sent))
        with right.recv_message(9) as message:
            (received,) = files_of(message)
            before = os.get_blocking(sent.fileno())
            os.set_blocking(received.fileno(), False)
            offsets = same_place(sent, received)

            assert observe("blocking_and_offsets", [before, os.get_blocking(sent.fileno()), offsets]) == [
                True,
                False,
                [7, 7],
            ]


@claim(
    "unix.7/SCM_RIGHTS/another-number",
    sentence=("unix.7/SCM_RIGHTS/number", "unix.7/SCM_RIGHTS/like-dup"),
    section="Ancillary messages",
    says="A descriptor that is received over a UNIX stream socket by SCM_RIGHTS is a new one, the lowest "
    "that is free in the receiving process, as with dup(2).",
)
def test_the_descriptor_is_a_new_one(ns, observe):
    left, right = Socket.pair()
    with left, right, Fd(os.memfd_create("file")) as sent:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(sent))
        lowest = os.dup(sent.fileno())
        os.close(lowest)
        with right.recv_message(9) as message:
            (received,) = files_of(message)

            assert observe(
                "is_the_sent_and_the_lowest",
                [received.fileno() == sent.fileno(), received.fileno() == lowest],
            ) == [False, True]


@claim(
    "unix.7/SCM_RIGHTS/too-little-room",
    sentence=(
        "unix.7/SCM_RIGHTS/small-buffer",
        "unix.7/ancillary/too-small",
        "unix.7/ancillary/ctrunc",
        "recv.2/msg_flags/MSG_CTRUNC",
        "recv.2/cmsghdr/uses",
    ),
    section="Ancillary messages",
    says="Of three descriptors sent over a UNIX stream, datagram or seqpacket socket those for which the "
    "receive has no room for control messages are closed, and MSG_CTRUNC is set; with room for three it is "
    "not.",
)
@KINDS
@pytest.mark.parametrize("room", [1, 2, 3])
def test_what_finds_no_room_is_closed(ns, observe, kind, room):
    left, right = Socket.pair(kind)
    with left, right, pipes(3) as sent:
        right.rcvtimeo = SOON
        writers_sent(left, sent)
        before = [pipe.ended() for pipe in sent]
        with right.recv_message(9, control=room_for(room)) as message:
            seen = [counts(message), control_cut(message), [pipe.ended() for pipe in sent]]

            assert observe("open_and_received", [before, seen]) == [
                [False] * 3,
                [[room], socket.MSG_CTRUNC if room < 3 else 0, [False] * room + [True] * (3 - room)],
            ]


@claim(
    "unix.7/SCM_RIGHTS/no-room",
    sentence=(
        "unix.7/SCM_RIGHTS/small-buffer",
        "unix.7/ancillary/no-buffer",
        "unix.7/ancillary/ctrunc",
    ),
    section="Ancillary messages",
    says="A receive without a buffer for control messages takes the data from a UNIX stream, datagram or "
    "seqpacket socket, closes the descriptors that were sent with it, and sets MSG_CTRUNC.",
)
@KINDS
def test_without_a_buffer_all_are_closed(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(2) as sent:
        right.rcvtimeo = SOON
        writers_sent(left, sent)
        before = [pipe.ended() for pipe in sent]
        message = right.recv_message(9, control=0)
        seen = [message.data.decode(), control_cut(message), [pipe.ended() for pipe in sent]]

        assert observe("open_and_received", [before, seen]) == [
            [False, False],
            ["data", socket.MSG_CTRUNC, [True, True]],
        ]


def received_under_a_limit(sock: Socket, files: int, sent: list[Pipe]) -> list[object]:
    """What a process receives that can open only so many more: data, descriptors, and which are closed."""
    limit_files(files)
    with sock.recv_message(9) as message:
        return [message.data.decode(), counts(message), [pipe.ended() for pipe in sent]]


@claim(
    "unix.7/SCM_RIGHTS/rlimit-nofile",
    sentence="unix.7/SCM_RIGHTS/nofile",
    section="Ancillary messages",
    says="Of three descriptors sent over a UNIX stream, datagram or seqpacket socket those that the "
    "receiving process may not open for its RLIMIT_NOFILE are closed, and the others received.",
)
@KINDS
@pytest.mark.parametrize("limit", [0, 2, 3])
def test_what_is_beyond_the_limit_is_closed(ns, observe, kind, limit):
    left, right = Socket.pair(kind)
    with left, right, pipes(3) as sent:
        right.rcvtimeo = SOON
        writers_sent(left, sent)
        before = [pipe.ended() for pipe in sent]
        seen = in_child(lambda: received_under_a_limit(right, limit, sent))

        assert observe("open_and_received", [before, seen]) == [
            [False] * 3,
            ["data", [limit] if limit else [], [False] * limit + [True] * (3 - limit)],
        ]


@claim(
    "unix.7/SCM_RIGHTS/scm-max-fd",
    sentence=("unix.7/SCM_RIGHTS/max", "unix.7/SCM_RIGHTS/max-value"),
    section="Ancillary messages",
    says="SCM_RIGHTS with 253 descriptors can be sent over a UNIX stream, datagram or seqpacket socket, and "
    "all are received; with 254 it is refused with EINVAL.",
    since="2.6.38",
)
@KINDS
def test_so_many_descriptors_can_be_sent(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        with refused(errno.EINVAL):
            left.send_message(b"refused", Rights(*[0] * (SCM_MAX_FD + 1)))
        left.send_message(b"taken", Rights(*[0] * SCM_MAX_FD))
        with right.recv_message(9) as message:
            assert observe("data_and_count", [message.data.decode(), counts(message)]) == [
                "taken",
                [SCM_MAX_FD],
            ]


@claim(
    "unix.7/SCM_RIGHTS/like-dup-flags",
    sentence="unix.7/SCM_RIGHTS/like-dup",
    section="Ancillary messages",
    says="A descriptor received over a UNIX stream socket by SCM_RIGHTS is not closed on exec, as one of "
    "dup(2) is not, though the one that was sent is.",
)
def test_the_flags_of_the_descriptor_are_not_passed(ns, observe):
    left, right = Socket.pair()
    with left, right, Fd(os.memfd_create("file", os.MFD_CLOEXEC)) as sent:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(sent))
        ((_, _, data),) = right.recvmsg(9, room_for(1))[1]
        with Fd(int.from_bytes(data, sys.byteorder)) as received:
            flags = [fcntl.fcntl(file.fileno(), fcntl.F_GETFD) for file in (sent, received)]

            assert observe("flags_of_sent_and_received", flags) == [fcntl.FD_CLOEXEC, 0]
