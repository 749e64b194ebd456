"""How many bytes structures of SOL_SOCKET are set with and read into, of which no page speaks."""

from __future__ import annotations

import errno
import os
import sys
import time
from typing import Any

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, BUSY_POLL, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import length_told
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.datagrams import UDP_HEADER
from conformance.plugin.setups.filters import ending_with, fprog
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.places import room
from conformance.plugin.timing import SOON
from libsocket import (
    INT,
    SO_ATTACH_FILTER,
    SO_BUSY_POLL_BUDGET,
    SO_CNX_ADVICE,
    SO_DETACH_FILTER,
    SO_INQ,
    SO_MAX_PACING_RATE,
    SO_MEMINFO,
    SO_PEERGROUPS,
    SO_TIMESTAMP,
    SO_TIMESTAMP_NEW,
    SO_TIMESTAMPING,
    SO_TIMESTAMPING_NEW,
    SO_TIMESTAMPNS,
    SO_TIMESTAMPNS_NEW,
    SO_TXTIME,
    Filter,
    Inq,
    Option,
    Socket,
    SockTxTime,
    TxTimeFlag,
    raw,
)
from netns import Capability, in_child, without

RX_SOFTWARE, TX_SOFTWARE = 8, 2
"""SOF_TIMESTAMPING_RX_SOFTWARE, SOF_TIMESTAMPING_TX_SOFTWARE"""
THREE_BYTES = Filter.accept(UDP_HEADER + 3)
"""A program on a UDP socket sees the header, too."""
ONE_BYTE = ending_with(UDP_HEADER + 1)
"""The instruction of another."""
FEWER = pytest.mark.parametrize("size", [0, 1, 3])


def number(octets: bytes) -> int:
    return int.from_bytes(octets, sys.byteorder)


def flags_after_fewer_and_all(option: Option[Any], size: int) -> list[int]:
    """What SO_TIMESTAMPING reads once fewer bytes were refused, and once all were taken."""
    with Socket.udp() as sock:
        sock.set(option.through(INT), RX_SOFTWARE)
        with refused(errno.EINVAL):
            sock.set(option.through(raw(size)), bytes(size))
        kept = int(sock.timestamping.flags)
        sock.set(option.through(INT), TX_SOFTWARE)
        return [kept, int(sock.timestamping.flags)]


def flags_of_old_and_new(sock: Socket) -> list[int]:
    """What SO_TIMESTAMPING reads, and SO_TIMESTAMPING_NEW."""
    return [number(sock.get(one.through(raw(8)))[:4]) for one in (SO_TIMESTAMPING, SO_TIMESTAMPING_NEW)]


@claim(
    "defacto/SO_TIMESTAMPING/fewer-bytes",
    says="Setting SO_TIMESTAMPING of a UDP socket over IPv4 with fewer than the four bytes of its flags, or "
    "none, is refused with EINVAL, and it stays as it was; four are taken.",
    since="2.6.30",
    commit="cb9eff097831",
)
@FEWER
def test_fewer_bytes_are_no_flags(ns, observe, size):
    seen = flags_after_fewer_and_all(SO_TIMESTAMPING, size)

    assert observe("after_fewer_and_all", seen) == [RX_SOFTWARE, TX_SOFTWARE]


@claim(
    "defacto/SO_TIMESTAMPING_NEW/fewer-bytes",
    says="Setting SO_TIMESTAMPING_NEW of a UDP socket over IPv4 with fewer than the four bytes of its flags, "
    "or none, is refused with EINVAL, and what SO_TIMESTAMPING reads stays as it was; four are taken.",
    since="5.1",
    commit="9718475e6908",
)
@FEWER
def test_fewer_bytes_are_no_new_flags(ns, observe, size):
    seen = flags_after_fewer_and_all(SO_TIMESTAMPING_NEW, size)

    assert observe("after_fewer_and_all", seen) == [RX_SOFTWARE, TX_SOFTWARE]


