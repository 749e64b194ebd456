"""Ancillary messages in general: how many, with which data, and what becomes of those without room."""

from __future__ import annotations

import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.descriptors import (
    HEADER,
    INT,
    control_cut,
    counts_and_data,
    pipes,
    writers_sent,
)
from conformance.plugin.timing import SOON
from libsocket import Rights, Socket, Ucred

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
SCM_CREDENTIALS = 2


@claim(
    "unix.7/ancillary/one-of-each-type",
    sentence="unix.7/ancillary/one-of-each",
    section="Ancillary messages",
    says="A message with two SCM_RIGHTS cannot be sent over a UNIX stream, datagram or seqpacket socket, as "
    "one with a single SCM_RIGHTS can.",
    expect=differs(
        "it can, and they become one; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"single": ["one", [1]], "both": ["two", [2]], "errno": None},
    ),
)
@KINDS
def test_two_of_one_type_are_refused(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"one", Rights(0))
        observe("single", counts_and_data(right))
        with refused():
            left.send_message(b"two", Rights(0), Rights(1))
            observe("both", counts_and_data(right))
        left.send_message(b"three", Rights(0))

        assert observe("after", counts_and_data(right)) == ["three", [1]]


@claim(
    "unix.7/ancillary/one-of-each-credentials",
    sentence="unix.7/ancillary/one-of-each",
    section="Ancillary messages",
    says="A message with two SCM_CREDENTIALS cannot be sent over a UNIX stream, datagram or seqpacket "
    "socket, as one with a single SCM_CREDENTIALS can.",
    expect=differs(
        "it can, and one is received; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"single": ["one", 1], "both": ["two", 1], "errno": None},
    ),
)
@KINDS
def test_two_credentials_are_refused(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        own = Ucred(os.getpid(), os.getuid(), os.getgid())
        left.send_message(b"one", own)
        observe("single", data_and_credentials(right))
        with refused():
            left.send_message(b"two", own, own)
            observe("both", data_and_credentials(right))
        left.send_message(b"three", own)

        assert observe("after", data_and_credentials(right)) == ["three", 1]


def data_and_credentials(sock: Socket, size: int = 100) -> list[object]:
    """The next data, and how many SCM_CREDENTIALS come with it."""
    message = sock.recv_message(size)
    return [message.data.decode(), len([one for one in message.control if isinstance(one, Ucred)])]


@claim(
    "unix.7/ancillary/stream-needs-data",
    sentence=("unix.7/ancillary/stream-byte", "unix.7/NOTES/one-byte"),
    section="Ancillary messages",
    says="Descriptors that are sent without data over a UNIX stream socket are not received, and are "
    "closed; with a byte they are.",
    survives={"no-op: sendmsg(*iov_len=0*": "what is not received may as well not have been sent"},
)
def test_a_stream_carries_descriptors_only_beside_data(ns, observe):
    left, right = Socket.pair()
    with left, right, pipes(2) as sent:
        right.rcvtimeo = SOON
        writers_sent(left, sent[:1], b"")
        closed = sent[0].ended()
        writers_sent(left, sent[1:], b"x")

        assert observe("closed_and_received", [closed, sent[1].ended(), counts_and_data(right)]) == [
            True,
            False,
            ["x", [1]],
        ]


@claim(
    "unix.7/ancillary/datagram-without-data",
    sentence="unix.7/ancillary/datagram-byte",
    section="Ancillary messages",
    says="Descriptors can be sent over a UNIX datagram socket without data.",
)
def test_a_datagram_needs_no_data(ns, observe):
    left, right = Socket.pair(socket.SOCK_DGRAM)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"", Rights(0, 1))

        assert observe("data_and_descriptors", counts_and_data(right)) == ["", [2]]


@claim(
    "unix.7/ancillary/barrier-example",
    sentence=("unix.7/ancillary/barrier", "unix.7/ancillary/example"),
    section="Ancillary messages",
    says="Of four bytes, one byte with descriptors and four bytes that were sent over a UNIX stream socket, "
    "a receive of twenty bytes returns the first five and the descriptors, and the next the other four.",
)
def test_descriptors_end_what_a_receive_returns(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"aaaa")
        left.send_message(b"b", Rights(0))
        left.send(b"cccc")

        assert observe("received", [counts_and_data(right, 20), counts_and_data(right, 20)]) == [
            ["aaaab", [1]],
            ["cccc", []],
        ]


@claim(
    "unix.7/ancillary/barrier-credentials",
    sentence=("unix.7/ancillary/barrier", "unix.7/ancillary/example"),
    section="Ancillary messages",
    says="Of four bytes, one byte with the sender's own SCM_CREDENTIALS and four bytes that were sent over a "
    "UNIX stream socket, a receive of twenty bytes with SO_PASSCRED returns the first five.",
    expect=differs(
        "one receive returns all, since all have the same credentials; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"received": ["aaaabcccc", 1]},
    ),
)
def test_credentials_end_what_a_receive_returns(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send(b"aaaa")
        left.send_message(b"b", Ucred(os.getpid(), os.getuid(), os.getgid()))
        left.send(b"cccc")

        assert observe("received", data_and_credentials(right, 20)) == ["aaaab", 1]


@claim(
    "unix.7/ancillary/credentials-too-little-room",
    sentence=("unix.7/ancillary/too-small", "unix.7/ancillary/ctrunc"),
    section="Ancillary messages",
    says="Where the room for control messages of a receive from a UNIX stream, datagram or seqpacket socket "
    "ends within the SCM_CREDENTIALS, none of it is received, and MSG_CTRUNC is set.",
    expect=differs(
        "the message itself is cut, and as much of it received as there is room for; older than the history "
        "in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"headers": [SCM_CREDENTIALS], "sizes": [INT], "cut": int(socket.MSG_CTRUNC)},
    ),
)
@KINDS
def test_a_message_that_finds_no_room_is_left_out(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send(b"data")
        _, control, flags, _ = right.recvmsg(9, HEADER + INT)
        observe("sizes", [len(data) for _, _, data in control])
        observe("cut", flags & socket.MSG_CTRUNC)

        assert observe("headers", [number for _, number, _ in control]) == []


@claim(
    "unix.7/ancillary/credentials-no-room",
    sentence=("unix.7/ancillary/no-buffer", "unix.7/ancillary/ctrunc"),
    section="Ancillary messages",
    says="A receive without a buffer for control messages from a UNIX stream, datagram or seqpacket socket "
    "that has SO_PASSCRED takes the data, discards the SCM_CREDENTIALS, and sets MSG_CTRUNC; without "
    "SO_PASSCRED it does not set it.",
)
@KINDS
def test_without_a_buffer_credentials_are_discarded(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"first")
        first = right.recv_message(5, control=0)
        right.passcred = True
        left.send(b"second")
        second = right.recv_message(6, control=0)

        assert observe(
            "without_and_with", [[one.data.decode(), control_cut(one)] for one in (first, second)]
        ) == [["first", 0], ["second", socket.MSG_CTRUNC]]


@claim(
    "unix.7/NOTES/receive-a-byte",
    sentence="unix.7/NOTES/one-byte",
    section="NOTES",
    says="A receive of no bytes from a UNIX stream socket does not receive the descriptors that were sent "
    "with a byte; they come with the byte.",
    expect=differs(
        "it receives them, and the byte comes without them; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"nothing": ["", [1]], "byte": ["x", []]},
    ),
)
def test_a_receive_of_nothing_receives_no_descriptors(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(0))
        nothing = observe("nothing", counts_and_data(right, 0))

        assert [nothing, observe("byte", counts_and_data(right, 1))] == [["", []], ["x", [1]]]
