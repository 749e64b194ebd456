"""SO_PEERCRED: whose credentials, and of which moment."""

from __future__ import annotations

import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.raw_control import words
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import SO_PEERCRED, Socket, Ucred, raw
from netns import in_child

STREAMS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
PAIRS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
FIRST, SECOND = 61001, 61002
"""Ids that nothing here has."""


def become(number: int) -> None:
    """Change the effective user and group to others, from which a process can change back."""
    os.seteuid(os.getuid())
    os.setegid(number)
    os.seteuid(number)


def ids(sock: Socket) -> list[int]:
    """User and group of the peer."""
    return [sock.peercred.uid, sock.peercred.gid]


def of_pair(kind: int) -> list[list[int]]:
    """What both ends of a pair say, and who this process is by then."""
    become(FIRST)
    left, right = Socket.pair(kind)
    become(SECOND)
    with left, right:
        return [ids(left), ids(right), [os.geteuid(), os.getegid()]]


@claim(
    "unix.7/SO_PEERCRED/time-of-socketpair",
    sentence=("unix.7/SO_PEERCRED/peer", "unix.7/SO_PEERCRED/time"),
    section="Socket options",
    says="SO_PEERCRED of both ends of a UNIX stream, datagram or seqpacket socketpair is the user and group "
    "of the process that called socketpair(2) at that time, whatever they are later.",
    needs=[ANOTHER_USER],
)
@PAIRS
def test_a_pair_has_the_credentials_of_its_making(ns, observe, kind):
    assert observe("left_right_and_process", in_child(lambda: of_pair(kind))) == [
        [FIRST, FIRST],
        [FIRST, FIRST],
        [SECOND, SECOND],
    ]


def of_connection(kind: int) -> list[list[int]]:
    """What client and accepted socket say, each call made as another, and who this process is by then."""
    become(FIRST)
    with listening_unix(kind) as listener:
        become(SECOND)
        with pending_connection(listener) as client:
            become(0)
            with listener.accept()[0] as accepted:
                return [ids(client), ids(accepted), [os.geteuid(), os.getegid()]]


@claim(
    "unix.7/SO_PEERCRED/time-of-listen-and-connect",
    sentence=("unix.7/SO_PEERCRED/peer", "unix.7/SO_PEERCRED/time"),
    section="Socket options",
    says="On a UNIX stream or seqpacket connection SO_PEERCRED of the client is the user and group of the "
    "process that called listen(2) at that time, and of the accepted socket those of the process that "
    "called connect(2), whatever they are when the connection is accepted.",
    needs=[ANOTHER_USER],
)
@STREAMS
def test_a_connection_has_the_credentials_of_listen_and_connect(ns, observe, kind):
    assert observe("client_accepted_and_process", in_child(lambda: of_connection(kind))) == [
        [FIRST, FIRST],
        [SECOND, SECOND],
        [0, 0],
    ]


@claim(
    "unix.7/SO_PEERCRED/read-only",
    sentence="unix.7/SO_PEERCRED/read-only",
    section="Socket options",
    says="SO_PEERCRED of a UNIX stream, datagram or seqpacket socketpair can be read and not set.",
)
@PAIRS
def test_it_can_only_be_read(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        with refused():
            left.set(SO_PEERCRED.through(raw(12)), bytes(12))

        assert observe("is_this_process", left.peercred == (os.getpid(), os.geteuid(), os.getegid())) is True


@claim(
    "unix.7/SO_PEERCRED/ucred",
    sentence="unix.7/SO_PEERCRED/struct",
    section="Socket options",
    says="SO_PEERCRED of a UNIX stream socketpair is three ints, however much more room there is: process, "
    "user and group.",
    needs=[ANOTHER_USER],
)
@pytest.mark.parametrize("room", [12, 13, 100])
def test_it_is_a_struct_ucred(ns, observe, room):
    left, right = in_child_words(room)

    assert observe("words", [left, right]) == [[True, FIRST, SECOND]] * 2


def in_child_words(room: int) -> list[list[object]]:
    """What both ends of a pair give a process with two ids of which one is the group, in words."""
    return in_child(lambda: words_of_pair(room))


def words_of_pair(room: int) -> list[list[object]]:
    """The ints that both ends of a pair give; the first is whether it is this process."""
    os.setegid(SECOND)
    os.seteuid(FIRST)
    left, right = Socket.pair()
    with left, right:
        read = [sock.get(SO_PEERCRED.through(raw(room))) for sock in (left, right)]
    return [[numbers[0] == os.getpid(), *numbers[1:]] for numbers in map(words, read)]


@claim(
    "unix.7/SO_PEERCRED/not-on-seqpacket",
    sentence="unix.7/SO_PEERCRED/where",
    section="Socket options",
    says="A connected UNIX seqpacket socket refuses SO_PEERCRED, as a connected stream socket does not.",
    expect=differs(
        "it has it; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"stream": True, "seqpacket": True, "errno": None},
    ),
)
def test_a_seqpacket_connection_refuses_it(ns, observe):
    me = Ucred(os.getpid(), os.geteuid(), os.getegid())
    with (
        listening_unix() as streams,
        pending_connection(streams) as stream,
        listening_unix(socket.SOCK_SEQPACKET) as packets,
        pending_connection(packets) as packet,
    ):
        stream_names_it = observe("stream", stream.peercred == me)
        with refused():
            observe("seqpacket", packet.peercred == me)

        assert stream_names_it is True


@claim(
    "unix.7/SO_PEERCRED/not-without-a-peer",
    sentence="unix.7/SO_PEERCRED/where",
    section="Socket options",
    says="A new UNIX stream, datagram or seqpacket socket refuses SO_PEERCRED, as one of a socketpair does "
    "not.",
    expect=differs(
        "it says process 0, user and group -1; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"of_a_pair": True, "without_a_peer": [0, -1, -1], "errno": None},
    ),
)
@pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
def test_without_a_peer_it_is_refused(ns, observe, kind):
    left, right = Socket.pair()
    with left, right, SOCKETS[kind]() as sock:
        of_a_pair = observe("of_a_pair", left.peercred.pid == os.getpid())
        with refused():
            observe("without_a_peer", list(sock.peercred))

        assert of_a_pair is True


@claim(
    "unix.7/SO_PEERCRED/not-on-connected-datagram",
    sentence="unix.7/SO_PEERCRED/where",
    section="Socket options",
    says="A UNIX datagram socket that was connected by connect(2) refuses SO_PEERCRED, as one of a "
    "socketpair does not.",
    expect=differs(
        "it says process 0, user and group -1; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"of_a_pair_and_is_connected": [True, True], "connected": [0, -1, -1], "errno": None},
    ),
)
def test_a_connected_datagram_socket_refuses_it(ns, observe):
    left, right = Socket.pair(socket.SOCK_DGRAM)
    with left, right, Socket.unix(socket.SOCK_DGRAM) as bound, Socket.unix(socket.SOCK_DGRAM) as sock:
        bound.bind("")
        sock.connect(bound.getsockname())
        seen = [left.peercred.pid == os.getpid(), sock.getpeername() == bound.getsockname()]
        observe("of_a_pair_and_is_connected", seen)
        with refused():
            observe("connected", list(sock.peercred))

        assert seen == [True, True]