@claim(
    "defacto/SO_TIMESTAMPING_NEW/read",
    says="Reading SO_TIMESTAMPING_NEW of a UDP socket over IPv4 gives the flags where it was what set them "
    "last, and 0 where SO_TIMESTAMPING was, which reads those that either set last, unless "
    "SO_TIMESTAMP, SO_TIMESTAMPNS or the new form of one was turned on since.",
    since="6.7",
    backports=("6.1.72", "6.6.11"),
    commit="7f6ca95d16b9",
)
def test_the_new_timestamping_reads_its_own(ns, observe):
    with Socket.udp() as sock:
        sock.set(SO_TIMESTAMPING.through(INT), RX_SOFTWARE)
        flags = [flags_of_old_and_new(sock)]
        sock.set(SO_TIMESTAMPING_NEW.through(INT), TX_SOFTWARE)
        flags.append(flags_of_old_and_new(sock))
        sock.set(SO_TIMESTAMPING.through(INT), RX_SOFTWARE)
        flags.append(flags_of_old_and_new(sock))

        assert observe("of_old_and_new", flags) == [
            [RX_SOFTWARE, 0],
            [TX_SOFTWARE, TX_SOFTWARE],
            [RX_SOFTWARE, 0],
        ]


@claim(
    "defacto/SO_TIMESTAMPING_NEW/one-mark",
    says="Whether the form of timestamps is the new one is one mark of a socket: reading "
    "SO_TIMESTAMPING_NEW of a UDP socket over IPv4 gives the flags that SO_TIMESTAMPING set once "
    "SO_TIMESTAMP_NEW or SO_TIMESTAMPNS_NEW is turned on, and 0 for those that it set itself once "
    "SO_TIMESTAMP or SO_TIMESTAMPNS is; turned off these leave the mark as it is.",
    since="6.7",
    backports=("6.1.72", "6.6.11"),
    commit="7f6ca95d16b9",
    survives={"no-op: setsockopt(*SO_TIMESTAMP*, ?0?, 4) = 0": "turned off they leave the mark as it is"},
)
@pytest.mark.parametrize(
    ("old", "new"),
    [(SO_TIMESTAMP, SO_TIMESTAMP_NEW), (SO_TIMESTAMPNS, SO_TIMESTAMPNS_NEW)],
    ids=["TIMESTAMP", "TIMESTAMPNS"],
)
def test_the_new_form_is_one_mark(ns, observe, old, new):
    with Socket.udp() as sock:
        sock.set(SO_TIMESTAMPING.through(INT), RX_SOFTWARE)
        flags = [flags_of_old_and_new(sock)]
        for option, value in ((new, False), (new, True), (old, False), (new, False), (old, True)):
            sock.set(option, value)
            flags.append(flags_of_old_and_new(sock))
        sock.set(SO_TIMESTAMPING_NEW.through(INT), TX_SOFTWARE)
        sock.set(old, True)

        assert [
            observe("set_new_off_new_on_old_off_new_off_old_on", flags),
            observe("new_flags_and_old_on", flags_of_old_and_new(sock)),
        ] == [
            [[RX_SOFTWARE, 0]] * 2 + [[RX_SOFTWARE, RX_SOFTWARE]] * 3 + [[RX_SOFTWARE, 0]],
            [TX_SOFTWARE, 0],
        ]


@claim(
    "defacto/SO_TIMESTAMPING/room",
    says="Reading SO_TIMESTAMPING of a UDP socket over IPv4 with room for fewer than the eight bytes of a "
    "struct so_timestamping gives the first ones, for none no byte, and with room for nine eight.",
    since="5.14",
    commit="d463126e23f1",
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (3, 3), (4, 4), (7, 7), (9, 8)])
def test_room_for_timestamping(ns, observe, room, size):
    with Socket.udp() as sock:
        sock.set(SO_TIMESTAMPING.through(INT), RX_SOFTWARE)
        whole = sock.get(SO_TIMESTAMPING.through(raw(8)))
        given = sock.get(SO_TIMESTAMPING.through(raw(room)))

        assert observe("flags_size_and_first", [number(whole[:4]), len(given), whole.startswith(given)]) == [
            RX_SOFTWARE,
            size,
            True,
        ]


@claim(
    "defacto/SO_TXTIME/room",
    says="Reading SO_TXTIME of a UDP socket over IPv4 with room for fewer than its eight bytes gives the "
    "first ones, for none no byte, and with room for nine eight.",
    since="4.19",
    commit="80b14dee2bea",
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (4, 4), (7, 7), (9, 8)])
def test_room_for_txtime(ns, observe, room, size):
    with Socket.udp() as sock:
        sock.txtime = SockTxTime(time.CLOCK_MONOTONIC, TxTimeFlag.DEADLINE_MODE)
        whole = sock.get(SO_TXTIME.through(raw(8)))
        given = sock.get(SO_TXTIME.through(raw(room)))

        seen = [number(whole[:4]), number(whole[4:]), len(given), whole.startswith(given)]
        assert observe("clock_flags_size_and_first", seen) == [time.CLOCK_MONOTONIC, 1, size, True]


