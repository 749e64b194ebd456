"""SO_PEERPIDFD, SO_PASSPIDFD, SO_PEERGROUPS, SO_PASSRIGHTS, SO_INQ: UNIX sockets and their peers."""

from __future__ import annotations

import errno
import os
import socket
import sys

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import no_descriptor_free
from conformance.plugin.setups.calls import answer, option_got, option_got_at
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.places import read_only_memory, room
from conformance.plugin.setups.processes import process_of
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import INT, SO_INQ, SO_PEERGROUPS, SO_PEERPIDFD, Fd, Inq, Pidfd, Rights, Socket
from netns import in_child

PIDFD = SO_PEERPIDFD.level, SO_PEERPIDFD.number
GROUPS = SO_PEERGROUPS.level, SO_PEERGROUPS.number
FOUR = (4).to_bytes(4, sys.byteorder)
KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])


def groups_of_pair(groups: list[int]) -> list[int]:
    """What a pair says that a process made with these groups, and that has others now."""
    os.setgroups(groups)
    left, right = Socket.pair()
    os.setgroups([3, 4])
    with left, right:
        return list(left.peergroups)


@claim(
    "defacto/SO_PEERPIDFD/process",
    says="SO_PEERPIDFD of a UNIX socketpair, stream, datagram or seqpacket, is each time a new descriptor of "
    "the process that made it.",
    since="6.5",
    commit="7b26952a91cf",
)
@KINDS
def test_a_descriptor_of_the_peer(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, left.peerpidfd as first, left.peerpidfd as second:
        seen = [process_of(first) == os.getpid(), process_of(second) == os.getpid()]

        assert observe("is_this_process", [*seen, first.fileno() == second.fileno()]) == [True, True, False]


def lowest_free() -> int:
    """The number that the next descriptor of this process will have."""
    free = os.dup(0)
    os.close(free)
    return free


@claim(
    "defacto/SO_PEERPIDFD/room",
    says="Reading SO_PEERPIDFD of a UNIX stream, datagram or seqpacket socketpair with room for 8 bytes "
    "gives 4, a descriptor.",
    since="6.5",
    commit="7b26952a91cf",
)
@KINDS
def test_a_descriptor_has_4_bytes(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        free = lowest_free()
        data = option_got(left.fileno(), PIDFD, 8)
        with Fd(int.from_bytes(data, sys.byteorder)) as found:
            same = process_of(found) == os.getpid()

            assert observe("size_and_descriptor", [len(data), found.fileno() == free, same]) == [
                4,
                True,
                True,
            ]


@claim(
    "defacto/SO_PEERPIDFD/no-descriptor-free",
    says="Reading SO_PEERPIDFD of a UNIX stream, datagram or seqpacket socketpair fails with EMFILE where "
    "the process may open no descriptor more.",
    since="6.5",
    commit="7b26952a91cf",
)
@KINDS
def test_a_descriptor_must_be_free(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        with no_descriptor_free(), refused(errno.EMFILE):
            left.peerpidfd  # noqa: B018
        with left.peerpidfd as found:
            assert observe("is_this_process", process_of(found) == os.getpid()) is True


@claim(
    "defacto/SO_PEERPIDFD/length-read-only",
    says="Reading SO_PEERPIDFD of a UNIX stream, datagram or seqpacket socketpair fails with EFAULT where "
    "its length is in memory that is not to be written, and leaves no descriptor open.",
    since="6.5",
    commit="7b26952a91cf",
)
@KINDS
def test_no_descriptor_is_left_open(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, room(FOUR) as value, read_only_memory(FOUR) as length:
        free = lowest_free()
        with refused(errno.EFAULT):
            option_got_at(left.fileno(), PIDFD, value, length)
        same = lowest_free() == free
        with left.peerpidfd as found:
            assert observe("same_and_given", [same, found.fileno() == free]) == [True, True]


@claim(
    "defacto/SO_PEERPIDFD/no-peer",
    says="SO_PEERPIDFD of a TCP, UDP or new UNIX stream socket, which has no peer to name, is refused with "
    "ENODATA.",
    since="6.5",
    commit="b6f79e826fbd",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
def test_where_there_is_no_peer_there_is_no_descriptor(ns, observe, make):
    left, right = Socket.pair()
    with left, right, make() as sock, left.peerpidfd as found:
        with refused(errno.ENODATA):
            sock.peerpidfd.close()

        assert observe("of_a_pair", process_of(found) == os.getpid()) is True


@claim(
    "defacto/SO_PASSPIDFD/message",
    says="With SO_PASSPIDFD a descriptor of the process that sent it comes with each message to a UNIX "
    "stream, datagram or seqpacket socket; without it none.",
    since="6.5",
    commit="5e2ff6704a27",
)
@KINDS
def test_a_descriptor_of_the_sender_comes(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"without")
        without = control_messages(right, Pidfd)
        right.passpidfd = True
        left.send(b"with")
        with right.recv_message(9) as message:
            came = [process_of(one) == os.getpid() for one in message.control if isinstance(one, Pidfd)]

            assert observe("without_and_with", [without, came]) == [[], [True]]


@claim(
    "defacto/SO_PEERGROUPS/groups",
    says="SO_PEERGROUPS of a UNIX stream socketpair is the supplementary groups that the process which made "
    "it had then, in rising order.",
    since="4.13",
    commit="28b5ba2aa0f5",
    needs=[ANOTHER_USER],
)
@pytest.mark.parametrize("groups", [[], [7], [7, 9, 5]], ids=len)
def test_the_groups_of_the_peer(ns, observe, groups):
    assert observe("groups", in_child(lambda: groups_of_pair(groups))) == sorted(groups)


def untold_groups(size: int) -> list[str]:
    """What reading SO_PEERGROUPS gives where the length is not to be written, and where it is, with room."""
    os.setgroups([7, 9])
    left, right = Socket.pair()
    with left, right, room(bytes(8)) as value, read_only_memory(size.to_bytes(4, sys.byteorder)) as length:
        untold = answer(lambda: option_got_at(left.fileno(), GROUPS, value, length))
        return [untold, answer(lambda: option_got(left.fileno(), GROUPS, size))]


@claim(
    "defacto/SO_PEERGROUPS/length-read-only",
    says="Reading SO_PEERGROUPS of a UNIX stream socketpair, whose process has two groups, fails with EFAULT "
    "where its length is in memory that is not to be written, with room for their 8 bytes, and with room for "
    "4, with which it is ERANGE elsewhere.",
    since="4.13",
    commit="28b5ba2aa0f5",
    needs=[ANOTHER_USER],
)
@pytest.mark.parametrize(("size", "told"), [(4, "ERANGE"), (8, "8 bytes")])
def test_the_room_for_groups_is_told(ns, observe, size, told):
    assert observe("untold_and_told", in_child(lambda: untold_groups(size))) == ["EFAULT", told]


@claim(
    "defacto/SO_PEERGROUPS/no-peer",
    says="SO_PEERGROUPS of a TCP, UDP or new UNIX stream socket, which has no peer to name, is refused with "
    "ENODATA.",
    since="4.13",
    commit="28b5ba2aa0f5",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
def test_where_there_is_no_peer_there_are_no_groups(ns, observe, make):
    left, right = Socket.pair()
    with left, right, make() as sock:
        with refused(errno.ENODATA):
            sock.peergroups  # noqa: B018

        assert observe("of_a_pair", list(left.peergroups) == sorted(os.getgroups())) is True


@claim(
    "defacto/SO_PASSRIGHTS/off",
    says="While SO_PASSRIGHTS of a UNIX stream, datagram or seqpacket socket is off, sending it descriptors "
    "is refused with EPERM; data alone can be sent.",
    since="6.16",
    commit="77cbe1a6d873",
)
@KINDS
def test_descriptors_can_be_refused(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passrights = False
        with refused(errno.EPERM):
            left.send_message(b"refused", Rights(left.fileno()))
        left.send(b"data")
        data = right.recv(9).decode()
        right.passrights = True
        left.send_message(b"taken", Rights(left.fileno()))
        with right.recv_message(9) as message:
            count = [len(one) for one in message.control if isinstance(one, Rights)]

            assert observe("data_and_descriptors", [data, message.data.decode(), count]) == [
                "data",
                "taken",
                [1],
            ]


def left_after(size: int) -> list[list[int]]:
    """What a UNIX stream tells that is left of five bytes after so many: without SO_INQ, and with it."""
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"first")
        without = [int(one) for one in control_messages(right, Inq, size=9)]
        right.inq = True
        left.send(b"hello")
        return [without, [int(one) for one in control_messages(right, Inq, size=size)]]


@claim(
    "defacto/SO_INQ/left",
    says="With SO_INQ a part of what was sent at once that is received from a UNIX stream comes with the "
    "number of bytes that are left to be read; without it not.",
    since="6.17",
    commit="df30285b3670",
    expect=[
        differs(
            "what was sent at once counts whole until its last byte is read",
            since=since,
            until=until,
            commit="f4e1fb04c123",
            observed={"without_and_with": [[], [5]]},
        )
        for since, until in [("6.17", "6.18.36"), ("6.19", "7.0.13")]
    ],
)
@pytest.mark.parametrize(("size", "left_over"), [(1, 4), (4, 1)])
def test_how_much_is_left_comes_with_it(ns, observe, size, left_over):
    assert observe("without_and_with", left_after(size)) == [[], [left_over]]


@claim(
    "defacto/SO_INQ/nothing-left",
    says="With SO_INQ all of what was sent that is received from a UNIX stream comes with 0 for the number "
    "of bytes that are left to be read; without it not.",
    since="6.17",
    commit="df30285b3670",
)
@pytest.mark.parametrize("size", [5, 9])
def test_that_nothing_is_left_comes_with_it(ns, observe, size):
    assert observe("without_and_with", left_after(size)) == [[], [0]]


@claim(
    "defacto/SO_INQ/values",
    says="SO_INQ of a UNIX stream socket is 0 or 1; other numbers are refused with EINVAL.",
    since="6.17",
    commit="df30285b3670",
)
@pytest.mark.parametrize("value", [-1, 2])
def test_it_is_zero_or_one(ns, observe, value):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.inq = True
        with refused(errno.EINVAL):
            right.set(SO_INQ.through(INT), value)
        left.send(b"he")
        left.send(b"llo")

        assert observe("left", [int(one) for one in control_messages(right, Inq, size=2)]) == [3]


@claim(
    "defacto/SO_INQ/streams-only",
    says="SO_INQ of a UNIX datagram or seqpacket socket, of a TCP or of a UDP socket is refused with "
    "ENOPROTOOPT.",
    since="6.17",
    commit="df30285b3670",
)
@pytest.mark.parametrize("kind", ["unix-datagram", "unix-seqpacket", "tcp", "udp"])
def test_streams_alone_have_it(ns, observe, kind):
    left, right = Socket.pair()
    with left, right, SOCKETS[kind]() as sock:
        right.rcvtimeo = SOON
        right.inq = True
        with refused(errno.ENOPROTOOPT):
            sock.inq = True
        left.send(b"he")
        left.send(b"llo")

        assert observe("of_a_stream", [int(one) for one in control_messages(right, Inq, size=2)]) == [3]
