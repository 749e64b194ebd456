"""SIOCINQ on UNIX sockets: how much there is to be received."""

from __future__ import annotations

import errno
from socket import MSG_PEEK, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM
from termios import FIONREAD

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.unix_messages import impatient
from libsocket import Socket

SIOCINQ = 0x541B


@claim(
    "unix.7/SIOCINQ/stream",
    sentence=("unix.7/SIOCINQ/stream", "unix.7/SIOCINQ/FIONREAD"),
    section="Ioctls",
    says="SIOCINQ, or FIONREAD, gives the bytes that a UNIX stream socket has not read: 0, all of two "
    "sends, and less what was read since.",
)
def test_the_unread_bytes_are_counted(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        counts = [[asked(right, SIOCINQ), asked(right, FIONREAD)]]
        left.send(b"hello")
        left.send(b"you")
        counts += [[asked(right, SIOCINQ), asked(right, FIONREAD)]]
        received = right.recv(2).decode()
        counts += [[asked(right, SIOCINQ), asked(right, FIONREAD)]]

        assert observe("received_and_counts", [received, *counts]) == ["he", [0, 0], [8, 8], [6, 6]]


@claim(
    "unix.7/SIOCINQ/peek",
    sentence="unix.7/SIOCINQ/stream",
    section="Ioctls",
    says="What was received with MSG_PEEK counts for SIOCINQ of a UNIX stream socket as unread, and so does "
    "nothing that the socket itself has sent.",
)
def test_what_was_peeked_at_is_unread(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"hello")
        right.send(b"back")
        peeked = right.recv(2, MSG_PEEK).decode()

        counts = [asked(right, SIOCINQ), asked(left, SIOCINQ)]
        assert observe("peeked_and_counts", [peeked, *counts]) == ["he", 5, 4]


@claim(
    "unix.7/SIOCINQ/listening",
    sentence="unix.7/SIOCINQ/listening",
    section="Ioctls",
    says="SIOCINQ of a UNIX stream or seqpacket socket that listens fails with EINVAL; before it listens it "
    "gives 0.",
)
@pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])
def test_a_listener_has_no_bytes(ns, observe, type_):
    with Socket.unix(type_) as listener:
        listener.bind("")
        before = observe("before", asked(listener, SIOCINQ))
        listener.listen()
        with refused(errno.EINVAL):
            asked(listener, SIOCINQ)

        assert before == 0


@claim(
    "unix.7/SIOCINQ/datagram",
    sentence="unix.7/SIOCINQ/datagram",
    section="Ioctls",
    says="SIOCINQ of a UNIX datagram socket gives the size of the next datagram that is waiting, as it does "
    "on a UDP socket, and 0 where none is.",
)
def test_the_next_datagram_is_counted(ns, observe):
    left, right = Socket.pair(SOCK_DGRAM)
    with left, right:
        impatient(right)
        counts = [asked(right, SIOCINQ)]
        left.send(b"hello")
        left.send(b"you")
        counts += [asked(right, SIOCINQ)]
        first = right.recv(2).decode()
        counts += [asked(right, SIOCINQ)]

        assert observe("received_and_counts", [first, right.recv(9).decode(), *counts]) == [
            "he",
            "you",
            0,
            5,
            3,
        ]