@claim(
    "defacto/SO_MAX_PACING_RATE/room",
    says="Reading a SO_MAX_PACING_RATE of 2**40 of a TCP socket over IPv4 with room for fewer than eight "
    "bytes gives the largest unsigned int, or its first bytes where there is no room for four, for none no "
    "byte; with room for eight or nine it gives the eight of the rate.",
    since="5.1",
    commit="677f136c6b88",
)
@pytest.mark.parametrize(
    ("room", "size", "rate"),
    [(0, 0, 0), (3, 3, 2**24 - 1), (4, 4, 2**32 - 1), (7, 4, 2**32 - 1), (8, 8, 2**40), (9, 8, 2**40)],
)
def test_room_for_a_rate(ns, observe, room, size, rate):
    with Socket.tcp() as sock:
        sock.max_pacing_rate = 2**40
        given = sock.get(SO_MAX_PACING_RATE.through(raw(room)))

        seen = [sock.max_pacing_rate, len(given), number(given)]
        assert observe("rate_size_and_number", seen) == [2**40, size, rate]


@claim(
    "defacto/SO_MEMINFO/new",
    says="SO_MEMINFO of a new UDP or UNIX stream socket has nine numbers: its SO_RCVBUF is the second, its "
    "SO_SNDBUF the fourth, and the others are 0.",
    since="4.12",
    commit="a2d133b1d465",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix], ids=["udp", "unix"])
def test_the_memory_of_a_new_socket(ns, observe, make):
    with make() as sock:
        octets = sock.get(SO_MEMINFO.through(raw(36)))
        numbers = [number(octets[at : at + 4]) for at in range(0, 36, 4)]
        buffers = [numbers.pop(3) == sock.sndbuf, numbers.pop(1) == sock.rcvbuf]

        assert observe("size_buffers_and_others", [len(octets), buffers, numbers]) == [
            36,
            [True, True],
            [0, 0, 0, 0, 0, 0, 0],
        ]


@claim(
    "defacto/SO_MEMINFO/room",
    says="Reading SO_MEMINFO of a UDP socket over IPv4 with room for fewer than its 36 bytes gives the first "
    "ones, for none no byte, and with room for 37 36.",
    since="4.12",
    commit="a2d133b1d465",
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (8, 8), (35, 35), (37, 36)])
def test_room_for_numbers(ns, observe, room, size):
    with Socket.udp() as sock:
        whole = sock.get(SO_MEMINFO.through(raw(36)))
        given = sock.get(SO_MEMINFO.through(raw(room)))

        seen = [number(whole[4:8]) == sock.rcvbuf, len(given), whole.startswith(given)]
        assert observe("buffer_size_and_first", seen) == [True, size, True]


def groups_with_room(room: int) -> bytes:
    """Two groups of the process that made a pair, read into so many bytes."""
    os.setgroups([7, 9])
    left, right = Socket.pair()
    with left, right:
        return left.get(SO_PEERGROUPS.through(raw(room)))


@claim(
    "defacto/SO_PEERGROUPS/room",
    says="Reading SO_PEERGROUPS of a UNIX stream socketpair, whose process has two groups, with room for "
    "fewer than their eight bytes is refused with ERANGE; with room for eight or more it gives the eight.",
    since="4.13",
    commit="28b5ba2aa0f5",
    needs=[ANOTHER_USER],
)
@pytest.mark.parametrize(("room", "enough"), [(0, 16), (4, 9), (7, 8)])
def test_groups_are_given_whole(ns, observe, room, enough):
    with refused(errno.ERANGE):
        in_child(lambda: groups_with_room(room))
    given = in_child(lambda: groups_with_room(enough))

    assert observe("size_and_groups", [len(given), number(given[:4]), number(given[4:])]) == [8, 7, 9]


def length_of_groups(room: int) -> list[object]:
    """What comes of reading the two groups of the process that made a pair, and the length told."""
    os.setgroups([7, 9])
    left, right = Socket.pair()
    with left, right:
        return length_told(left.fileno(), (SO_PEERGROUPS.level, SO_PEERGROUPS.number), room)


@claim(
    "defacto/SO_PEERGROUPS/length-told",
    says="Where getsockopt(2) refuses SO_PEERGROUPS of a UNIX stream socketpair, whose process has two "
    "groups, with ERANGE it tells in the length how much room they take, eight bytes, whether it had "
    "0, 4 or 7; with 8 or 9 it succeeds and tells the same.",
    since="4.13",
    commit="28b5ba2aa0f5",
    needs=[ANOTHER_USER],
)
@pytest.mark.parametrize(
    ("room", "outcome"), [(0, "ERANGE"), (4, "ERANGE"), (7, "ERANGE"), (8, "done"), (9, "done")]
)
def test_the_room_for_groups_is_told(ns, observe, room, outcome):
    assert observe("outcome_and_length", in_child(lambda: length_of_groups(room))) == [outcome, 8]


