"""dup(2), dup2(2) and dup3(2) of sockets: two descriptors of one socket."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
from collections.abc import Callable
from socket import SOCK_DGRAM, SOCK_SEQPACKET

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import (
    answer,
    duplicate,
    duplicate_to,
    duplicate_with_flags,
    flags_of,
)
from conformance.plugin.setups.descriptors import limit_files
from conformance.plugin.setups.interruptions import interrupting
from conformance.plugin.setups.pairs import fill_buffer, slow_reader
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import LONG, SOON
from libsocket import Linger, Socket
from netns import in_child

OUT_OF_THE_WAY = min(200, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1)
"""A descriptor from here on is not handed out to whoever opens something meanwhile."""

KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "netlink"])
DUPLICATE_TO = pytest.mark.parametrize(
    "to",
    [duplicate_to, lambda old, new: duplicate_with_flags(old, new, os.O_CLOEXEC)],
    ids=["dup2", "dup3"],
)


def another_descriptor(sock: Socket) -> int:
    return fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)


@claim(
    "dup.2/dup/one-socket",
    sentence=("dup.2/dup/same-description", "dup.2/dup/interchangeable", "dup.2/return/value"),
    section="DESCRIPTION",
    says="An option that is set by one descriptor of a TCP, UDP, UNIX or netlink socket is read by the one "
    "that dup gave, and one set by that by the first.",
)
@KINDS
def test_options_are_those_of_both(ns, observe, kind):
    with SOCKETS[kind]() as sock, Socket.from_fd(duplicate(sock.fileno())) as again:
        before = [sock.rcvlowat, again.rcvlowat, sock.oobinline, again.oobinline]
        sock.oobinline = True
        again.rcvlowat = 7

        after = [sock.rcvlowat, again.rcvlowat, sock.oobinline, again.oobinline]
        assert observe("before_and_after", [before, after]) == [[1, 1, False, False], [7, 7, True, True]]


@claim(
    "dup.2/dup/nonblocking-shared",
    sentence="dup.2/dup/status-flags",
    section="DESCRIPTION",
    says="O_NONBLOCK and O_ASYNC that are set by one descriptor of a UDP, UNIX datagram or netlink socket "
    "are also those of the one that dup gave before, by which a receive fails with EAGAIN; so are they "
    "cleared.",
)
@pytest.mark.parametrize("kind", ["udp", "unix-datagram", "netlink"])
def test_status_flags_are_shared(ns, observe, kind):
    with SOCKETS[kind]() as sock, Socket.from_fd(duplicate(sock.fileno())) as again:
        fcntl.fcntl(sock, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        seen = [file_flags(again)]
        with refused(errno.EAGAIN):
            os.read(again.fileno(), 9)
        fcntl.fcntl(again, fcntl.F_SETFL, 0)
        seen.append(file_flags(sock))

        assert observe("set_and_cleared", seen) == [os.O_NONBLOCK | os.O_ASYNC, 0]


def file_flags(sock: Socket) -> int:
    """O_NONBLOCK and O_ASYNC, where a descriptor's description has them."""
    return int(fcntl.fcntl(sock, fcntl.F_GETFL)) & (os.O_NONBLOCK | os.O_ASYNC)


