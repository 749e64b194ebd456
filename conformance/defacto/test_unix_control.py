"""Control messages of UNIX sockets where documents are silent: no room, no memory, whose credentials."""

from __future__ import annotations

import os
from socket import MSG_CTRUNC, MSG_TRUNC, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.descriptors import counts, files_of, pipes, room_for, writers_sent
from conformance.plugin.setups.processes import overflow_id
from conformance.plugin.setups.raw_control import receive_control, receive_without_memory, words
from conformance.plugin.setups.unix_messages import impatient
from libsocket import Rights, Socket, Ucred

KINDS = pytest.mark.parametrize(
    "kind", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
MESSAGES = pytest.mark.parametrize("kind", [SOCK_DGRAM, SOCK_SEQPACKET], ids=["datagram", "seqpacket"])
SOL_SOCKET, SCM_RIGHTS = 1, 1
HEADER = 16
"""The size of struct cmsghdr, on a machine of 64 bits."""


def ours() -> Ucred:
    """The credentials of this process."""
    return Ucred(os.getpid(), os.getuid(), os.getgid())


@claim(
    "defacto/SCM_RIGHTS/no-memory",
    says="A receive on a UNIX stream, datagram or seqpacket socket with NULL as msg_control and a "
    "msg_controllen of 24 gives the data and sets MSG_CTRUNC, and the descriptor that was sent is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_a_descriptor_without_memory_is_closed(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(1) as sent:
        impatient(right)
        writers_sent(left, sent)
        before = sent[0].ended()
        data, flags, _ = receive_without_memory(right, room_for(2))
        seen = [before, data.decode(), flags & MSG_CTRUNC, sent[0].ended()]

        assert observe("open_data_flag_closed", seen) == [False, "data", MSG_CTRUNC, True]


@claim(
    "defacto/SCM_RIGHTS/exact-room",
    says="A receive on a UNIX stream, datagram or seqpacket socket with room for control messages of 20 "
    "bytes, which a descriptor has without the padding, gives it, and 20 as msg_controllen, and does not "
    "set MSG_CTRUNC.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_the_padding_needs_no_room(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(1) as sent:
        impatient(right)
        writers_sent(left, sent)
        received = receive_control(right, room_for(1))
        (number,) = words(received.control[HEADER:])
        same = os.path.sameopenfile(number, sent[0].reader.fileno())
        os.close(number)

        assert observe(
            "length_flag_and_same", [len(received.control), received.flags & MSG_CTRUNC, same]
        ) == [
            room_for(1),
            0,
            True,
        ]


@claim(
    "defacto/SCM_RIGHTS/none-joins",
    says="Data that is sent over a UNIX stream with an SCM_RIGHTS without a descriptor is received in one "
    "with what was sent after it; with a descriptor it is not.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_no_descriptor_keeps_nothing_apart(ns, observe):
    left, right = Socket.pair()
    with left, right, pipes(1) as sent:
        impatient(right)
        left.sendmsg([b"without"], [(SOL_SOCKET, SCM_RIGHTS, b"")])
        left.send(b"one")
        joined = right.recv(100).decode()
        writers_sent(left, sent, b"with")
        left.send(b"another")

        received = [joined, right.recv(100).decode(), right.recv(100).decode()]
        assert observe("received", received) == ["withoutone", "with", "another"]


@claim(
    "unix.7/SO_PASSCRED/each-message-received-later-messages",
    sentence=("unix.7/SO_PASSCRED/each-message", "unix.7/SO_PASSCRED/default"),
    section="Socket options",
    says="What a UNIX datagram or seqpacket socket receives after SO_PASSCRED was set comes with the "
    "sender's pid, user and group, also if it was sent before.",
    expect=differs(
        "what was sent while neither end had the option carries no credentials: it comes with pid 0 and the "
        "overflow user and group",
        since="3.7",
        commit="dbe9a4173ea5",
        observed={"of_nobody": True, "of_the_sender": False},
    ),
)
@MESSAGES
def test_a_message_sent_before_comes_from_its_sender(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        left.send(b"sent before")
        right.passcred = True
        credentials = control_messages(right, Ucred)
        observe("of_nobody", credentials == [Ucred(0, overflow_id("uid"), overflow_id("gid"))])

        assert observe("of_the_sender", credentials == [ours()]) is True


@claim(
    "defacto/SO_PASSCRED/of-the-sender-alone",
    says="SO_PASSCRED of the sender alone, set before a send or after it, gives the receiver, a UNIX "
    "stream, datagram or seqpacket socket, no credentials, where its own does.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_the_receiver_asks_for_credentials(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        impatient(right)
        left.send(b"before")
        left.passcred = True
        before = control_messages(right, Ucred)
        left.send(b"after")
        after = control_messages(right, Ucred)
        right.passcred = True
        left.send(b"asked for")
        asked = control_messages(right, Ucred)

        seen = [left.passcred, before, after, asked == [ours()]]
        assert observe("sender_has_it_before_after_asked", seen) == [True, [], [], True]


@claim(
    "defacto/SCM_RIGHTS/no-bytes-asked-message",
    says="A receive of no bytes on a UNIX datagram or seqpacket socket gives the descriptors of the message "
    "that waits, takes it, and sets MSG_TRUNC.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@MESSAGES
def test_descriptors_come_without_bytes(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(1) as sent:
        impatient(right)
        left.send_message(b"x", Rights(sent[0].writer))
        left.send(b"next")
        with right.recv_message(0) as message:
            same = [os.path.sameopenfile(one.fileno(), sent[0].reader.fileno()) for one in files_of(message)]
            seen = [counts(message), same, message.flags & MSG_TRUNC, right.recv(9).decode()]

            assert observe("counts_same_flag_next", seen) == [[1], [True], MSG_TRUNC, "next"]


@claim(
    "defacto/SCM_CREDENTIALS/in-parts",
    says="Credentials come with each part in which a UNIX stream with SO_PASSCRED receives what was sent at "
    "once.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_credentials_come_with_each_part(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        right.passcred = True
        left.send(b"hello")
        parts = [right.recv_message(2), right.recv_message(9)]

        found = [[part.data.decode(), part.find(Ucred) == ours()] for part in parts]
        assert observe("data_and_ours", found) == [["he", True], ["llo", True]]


@claim(
    "defacto/SO_PASSCRED/not-joined",
    says="What was sent over a UNIX stream before SO_PASSCRED was set, and what was sent after it, is not "
    "received in one.",
    since="3.7",
    commit="dbe9a4173ea5",
)
def test_what_was_sent_before_is_kept_apart(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"one")
        right.passcred = True
        left.send(b"two")
        received = [right.recv_message(9) for _ in range(2)]

        found = [[one.data.decode(), one.find(Ucred) == ours()] for one in received]
        assert observe("data_and_ours", found) == [["one", False], ["two", True]]


@claim(
    "defacto/SO_PASSCRED/not-joined-when-cleared",
    says="What was sent over a UNIX stream with SO_PASSCRED, and what was sent once it was cleared, is not "
    "received in one when it is set again.",
    since="3.7",
    commit="dbe9a4173ea5",
)
def test_what_was_sent_when_cleared_is_kept_apart(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        right.passcred = True
        left.send(b"one")
        right.passcred = False
        left.send(b"two")
        right.passcred = True
        received = [right.recv_message(9) for _ in range(2)]

        found = [[one.data.decode(), one.find(Ucred) == ours()] for one in received]
        assert observe("data_and_ours", found) == [["one", True], ["two", False]]