@claim(
    "defacto/SO_BUSY_POLL_BUDGET/optlen",
    says="Setting SO_BUSY_POLL_BUDGET of a UDP socket over IPv4 with fewer than four bytes, or none, is "
    "refused with EINVAL, and it stays as it was: without CAP_NET_ADMIN it can be set to no more than that.",
    since="5.11",
    commit="7c951cafc0cb",
    needs=[BUSY_POLL, initially(Capability.NET_ADMIN)],
    survives={"no-op: setsockopt(*SO_BUSY_POLL_BUDGET, ?50?, 4*": "what it is already is set once more"},
)
@FEWER
def test_fewer_bytes_are_no_budget(ns, observe, size):
    with Socket.udp() as sock:
        sock.busy_poll_budget = 50
        with refused(errno.EINVAL):
            sock.set(SO_BUSY_POLL_BUDGET.through(raw(size)), bytes(size))
        with without(Capability.NET_ADMIN):
            sock.busy_poll_budget = 50
            with refused(errno.EPERM, "errno_more"):
                sock.busy_poll_budget = 51

        assert observe("still_open", sock.fileno() >= 0)


@claim(
    "defacto/SO_CNX_ADVICE/optlen",
    says="Setting SO_CNX_ADVICE of a connected UDP socket over IPv4 with fewer than four bytes, or none, is "
    "refused with EINVAL, where four or five are taken.",
    since="4.6",
    commit="a87cb3e48ee8",
    survives={"no-op: setsockopt(*SO_CNX_ADVICE*": "on loopback there is no other path to be taken"},
)
@FEWER
def test_fewer_bytes_are_no_advice(ns, observe, size):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sender.set(SO_CNX_ADVICE.through(raw(size)), bytes(size))
        sender.set(SO_CNX_ADVICE.through(raw(4)), INT.encode(1))
        sender.set(SO_CNX_ADVICE.through(raw(5)), INT.encode(1) + b"\xff")
        sender.send(b"still there")

        assert observe("received", receiver.recv(20).decode()) == "still there"


@claim(
    "defacto/SO_INQ/optlen",
    says="Setting SO_INQ of a UNIX stream socket with other than four bytes, none, three or five, is refused "
    "with EINVAL, and it stays on.",
    since="6.17",
    commit="df30285b3670",
)
@pytest.mark.parametrize("size", [0, 3, 5])
def test_only_four_bytes_are_a_flag(ns, observe, size):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.inq = True
        with refused(errno.EINVAL):
            right.set(SO_INQ.through(raw(size)), bytes(size))
        left.send(b"he")
        left.send(b"llo")

        assert observe("left", [int(one) for one in control_messages(right, Inq, size=2)]) == [3]


@claim(
    "defacto/SO_ATTACH_FILTER/optlen",
    says="Attaching a classic program to a UDP socket over IPv4 with fewer or more bytes than a struct "
    "sock_fprog has, or with none, is refused with EINVAL, and the one that it has stays.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("size", [0, 3, 15, 17])
def test_a_program_has_a_size(ns, observe, size):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.attach_filter = THREE_BYTES
        with room(ONE_BYTE) as where, refused(errno.EINVAL):
            another = (fprog(1, where) + b"\0")[:size]
            receiver.set(SO_ATTACH_FILTER.through(raw(size)), another)
        sender.send(b"hello")

        assert observe("received", receiver.recv(9).decode()) == "hel"


@claim(
    "defacto/SO_DETACH_FILTER/optlen",
    says="Detaching the program of a UDP socket over IPv4 with fewer than four bytes, or none, is refused "
    "with EINVAL, and it stays; with five it is detached.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@FEWER
def test_detaching_takes_four_bytes(ns, observe, size):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.attach_filter = THREE_BYTES
        with refused(errno.EINVAL):
            receiver.set(SO_DETACH_FILTER.through(raw(size)), bytes(size))
        sender.send(b"hello")
        seen = [receiver.recv(9).decode()]
        receiver.set(SO_DETACH_FILTER.through(raw(5)), bytes(5))
        sender.send(b"hello")
        seen.append(receiver.recv(9).decode())

        assert observe("before_and_after", seen) == ["hel", "hello"]
