"""SIOCINQ on UNIX sockets: how much there is to be received."""

from __future__ import annotations

import errno
from functools import partial
from socket import MSG_PEEK, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM
from termios import FIONREAD

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_readable
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
    says="For SIOCINQ of a UNIX stream socket what was received with MSG_PEEK still counts as unread, and "
    "what the socket itself has sent does not count.",
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
    says="SIOCINQ of a UNIX datagram socket gives what it gives on a UDP socket: the size of the next "
    "datagram that is waiting, not of all, and 0 where none is.",
)
@pytest.mark.parametrize("pair", [partial(Socket.pair, SOCK_DGRAM), udp_pair], ids=["unix", "udp"])
def test_the_next_datagram_is_counted(ns, observe, pair):
    left, right = pair()
    with left, right:
        impatient(right)
        counts = [asked(right, SIOCINQ)]
        left.send(b"hello")
        left.send(b"you")
        await_readable(right)
        counts += [asked(right, SIOCINQ)]
        first = right.recv(2).decode()
        await_readable(right)
        counts += [asked(right, SIOCINQ)]

        assert observe("received_and_counts", [first, right.recv(9).decode(), *counts]) == [
            "he",
            "you",
            0,
            5,
            3,
        ]


@claim(
    "defacto/SIOCINQ/seqpacket-several",
    says="SIOCINQ of a UNIX seqpacket socket gives the bytes of all messages that wait, not only of "
    "the next; one that was received in part counts no more.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_bytes_of_all_messages_are_counted(ns, observe):
    left, right = Socket.pair(SOCK_SEQPACKET)
    with left, right:
        impatient(right)
        left.send(b"hello")
        counts = [asked(right, SIOCINQ)]
        left.send(b"you")
        counts.append(asked(right, SIOCINQ))
        received = [right.recv(2).decode()]
        counts.append(asked(right, SIOCINQ))
        received.append(right.recv(9).decode())

        assert observe("received_and_counts", [received, counts]) == [["he", "you"], [5, 8, 3]]
