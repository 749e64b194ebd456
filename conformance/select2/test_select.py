"""select(2) and pselect(2) with sockets."""

from __future__ import annotations

import errno
import os
import socket
from socket import IPPROTO_UDP, MSG_DONTWAIT

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import ended, fill
from conformance.plugin.setups.datagrams import with_wrong_checksum
from conformance.plugin.setups.pairs import AWAITED, await_those_before, fill_buffer, udp_pair
from conformance.plugin.setups.selects import (
    PATIENT,
    Numbered,
    Sets,
    above_all_open,
    at_number,
    lessened_when_interrupted,
    masked,
    select,
    selected_while_closed,
    within_limit,
)
from conformance.plugin.setups.states import connected, in_state
from conformance.plugin.setups.threads import delayed
from conformance.plugin.setups.udp import udp_receiver
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability, in_child

KINDS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "unix", "unix-seqpacket", "unix-datagram"])
STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
MUCH = 10_000_000
FAR = 60_000
"""A descriptor for which no process here has room."""
ONE_END_WRITES = {"no-op: connect*": "an end that only receives needs no peer"}


@claim(
    "select.2/readfds/data",
    sentence=(
        "select.2/select/waits",
        "select.2/readfds/ready",
        "select.2/readfds/cleared",
        "select.2/sets/modified",
    ),
    section="Arguments",
    says="After select(2) readfds has of two TCP, UDP or UNIX sockets only the one for which data have "
    "come, and the number returned is 1.",
    survives=ONE_END_WRITES,
)
@KINDS
def test_those_with_data_are_left(ns, observe, kind):
    with in_state(kind, "data") as full, connected(kind) as (empty, _):
        found = select([empty, full])

        assert observe("number_and_sets", [found.number, found.sets]) == [1, [[1], [], []]]


@claim(
    "select.2/select/ready",
    sentence="select.2/select/ready",
    section="DESCRIPTION",
    says="From a TCP, UDP or UNIX socket that select(2) leaves in readfds a receive takes what has come "
    "without waiting; from one that it takes away a receive with MSG_DONTWAIT fails with EAGAIN.",
    survives=ONE_END_WRITES,
)
@KINDS
def test_what_is_ready_does_not_wait(ns, observe, kind):
    with in_state(kind, "data") as full, connected(kind) as (empty, _):
        found = select([empty, full])
        with refused(errno.EAGAIN):
            empty.recv(100, MSG_DONTWAIT)

        assert observe("sets_and_size", [found.sets, len(full.recv(100, MSG_DONTWAIT))]) == [
            [[1], [], []],
            20,
        ]


