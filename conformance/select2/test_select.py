"""select(2) and pselect(2) with sockets."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import fill_buffer
from conformance.plugin.setups.selects import Numbered, at_number, masked, select, within_limit
from conformance.plugin.setups.states import connected, in_state
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.timing import timed
from libsocket import Socket
from netns import in_child

KINDS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "unix", "unix-seqpacket", "unix-datagram"])
ONE_END_WRITES = {"no-op: connect*": "an end that only receives needs no peer"}


@claim(
    "select.2/readfds/data",
    sentence=("select.2/readfds/ready", "select.2/readfds/cleared", "select.2/sets/modified"),
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
    sentence="select.2/RETURN-VALUE/number",
    section="RETURN VALUE",
    says="What select(2) returns is the number of bits in all sets: 2 for one UNIX stream socket that is "
    "readable and writable, 1 for one that is only writable.",
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
    says="With a timeout of zero select(2) returns 0 at once where a UDP socket has nothing, and leaves "
    "the timeout at zero.",
)
def test_a_timeout_of_zero(ns, observe):
    with Socket.udp() as sock:
        found = select([sock], timeout=(0, 0))

        assert observe("found", found) == (0, [[], [], []], 0)


@claim(
    "select.2/timeout/left",
    sentence=("select.2/timeout/not-slept", "select.2/pselect/timeout"),
    section="The timeout",
    says="select(2) takes from its timeout, 30 seconds, what has passed until data of a UNIX stream socket "
    "come that another thread sends; where they are there, less than a second.",
)
def test_what_is_left_of_the_timeout(ns, observe):
    with in_state("unix", "data") as full, connected("unix") as (empty, _):
        at_once = select([full], timeout=(30, 0)).seconds_left
        over = select([empty], timeout=(0, 30_000)).seconds_left

        assert observe("left", [29 < at_once <= 30, over]) == [True, 0]


@claim(
    "select.2/EBADF/closed",
    sentence=("select.2/EBADF/invalid", "select.2/RETURN-VALUE/error"),
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
    "select.2/EINVAL/nfds-limit",
    sentence="select.2/EINVAL/nfds",
    section="ERRORS",
    says="select(2) of a TCP socket with data fails with EINVAL where nfds is more than RLIMIT_NOFILE.",
    survives={"*": "the number that is returned is not that of a call of a socket"},
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
    says="select(2) of a UDP socket fails with EINVAL where the seconds of its timeout are negative, or "
    "the microseconds are.",
)
@pytest.mark.parametrize("timeout", [(-1, 0), (0, -1)])
def test_a_negative_timeout(ns, observe, timeout):
    with in_state("udp", "data") as full:
        with refused(errno.EINVAL):
            select([full], timeout=timeout)

        assert observe("number", select([full], timeout=(0, 0)).number) == 1


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
    "select.2/kernel/larger-sets",
    sentence="select.2/kernel/arbitrary-size",
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
    sentence=("select.2/pselect/sigmask", "select.2/pselect/equivalent"),
    section="pselect()",
    says="pselect(2) of a UDP socket, with a mask without a signal that is blocked and pending, lets its "
    "handler run and fails with EINTR; with a mask that blocks it too, it finds what the socket has, "
    "and it is blocked as before then.",
    survives={"*": "the calls of a child are not looked at"},
)
def test_the_mask_of_pselect(ns, observe):
    with in_state("udp", "data") as full, Socket.udp() as empty:
        found = in_child(lambda: masked(full, empty))

        assert observe("blocked_unblocked_after", found) == [1, "EINTR", True]


@claim(
    "select.2/pselect/precision",
    sentence="select.2/pselect/timeout",
    section="pselect()",
    says="pselect(2), as the C library has it, leaves its timeout, 30 seconds, as it is, where select(2) "
    "may not.",
)
def test_pselect_keeps_its_timeout(ns, observe):
    with in_state("unix", "data") as full:
        found = select([full], timeout=(30, 0), mask=0)

        assert observe("found", found) == (1, [[0], [], []], 30)
