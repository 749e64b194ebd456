"""Control messages as structures where documents are silent: wrong lengths, padding, what is cut."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.descriptors import close_all, counts_and_data
from conformance.plugin.setups.raw_control import header, receive_control, send_control, words
from conformance.plugin.timing import SOON
from libsocket import Rights, Socket

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
SOL_SOCKET, SCM_RIGHTS, SCM_CREDENTIALS = 1, 1, 2
NO_LEVEL = 12345
HEADER = 16


@claim(
    "defacto/cmsg/length",
    says="A control message whose cmsg_len is less than the 16 bytes of its header, or more than the bytes "
    "that are left of msg_controllen, is refused with EINVAL by a UNIX stream, datagram or seqpacket "
    "socket, also one of a level that there is not; one of exactly these is not.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize("level", [SOL_SOCKET, NO_LEVEL])
@pytest.mark.parametrize("length", [0, 15, 33, 2**63])
def test_a_length_must_fit(ns, observe, kind, level, length):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        with refused(errno.EINVAL):
            send_control(left, b"refused", header(length, level, SCM_RIGHTS) + bytes(16))
        send_control(left, b"16", header(16, level, SCM_RIGHTS))
        send_control(left, b"20", header(20, level, SCM_RIGHTS) + bytes(4))

        assert observe("received", [counts_and_data(right, 2), counts_and_data(right, 2)]) == [
            ["16", []],
            ["20", [1] if level == SOL_SOCKET else []],
        ]


@claim(
    "defacto/cmsg/short-buffer",
    says="Fewer bytes of control messages than a header has, 16, are ignored by a UNIX stream, datagram or "
    "seqpacket socket, at the beginning and behind a message.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize("rest", [1, 15])
def test_less_than_a_header_is_ignored(ns, observe, kind, rest):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        send_control(left, b"a", b"\xff" * rest)
        send_control(left, b"b", header(20, SOL_SOCKET, SCM_RIGHTS) + bytes(8) + b"\xff" * rest)

        assert observe("received", [counts_and_data(right, 1), counts_and_data(right, 1)]) == [
            ["a", []],
            ["b", [1]],
        ]


@claim(
    "defacto/cmsg/no-padding-at-the-end",
    says="The last control message needs no padding: with a msg_controllen of CMSG_LEN, 20, a descriptor is "
    "sent over a UNIX stream, datagram or seqpacket socket; a byte less is refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_the_last_needs_no_padding(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        message = header(20, SOL_SOCKET, SCM_RIGHTS) + bytes(4)
        with refused(errno.EINVAL):
            send_control(left, b"refused", message[:-1])
        send_control(left, b"taken", message)

        assert observe("received", counts_and_data(right)) == ["taken", [1]]


@claim(
    "defacto/cmsg/second-is-aligned",
    says="The second of two control messages begins at a multiple of eight: behind one of 20 bytes it is "
    "sent over a UNIX stream, datagram or seqpacket socket if it is at 24, and refused with EINVAL if at "
    "20, where the kernel does not look for it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_the_second_is_looked_for_at_a_multiple_of_eight(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        message = header(20, SOL_SOCKET, SCM_RIGHTS) + bytes(4)
        with refused(errno.EINVAL):
            send_control(left, b"refused", message + message)
        send_control(left, b"taken", message + bytes(4) + message)

        assert observe("received", counts_and_data(right)) == ["taken", [2]]


@claim(
    "defacto/cmsg/padding-untouched",
    says="What is received from a UNIX stream, datagram or seqpacket socket leaves the padding behind a "
    "control message as it was, also where another follows; msg_controllen counts it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_padding_is_left_as_it_was(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send_message(b"x", Rights(0))
        control = receive_control(right, 100).control
        os.close(words(control[48:52])[0])

        assert observe("paddings_and_length", [control[28:32].hex(), control[52:].hex(), len(control)]) == [
            "ff" * 4,
            "ff" * 4,
            56,
        ]


@claim(
    "defacto/cmsg/nothing-received",
    says="Where no control message comes, msg_controllen is 0 after a receive from a UNIX stream, datagram "
    "or seqpacket socket, whatever the room, and MSG_CTRUNC is not set; where one comes it is the bytes of "
    "that.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize("room", [32, 100])
def test_what_is_not_there_has_no_length(ns, observe, kind, room):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"x")
        without = receive_control(right, room)
        right.passcred = True
        left.send(b"y")
        come = receive_control(right, room)
        seen = [
            [one.data.decode(), len(one.control), one.flags & socket.MSG_CTRUNC] for one in (without, come)
        ]

        assert observe("data_lengths_and_cut", seen) == [["x", 0, 0], ["y", 32, 0]]


@claim(
    "defacto/cmsg/cut-length",
    says="The cmsg_len of SCM_CREDENTIALS that is cut by too little room, 16 to 27 bytes, is that room, as "
    "is msg_controllen, after a receive from a UNIX stream, datagram or seqpacket socket; with less than a "
    "header, 15, there is none, and MSG_CTRUNC each time. From 28 bytes on it is whole.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize(
    ("room", "length"), [(15, []), (16, [16]), (20, [20]), (27, [27]), (28, [28]), (31, [28])]
)
def test_what_is_cut_says_so(ns, observe, kind, room, length):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send(b"x")
        received = receive_control(right, room)
        seen = [words(received.control[:8], 8), len(received.control), received.flags & socket.MSG_CTRUNC]

        assert observe("length_controllen_and_cut", seen) == [
            length,
            room if length else 0,
            socket.MSG_CTRUNC if room < 28 else 0,
        ]


@claim(
    "defacto/cmsg/cut-rights-length",
    says="The cmsg_len of SCM_RIGHTS that is cut by too little room counts whole descriptors: 20 with room "
    "for 20 to 23 bytes, 24 with 24 to 27, after a receive from a UNIX stream, datagram or seqpacket socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
@pytest.mark.parametrize(("room", "length"), [(20, 20), (23, 20), (24, 24), (27, 24)])
def test_descriptors_are_cut_whole(ns, observe, kind, room, length):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(0, 0, 0))
        received = receive_control(right, room)
        close_all(words(received.control[HEADER:length]))

        assert observe(
            "length_and_cut", [*words(received.control[:8], 8), received.flags & socket.MSG_CTRUNC]
        ) == [length, socket.MSG_CTRUNC]