@claim(
    "select.2/select/ready-to-write",
    sentence="select.2/select/ready",
    section="DESCRIPTION",
    says="To a TCP or UNIX stream or seqpacket socket that select(2) leaves in writefds a byte is sent "
    "without waiting; to one that it takes away, since its buffer is full, none is with MSG_DONTWAIT: it "
    "fails with EAGAIN.",
    survives={'no-op: sendto("x"*': "of what fills a buffer the next takes its place"},
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_a_small_write_does_not_wait(ns, observe, kind):
    with connected(kind) as (full, _), connected(kind) as (empty, peer):
        peer.rcvtimeo = SOON
        ready = select([], [empty]).number
        empty.send(b"y", MSG_DONTWAIT)
        received = peer.recv(9).decode()
        fill(full)
        with refused(errno.EAGAIN):
            full.send(b"x", MSG_DONTWAIT)

        assert observe("ready_received_full", [ready, received, select([], [full]).number]) == [1, "y", 0]


@claim(
    "select.2/sets/null",
    sentence="select.2/sets/null",
    section="File descriptor sets",
    says="Each of the three sets of select(2) may be a null pointer: of a TCP socket that has data and room "
    "the others say it, and all three say nothing.",
)
def test_sets_that_are_missing(ns, observe):
    with in_state("tcp", "data") as sock:
        found = [
            select([sock], None, None)[:2],
            select(None, [sock], None)[:2],
            select(None, None, [sock])[:2],
            select([sock], [sock], None)[:2],
            select(None, None, None)[:2],
        ]

        assert observe("numbers_and_sets", found) == [
            (1, [[0], [], []]),
            (1, [[], [0], []]),
            (0, [[], [], []]),
            (2, [[0], [0], []]),
            (0, [[], [], []]),
        ]


@claim(
    "select.2/readfds/end-of-file",
    sentence="select.2/readfds/end-of-file",
    section="Arguments",
    says="readfds has a TCP or UNIX stream or seqpacket socket whose peer has shut down sending, and not "
    "one that waits for data.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_the_end_is_readable(ns, observe, kind):
    with in_state(kind, "peer-shut-wr") as over, connected(kind) as (empty, _):
        found = select([empty, over])

        assert observe("number_and_sets", [found.number, found.sets]) == [1, [[1], [], []]]


@claim(
    "select.2/readfds/connection",
    sentence="select.2/readfds/ready",
    section="Arguments",
    says="readfds has a TCP or UNIX stream or seqpacket listener to which somebody has connected, from "
    "which accept(2) does not wait, and not one to which nobody has.",
    survives={"no-op: listen*": "a socket that does not listen has no connection"},
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_a_connection_is_readable(ns, observe, kind):
    with (
        in_state(kind, "listening-connection-waiting") as waiting,
        in_state(kind, "listening") as listener,
        in_state(kind, "listening-connection-taken") as taken,
    ):
        found = select([listener, waiting, taken])

        assert observe("number_and_sets", [found.number, found.sets]) == [1, [[1], [], []]]


@claim(
    "select.2/writefds/room",
    sentence=("select.2/writefds/ready", "select.2/writefds/cleared"),
    section="Arguments",
    says="writefds has a TCP or UNIX stream or seqpacket socket that has room, and not one whose buffer is "
    "full.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_those_with_room_are_left(ns, observe, kind):
    with connected(kind) as (full, _), connected(kind) as (empty, _):
        fill_buffer(full)
        found = select([], [full, empty])

        assert observe("number_and_sets", [found.number, found.sets]) == [1, [[], [1], []]]


@claim(
    "select.2/writefds/large",
    sentence="select.2/writefds/large",
    section="Arguments",
    says="A send of ten megabytes to a TCP or UNIX stream socket that select(2) has in writefds waits: with "
    "SO_SNDTIMEO it sends a part when that is over.",
)
@STREAMS
def test_a_large_write_waits(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        found = select([], [sock])
        sock.sndtimeo = 0.03
        with timed() as took:
            sent = sock.send(bytes(MUCH))
        sock.close()

        assert observe("sets_waited_part", [found.sets, took.lasted(0.03), 0 < sent < MUCH]) == [
            [[], [0], []],
            True,
            True,
        ]
        assert observe("lost", sent - len(peer.read_to_end())) == 0


@claim(
    "select.2/writefds/unconnected-datagram",
    sentence="select.2/writefds/ready",
    section="Arguments",
    says="writefds has a UNIX datagram socket that is not connected no more than one that is, where a send "
    "of a byte to another socket blocks, since that one has as many datagrams as it may.",
    expect=differs(
        "only of its own peer is it known whether it has room; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"sets": [[], [1], []]},
    ),
)
def test_a_datagram_socket_without_a_peer(ns, observe):
    with in_state("unix-datagram", "receiver-full") as full, Socket.unix(socket.SOCK_DGRAM) as sender:
        with refused(errno.EAGAIN):
            sender.sendto(b"x", MSG_DONTWAIT, full.getpeername())

        assert observe("sets", select([], [full, sender]).sets) == [[], [], []]


@claim(
    "select.2/exceptfds/urgent",
    sentence=("select.2/exceptfds/conditions", "select.2/exceptfds/cleared"),
    section="Arguments",
    says="exceptfds has a TCP socket, over IPv4 and IPv6, for which an urgent byte has come, and not one "
    "for which other data have.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_an_urgent_byte_is_exceptional(ns, observe, kind):
    with connected(kind) as (sock, peer), in_state(kind, "data") as other:
        peer.send(b"!", socket.MSG_OOB)
        await_urgent(sock)
        found = select([], [], [sock, other])

        assert observe("number_and_sets", [found.number, found.sets]) == [1, [[], [], [0]]]


@claim(
    "select.2/RETURN-VALUE/bits",
    sentence=("select.2/RETURN-VALUE/number", "select.2/sets/classes"),
    section="RETURN VALUE",
    says="What select(2) returns is the number of bits in all sets: 2 for one UNIX stream or TCP socket "
    "that is readable and writable, 1 for one that is only writable.",
)
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_socket_counts_in_each_set(ns, observe, kind):
    with in_state(kind, "data") as full, connected(kind) as (empty, _):
        found = [select([one], [one], [one])[:2] for one in (full, empty)]

        assert observe("numbers_and_sets", found) == [(2, [[0], [0], []]), (1, [[], [0], []])]


@claim(
    "select.2/RETURN-VALUE/timeout",
    sentence=("select.2/RETURN-VALUE/zero", "select.2/timeout/until"),
    section="RETURN VALUE",
    says="Where nothing comes to a UDP socket select(2) waits for its timeout, 30 milliseconds, returns 0, "
    "and has emptied the sets.",
)
def test_the_timeout_is_over(ns, observe):
    with Socket.udp() as sock:
        with timed() as took:
            found = select([sock], timeout=(0, 30_000))

        assert observe("waited_number_sets", [took.lasted(0.03), found.number, found.sets]) == [
            True,
            0,
            [[], [], []],
        ]


@claim(
    "select.2/timeout/zero",
    sentence="select.2/timeout/zero",
    section="Arguments",
    says="With a timeout of zero select(2) returns 0 at once where a UDP socket has nothing, and leaves the "
    "timeout at zero.",
)
def test_a_timeout_of_zero(ns, observe):
    with Socket.udp() as sock:
        found = select([sock], timeout=(0, 0))

        assert observe("found", found) == (0, [[], [], []], 0)


@claim(
    "select.2/timeout/null",
    sentence=("select.2/timeout/null", "select.2/timeout/until"),
    section="Arguments",
    says="Without a timeout select(2) waits for a UDP, TCP or UNIX socket until data come that another "
    "thread sends, and has it in readfds then.",
    survives=ONE_END_WRITES,
)
@KINDS
def test_without_a_timeout(ns, observe, kind):
    with connected(kind) as (sock, peer):
        before = select([sock]).number
        with delayed(lambda: peer.send(b"x"), 0.01) as sent:
            found = select([sock], timeout=None)

        assert observe("before_sent_sets", [before, sent.is_set(), found.sets]) == [0, True, [[0], [], []]]


@claim(
    "select.2/timeout/left",
    sentence=("select.2/timeout/not-slept", "select.2/pselect/timeout"),
    section="The timeout",
    says="select(2) takes from its timeout the time that it waited: all where nothing comes to a UNIX "
    "stream socket, and some of 30 seconds, but not all, where data come, or were there before.",
)
def test_what_is_left_of_the_timeout(ns, observe):
    with connected("unix") as (sock, peer):
        over = select([sock], timeout=(0, 30_000)).seconds_left
        with delayed(lambda: peer.send(b"x"), 0.03):
            waited = select([sock], timeout=(PATIENT, 0)).seconds_left
        at_once = select([sock], timeout=(PATIENT, 0)).seconds_left

        left = [over, 0 < waited < PATIENT, 0 < at_once < PATIENT]
        assert observe("left", left) == [0, True, True]


@claim(
    "select.2/timeout/left-when-interrupted",
    sentence="select.2/BUGS/timeout-interrupted",
    section="BUGS",
    says="select(2) on a UNIX stream socket, with a timeout of 30 seconds, and the system call pselect6 "
    "change the timeout to what is left where a handler interrupts them and they fail with EINTR, too.",
    survives={"*": "the calls of a child are not looked at"},
)
@pytest.mark.parametrize("call", ["select", "pselect6"])
def test_what_is_left_after_a_signal(ns, observe, call):
    with connected("unix") as (sock, _):
        lessened = ended(lambda: lessened_when_interrupted(sock, call), int, "handler")

        assert observe("lessened", lessened) == "1"


@claim(
    "select.2/EBADF/closed",
    sentence="select.2/EBADF/invalid",
    section="ERRORS",
    says="select(2) fails with EBADF where one of the descriptors, beside a TCP socket that is ready, is "
    "closed; without it it succeeds.",
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_closed_descriptor(ns, observe, place):
    with in_state("tcp", "data") as full, Socket.tcp() as closed:
        number = os.dup(closed.fileno())
        os.close(number)
        sets = [[full], [full], [full]]
        sets[place].append(Numbered(number))
        with refused(errno.EBADF):
            select(*sets)

        assert observe("number", select([full], [full], [full]).number) == 2


@claim(
    "select.2/EBADF/sets-kept",
    sentence="select.2/RETURN-VALUE/error",
    section="RETURN VALUE",
    says="Where select(2) fails with EBADF the sets are as they were before, with a TCP socket that is not "
    "ready in each; where it succeeds they are emptied.",
)
def test_the_sets_are_kept(ns, observe):
    with in_state("tcp", "listening") as idle:
        number = os.dup(idle.fileno())
        os.close(number)
        sets = Sets([idle, Numbered(number)], [idle], [idle])
        with refused(errno.EBADF):
            sets.select()

        found = [sets.left, select([idle], [idle], [idle]).sets]
        assert observe("sets_of_both", found) == [[[0, 1], [0], [0]], [[], [], []]]


@claim(
    "select.2/EBADF/error-occurred",
    sentence="select.2/EBADF/error",
    section="ERRORS",
    says="select(2) fails with EBADF where an error has occurred on a descriptor, a TCP socket that its "
    "peer has reset.",
    expect=differs(
        "it is ready to read and to write; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None},
    ),
)
def test_an_error_has_occurred(ns, observe):
    with in_state("tcp", "reset") as sock, refused(errno.EBADF):
        observe("sets", select([sock], [sock], [sock]).sets)


@claim(
    "select.2/EBADF/above-all-open",
    sentence="select.2/BUGS/beyond",
    section="BUGS",
    says="select(2) ignores a descriptor that was closed and is greater than all that are open, 1100, "
    "beside a TCP socket with data.",
    expect=differs(
        "it ignores what is beyond the table of descriptors, which does not shrink when they are closed, and "
        "fails with EBADF within; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno_and_sets": ["EBADF", [[0, 1], [], []]]},
    ),
)
def test_what_was_open_above_all(ns, observe):
    with in_state("tcp", "data") as full:
        found = in_child(lambda: above_all_open(full, 1100))

        assert observe("errno_and_sets", found) == [None, [[0], [], []]]


@claim(
    "select.2/readfds/beyond",
    sentence="select.2/BUGS/beyond",
    section="BUGS",
    says="select(2) ignores a descriptor that is not open and far beyond all that are, 60000, beside a TCP "
    "socket with data: it does not fail with EBADF, and counts only the socket.",
)
def test_what_is_beyond_all_open(ns, observe):
    with in_state("tcp", "data") as full, connected("tcp") as (empty, _):
        numbers = [select([one, Numbered(FAR)]).number for one in (full, empty)]

        assert observe("numbers", numbers) == [1, 0]


@claim(
    "select.2/readfds/beyond-cleared",
    sentence="select.2/readfds/cleared",
    section="Arguments",
    says="After select(2) readfds does not have a descriptor that is not open and far beyond all that are, "
    "60000, beside a TCP socket with data.",
    expect=differs(
        "it stays in the set, as if it were ready; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"number_and_sets": [1, [[0, 1], [], []]]},
    ),
)
def test_what_is_beyond_all_open_stays(ns, observe):
    with in_state("tcp", "data") as full:
        found = select([full, Numbered(FAR)])

        assert observe("number_and_sets", [found.number, found.sets]) == [1, [[0], [], []]]


@claim(
    "select.2/EINVAL/nfds",
    sentence="select.2/EINVAL/nfds",
    section="ERRORS",
    says="select(2) fails with EINVAL where nfds is -1; with 0 it looks at no descriptor, though a TCP "
    "socket in readfds has data.",
)
def test_a_negative_nfds(ns, observe):
    with in_state("tcp", "data") as full:
        with refused(errno.EINVAL):
            select([full], nfds=-1)

        assert observe("numbers", [select([full], nfds=0).number, select([full]).number]) == [0, 1]


@claim(
    "select.2/nfds/up-to",
    sentence="select.2/nfds/limit",
    section="Arguments",
    says="select(2) looks at a descriptor, a TCP socket with data and room, where nfds is one more than it, "
    "and not where nfds is the descriptor itself.",
)
@pytest.mark.parametrize(("more", "number"), [(0, 0), (1, 2)])
def test_those_below_nfds(ns, observe, more, number):
    with in_state("tcp", "data") as full:
        assert observe("number", select([full], [full], nfds=full.fileno() + more).number) == number


@claim(
    "select.2/EINVAL/nfds-limit",
    sentence="select.2/EINVAL/nfds",
    section="ERRORS",
    says="select(2) of a TCP socket with data fails with EINVAL where nfds is more than RLIMIT_NOFILE.",
    expect=differs(
        "nfds is cut to the size of the table of descriptors, and the limit is not looked at; older than the "
        "history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None},
    ),
)
def test_nfds_beyond_the_limit(ns, observe):
    with in_state("tcp", "data") as full:
        with refused(errno.EINVAL):
            in_child(lambda: within_limit(full, 256, 257))

        assert observe("number", in_child(lambda: within_limit(full, 256, 256))) == 1


@claim(
    "select.2/EINVAL/timeout",
    sentence="select.2/EINVAL/timeout",
    section="ERRORS",
    says="select(2) of a UDP socket fails with EINVAL where the seconds of its timeout are negative, or the "
    "microseconds are; without that it succeeds.",
    survives=ONE_END_WRITES,
)
@pytest.mark.parametrize("timeout", [(-1, 0), (0, -1)])
def test_a_negative_timeout(ns, observe, timeout):
    with in_state("udp", "data") as full:
        with refused(errno.EINVAL):
            select([full], timeout=timeout)

        assert observe("number", select([full], timeout=(0, 0)).number) == 1


@claim(
    "select.2/EINVAL/pselect-timeout",
    sentence=("select.2/EINVAL/timeout", "select.2/pselect/precision"),
    section="ERRORS",
    says="pselect(2) of a UDP socket fails with EINVAL where the seconds of its timeout are negative, or "
    "the nanoseconds are, or these are 1,000,000,000; with 999,999,999 it succeeds.",
    survives=ONE_END_WRITES,
)
@pytest.mark.parametrize("timeout", [(-1, 0), (0, -1), (0, 1_000_000_000)])
def test_a_wrong_timeout_of_pselect(ns, observe, timeout):
    with in_state("udp", "data") as full:
        with refused(errno.EINVAL):
            Sets([full]).pselect(timeout)

        assert observe("number", Sets([full]).pselect((0, 999_999_999)).number) == 1


@claim(
    "defacto/select/many-microseconds",
    says="select(2) of a UDP socket takes no seconds and 30,000,000 microseconds for a timeout of 30 "
    "seconds.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END_WRITES,
)
def test_more_microseconds_than_a_second_has(ns, observe):
    with in_state("udp", "data") as full:
        found = select([full], timeout=(0, PATIENT * 1_000_000))

        assert observe("number_and_some_left", [found.number, 1 < found.seconds_left < PATIENT]) == [1, True]


@claim(
    "select.2/O_NONBLOCK/waits",
    sentence="select.2/NOTES/O_NONBLOCK",
    section="NOTES",
    says="select(2) waits 30 milliseconds for a UDP socket that does not block, too, and returns 0.",
)
def test_a_socket_that_does_not_block(ns, observe):
    with Socket.udp() as sock:
        sock.nonblocking = True
        with timed() as took:
            found = select([sock], timeout=(0, 30_000))
        with refused(errno.EAGAIN):
            sock.recv(1)

        assert observe("waited_and_number", [took.lasted(0.03), found.number]) == [True, 0]


@claim(
    "select.2/O_NONBLOCK/wrong-checksum",
    sentence="select.2/NOTES/O_NONBLOCK",
    section="NOTES",
    says="select(2) says the same of a UDP socket over IPv4 to which a datagram of 200 bytes with a wrong "
    "checksum has come with O_NONBLOCK, and then without.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "of a socket that blocks it looks at the checksum, and drops the datagram, so that none is ready; "
        "older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"with_and_without": [[0], []]},
    ),
    survives=AWAITED,
)
def test_a_wrong_checksum(ns, observe):
    with udp_receiver() as sock, Socket.raw(IPPROTO_UDP) as sender:
        damaged = with_wrong_checksum(("127.0.0.1", 9), sock.getsockname(), bytes(200))
        sender.sendto(bytes(damaged), ("127.0.0.1", 0))
        await_those_before(udp_pair)
        sock.nonblocking = True
        found = [select([sock]).sets[0]]
        sock.nonblocking = False
        found.append(select([sock]).sets[0])

        assert observe("with_and_without", found) == [[0], [0]]


@claim(
    "select.2/BUGS/spurious",
    sentence="select.2/BUGS/spurious",
    section="BUGS",
    says="select(2) says that a UDP socket over IPv4 with O_NONBLOCK is ready to read where only a datagram "
    "of 200 bytes with a wrong checksum has come, which a receive does not take: it fails with EAGAIN.",
    needs=[Capability.NET_RAW],
    survives=AWAITED,
)
def test_ready_and_nothing_to_read(ns, observe):
    with udp_receiver() as sock, Socket.raw(IPPROTO_UDP) as sender:
        sock.nonblocking = True
        damaged = with_wrong_checksum(("127.0.0.1", 9), sock.getsockname(), bytes(200))
        sender.sendto(bytes(damaged), ("127.0.0.1", 0))
        await_those_before(udp_pair)
        found = [select([sock]).sets]
        with refused(errno.EAGAIN):
            sock.recv(9)
        found.append(select([sock]).sets)

        assert observe("before_and_after", found) == [[[0], [], []], [[], [], []]]


@claim(
    "select.2/closed-in-thread/no-effect",
    sentence="select.2/NOTES/closed-in-thread",
    section="Multithreaded applications",
    says="Where another thread closes the descriptor of a UNIX stream socket for which select(2) waits, "
    "that has no effect: it waits on, and returns 0 when its timeout is over.",
    expect=differs(
        "it waits on, but when it looks again the descriptor is said to be ready",
        since="5.17",
        commit="68514dacf271",
        backports=("5.10.95", "5.15.18", "5.16.4"),
        observed={"closed_number_in_set": [True, 1, True]},
    ),
)
def test_another_thread_closes_the_descriptor(ns, observe):
    with connected("unix") as (sock, _):
        assert observe("closed_number_in_set", selected_while_closed(sock)) == [True, 0, False]


@claim(
    "select.2/kernel/larger-sets",
    sentence=("select.2/kernel/arbitrary-size", "select.2/BUGS/no-limit"),
    section="C library/kernel differences",
    says="The kernel takes sets of any size: it finds a TCP socket with data whose descriptor is 1500, "
    "beyond FD_SETSIZE.",
)
def test_a_descriptor_beyond_fd_setsize(ns, observe):
    with in_state("tcp", "data") as full, connected("tcp") as (empty, _):
        found = in_child(lambda: [at_number(one, 1500) for one in (full, empty)])

        assert observe("numbers", found) == [1, 0]


@claim(
    "select.2/pselect/mask",
    sentence=(
        "select.2/pselect/waits",
        "select.2/pselect/sigmask",
        "select.2/pselect/equivalent",
        "select.2/pselect/race",
        "select.2/kernel/pselect6-mask",
    ),
    section="pselect()",
    says="pselect(2) of a UDP socket, with a mask without a signal that is blocked and pending, lets its "
    "handler run and fails with EINTR; with a mask that blocks it too, it finds what the socket has, and it "
    "is blocked as before then.",
    survives=ONE_END_WRITES,
)
def test_the_mask_of_pselect(ns, observe):
    with in_state("udp", "data") as full, Socket.udp() as empty:
        found = in_child(lambda: masked(full, empty))

        assert observe("blocked_unblocked_after", found) == [1, "EINTR", True]


@claim(
    "select.2/pselect/timeout-kept",
    sentence=("select.2/pselect/timeout", "select.2/kernel/pselect6"),
    section="pselect()",
    says="pselect(2), as the C library has it, leaves its timeout, 30 seconds, as it is where a UNIX stream "
    "socket has data; the system call pselect6 takes from it what has passed.",
)
def test_pselect_keeps_its_timeout(ns, observe):
    with in_state("unix", "data") as full:
        kept = Sets([full]).pselect((PATIENT, 0))
        changed = Sets([full]).pselect6((PATIENT, 0))

        assert observe("kept", kept) == (1, [[0], [], []], PATIENT)
        assert observe("changed", [changed[:2], 0 < changed.seconds_left < PATIENT]) == [
            (1, [[0], [], []]),
            True,
        ]