@claim(
    "dup.2/dup/close-on-exec-not-shared",
    sentence=("dup.2/dup/descriptor-flags", "dup.2/dup/close-on-exec"),
    section="DESCRIPTION",
    says="dup gives a descriptor of a socket without FD_CLOEXEC, though the other has it; setting it on the "
    "new one and clearing it on the old does not change the other.",
)
@KINDS
def test_descriptor_flags_are_not_shared(ns, observe, kind):
    with SOCKETS[kind]() as sock, Socket.from_fd(duplicate(sock.fileno())) as again:
        new = [flags_of(sock.fileno())[1], flags_of(again.fileno())[1]]
        fcntl.fcntl(again.fileno(), fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        fcntl.fcntl(sock.fileno(), fcntl.F_SETFD, 0)

        changed = [flags_of(sock.fileno())[1], flags_of(again.fileno())[1]]
        assert observe("new_and_changed", [new, changed]) == [[True, False], [False, True]]


@claim(
    "dup.2/dup/lowest",
    sentence=("dup.2/dup/lowest", "socket.2/socket/lowest-descriptor", "close.2/close/descriptor-gone"),
    section="DESCRIPTION",
    says="socket, and dup of a socket, give the lowest number that is not open: those that were closed, in "
    "order, and then the next.",
    survives={"*": "the calls of a child are not looked at"},
)
def test_the_lowest_number_is_given(ns, observe):
    assert observe("places", in_child(places_of_new_descriptors)) == [1, 3, 4]


def places_of_new_descriptors() -> list[int]:
    """Of five descriptors in order the second and the fourth are closed; which of them are given again."""
    opened = sorted(os.dup(0) for _ in range(4))
    os.close(opened[1])
    os.close(opened[3])
    first = Socket.udp()
    later = [duplicate(first.fileno()), duplicate(first.fileno())]
    places = [*opened, opened[3] + 1]
    return [places.index(number) for number in (first.fileno(), *later)]


@claim(
    "dup.2/dup2/closes-the-other",
    sentence=("dup.2/dup2/closes", "dup.2/dup2/adjusted", "dup.2/dup2/same-task", "dup.2/return/value"),
    section="dup2()",
    says="dup2 to the only descriptor of a connected TCP, UNIX stream or seqpacket socket closes it, as its "
    "peer sees by the end of the stream; the number is another socket's then.",
)
@pytest.mark.parametrize(
    "pair",
    [Socket.tcp_pair, Socket.pair, lambda: Socket.pair(SOCK_SEQPACKET)],
    ids=["tcp", "unix", "unix-seqpacket"],
)
def test_what_the_number_was_is_closed(ns, observe, pair):
    left, right = pair()
    with left, right, Socket.udp() as other:
        right.rcvtimeo = SOON
        number = another_descriptor(left)
        left.close()
        os.write(number, b"last")
        given = duplicate_to(other.fileno(), number)
        with Socket.from_fd(number) as again:
            other.rcvlowat = 7
            received = [right.recv(9).decode(), right.recv(9).decode()]

            assert [given == number, observe("received_and_shared", [*received, again.rcvlowat])] == [
                True,
                ["last", "", 7],
            ]


@claim(
    "dup.2/dup2/invalid-old",
    sentence=("dup.2/dup2/invalid-old", "dup.2/EBADF/old"),
    section="dup2()",
    says="dup2 of a descriptor that was closed, or of -1, to one of a connected UNIX socket fails with "
    "EBADF, and the connection stays.",
    survives={"no-op: close(*": "for the negative number nothing needs to be closed"},
)
@pytest.mark.parametrize("number", [None, -1], ids=["closed", "negative"])
def test_without_an_old_one_nothing_is_closed(ns, observe, number):
    left, right = Socket.pair()
    with left, right, Socket.udp() as closed:
        old = another_descriptor(closed)
        os.close(old)
        with refused(errno.EBADF):
            duplicate_to(old if number is None else number, left.fileno())
        left.send(b"hello")

        assert observe("received", right.recv(9).decode()) == "hello"


@claim(
    "dup.2/dup2/same-number",
    sentence="dup.2/dup2/same-number",
    section="dup2()",
    says="dup2 of a socket's descriptor to itself returns it and does nothing: FD_CLOEXEC stays set, where "
    "dup2 to another number clears it.",
    survives={"*": "the answers of dup2 and of F_GETFD are not changed"},
)
def test_the_same_number_stays_as_it_is(ns, observe):
    with Socket.udp() as sock:
        number = another_descriptor(sock)
        given = duplicate_to(number, number)
        flags = [flags_of(number)[1]]
        duplicate_to(sock.fileno(), number)
        flags.append(flags_of(number)[1])
        os.close(number)

        assert [given == number, observe("close_on_exec", flags)] == [True, [True, False]]


@claim(
    "dup.2/dup3/close-on-exec",
    sentence=("dup.2/dup3/O_CLOEXEC", "dup.2/dup3/same-as-dup2"),
    section="dup3()",
    says="dup3 of a socket with O_CLOEXEC gives a descriptor of it with FD_CLOEXEC, and with 0 one without.",
    since="2.6.27",
    survives={"no-op: fcntl(F_SETFD*": "dup3 decides alone, whatever the number had before"},
)
@pytest.mark.parametrize("flag", [0, os.O_CLOEXEC], ids=["none", "close-on-exec"])
def test_the_flag_is_set(ns, observe, flag):
    with Socket.udp() as sock:
        number = another_descriptor(sock)
        fcntl.fcntl(number, fcntl.F_SETFD, 0 if flag else fcntl.FD_CLOEXEC)
        duplicate_with_flags(sock.fileno(), number, flag)
        with Socket.from_fd(number) as again:
            again.rcvlowat = 7

            seen = [flags_of(number)[1], sock.rcvlowat]
            assert observe("close_on_exec_and_shared", seen) == [bool(flag), 7]


@claim(
    "dup.2/EINVAL/same-number",
    sentence=("dup.2/EINVAL/same", "dup.2/dup3/same-number"),
    section="ERRORS",
    says="dup3 of a socket's descriptor to itself fails with EINVAL, with O_CLOEXEC and without; to another "
    "number it does not.",
    since="2.6.27",
)
@pytest.mark.parametrize("flag", [0, os.O_CLOEXEC], ids=["none", "close-on-exec"])
def test_dup3_refuses_the_same_number(ns, observe, flag):
    with Socket.udp() as sock:
        number = another_descriptor(sock)
        with refused(errno.EINVAL):
            duplicate_with_flags(number, number, flag)
        given = duplicate_with_flags(sock.fileno(), number, flag)
        os.close(number)

        assert observe("to_another", given == number) is True


@claim(
    "dup.2/EINVAL/flags",
    sentence="dup.2/EINVAL/flags",
    section="ERRORS",
    says="dup3 of a socket fails with EINVAL for O_NONBLOCK, O_APPEND, 1 or -1 as flags.",
    since="2.6.27",
)
@pytest.mark.parametrize("flags", [os.O_NONBLOCK, os.O_APPEND, 1, -1])
def test_other_flags_are_refused(ns, observe, flags):
    with Socket.udp() as sock:
        number = another_descriptor(sock)
        with refused(errno.EINVAL):
            duplicate_with_flags(sock.fileno(), number, flags)
        given = duplicate_with_flags(sock.fileno(), number, os.O_CLOEXEC)
        os.close(number)

        assert observe("with_close_on_exec", given == number) is True


@claim(
    "dup.2/EBADF/new-out-of-range",
    sentence=("dup.2/EBADF/new", "dup.2/NOTES/F_DUPFD"),
    section="ERRORS",
    says="dup2 and dup3 of a socket to RLIMIT_NOFILE or to -1 fail with EBADF, and F_DUPFD from there on "
    "with EINVAL; to one below the limit they succeed.",
)
@DUPLICATE_TO
def test_a_number_must_be_in_range(ns, observe, to):
    assert observe("answers", in_child(lambda: answers_at_the_limit(to))) == [
        "EBADF",
        "EBADF",
        "EINVAL",
        "done",
    ]


def answers_at_the_limit(to: Callable[[int, int], int]) -> list[str]:
    limit = 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with Socket.udp() as sock:
        old = sock.fileno()
        return [
            answer(lambda: to(old, limit)),
            answer(lambda: to(old, -1)),
            answer(lambda: fcntl.fcntl(old, fcntl.F_DUPFD, limit)),
            "done" if to(old, limit - 1) == limit - 1 else "another number",
        ]


@claim(
    "dup.2/EBADF/closed",
    sentence="dup.2/EBADF/old",
    section="ERRORS",
    says="dup of a socket's descriptor that was closed, or of -1, fails with EBADF.",
    survives={"no-op: close() = 0": "for -1 nothing needs to be closed"},
)
@pytest.mark.parametrize("number", [None, -1], ids=["closed", "negative"])
def test_what_is_closed_has_no_duplicate(ns, observe, number):
    with Socket.udp() as sock:
        closed = another_descriptor(sock)
        os.close(closed)
        with refused(errno.EBADF):
            duplicate(closed if number is None else number)
        with Socket.from_fd(duplicate(sock.fileno())) as again:
            sock.rcvlowat = 7

            assert observe("open", again.rcvlowat) == 7


@claim(
    "dup.2/EINTR/lingering",
    sentence="dup.2/EINTR/signal",
    section="ERRORS",
    says="dup2 or dup3 to the only descriptor of a TCP socket whose close waits by SO_LINGER for data to be "
    "acknowledged, and that a signal with a handler interrupts, fails with EINTR.",
    expect=differs(
        "it ends its waiting and succeeds (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "type": SOCK_DGRAM},
    ),
)
@DUPLICATE_TO
def test_an_interrupted_duplication_fails(ns, observe, to):
    with (
        slow_reader() as (sender, _),
        Socket.udp() as other,
        interrupting(restart=False),
        signalled(signal.SIGUSR1) as came,
    ):
        fill_buffer(sender)
        sender.linger = Linger(True, LONG)
        number = another_descriptor(sender)
        sender.close()
        before = len(came)
        with refused(errno.EINTR):
            to(other.fileno(), number)
            with Socket.from_fd(number) as again:
                observe("type", again.so_type)
            # Where a kernel closes as it leaves the call the signal is delivered in the next one.
            assert len(came) > before, "it did not wait, or no signal would hit it"


@claim(
    "dup.2/EMFILE/limit",
    sentence=("dup.2/EMFILE/limit", "socket.2/EMFILE/limit"),
    section="ERRORS",
    says="socket and dup of a socket fail with EMFILE where the process has as many descriptors as "
    "RLIMIT_NOFILE; with one less they succeed.",
)
def test_there_is_a_limit(ns, observe):
    assert observe("answers", in_child(opened_at_the_limit)) == ["made", "EMFILE", "EMFILE", "made", "EMFILE"]


def opened_at_the_limit() -> list[str]:
    limit_files(2)
    sock = Socket.udp()
    spare = os.dup(0)
    full = [answer(Socket.udp), answer(lambda: duplicate(sock.fileno()))]
    os.close(spare)
    return ["made", *full, "made" if duplicate(sock.fileno()) == spare else "another", answer(Socket.udp)]
