"""epoll_create(2), epoll_ctl(2) and epoll_wait(2): what they refuse, how long they wait, what they share."""

from __future__ import annotations

import errno
import os
import select
from select import EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLPRI, EPOLLRDHUP

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import await_asleep
from conformance.plugin.setups.event_calls import (
    CTL_ADD,
    CTL_DEL,
    CTL_MOD,
    NOWHERE,
    epoll_create,
    epoll_create1,
    epoll_ctl,
    epoll_wait,
    errno_of,
    masked,
    watching,
)
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.pairs import INTERNET_PAIRS, udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import LISTENING, in_state, names
from conformance.plugin.setups.threads import delayed, in_turn
from conformance.plugin.timing import SOON, timed
from libsocket import Fd, Shutdown, Socket
from netns import Child, in_child
from reports.model import Expectation

CALLS = pytest.mark.parametrize("call", ["epoll_wait", "epoll_pwait"])
PWAITS = pytest.mark.parametrize("call", ["epoll_pwait", "epoll_pwait2"])
KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
WAITED = pytest.mark.parametrize("pair", [udp_pair, Socket.pair], ids=["udp", "unix"])
SECONDS = int(SOON)
EDGE = pytest.mark.parametrize("edge", [0, EPOLLET], ids=["level", "edge"])
INTERNET = pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "udp6"])
TCP = pytest.mark.parametrize("kind", ["tcp", "tcp6"])
ONE_END = {"no-op: connect(*": "of the two ends one alone needs a peer here"}
EVENTS = (EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLET, EPOLLONESHOT, EPOLLRDHUP)
CLOSED = 1000
"""A descriptor that nobody has in a test."""
SIX_DEEP = [
    ("2.6.12", "5.15.190"),
    ("5.16", "6.1.149"),
    ("6.2", "6.6.103"),
    ("6.7", "6.12.43"),
    ("6.13", "6.15.11"),
    ("6.16", "6.16.1"),
]
"""The kernels without f2e467a48287, which 6.17 has, and the stable series by a backport."""


def six_deep(since: str, until: str) -> Expectation:
    return differs(
        "the sixth is added",
        since=since,
        until=until,
        commit="1da177e4c3f4",
        observed={"errno": None},
    )


def events(epoll: select.epoll, seconds: float = 0) -> list[list[str]]:
    """The events of each descriptor that is ready, at once or within some seconds."""
    return [names(bits) for _, bits in epoll.poll(seconds)]


def told(sock: Socket, asked: int) -> int:
    """The events that a fresh instance reports, asked for some."""
    with select.epoll() as epoll:
        epoll.register(sock, asked)
        return sum(bits for _, bits in epoll.poll(0))


def sent_and_arrived(writer: Socket, reader: Socket) -> int:
    """Send four bytes, and wait until they are there; what send returned."""
    sent = writer.send(b"data")
    await_readable(reader)
    return sent


@claim(
    "epoll_create.2/EINVAL/size",
    sentence=("epoll_create.2/EINVAL/size", "epoll_create.2/size/more-than-zero"),
    section="ERRORS",
    says="epoll_create(2) with a size of 0 or -1 fails with EINVAL; with 1 it makes an instance.",
    survives={"*": "no socket is asked"},
)
@pytest.mark.parametrize("size", [-1, 0])
def test_a_size_is_more_than_zero(observe, size):
    with refused(errno.EINVAL):
        epoll_create(size)

    assert observe("of_one", epoll_create(1)) == "made"


@claim(
    "epoll_create.2/EINVAL/flags",
    sentence=("epoll_create.2/EINVAL/flags", "epoll_create.2/epoll_create1/no-flags"),
    section="ERRORS",
    says="epoll_create1(2) with another flag than EPOLL_CLOEXEC, O_NONBLOCK or 1, fails with EINVAL; with "
    "that one, and with none, it makes an instance.",
    since="2.6.27",
    survives={"*": "no socket is asked"},
)
@pytest.mark.parametrize("flags", [1, os.O_NONBLOCK])
def test_flags_that_are_not_known(observe, flags):
    with refused(errno.EINVAL):
        epoll_create1(flags)

    made = [epoll_create1(0), epoll_create1(select.EPOLL_CLOEXEC)]
    assert observe("of_none_and_cloexec", made) == ["made", "made"]


@claim(
    "epoll_ctl.2/EBADF/epfd",
    sentence="epoll_ctl.2/EBADF/descriptor",
    section="ERRORS",
    says="epoll_ctl(2) of a TCP or UDP socket fails with EBADF where epfd is no open descriptor, also "
    "where the operation is not known.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("number", [-1, CLOSED])
@pytest.mark.parametrize("operation", [CTL_ADD, 4])
def test_an_instance_that_is_not_open(ns, observe, kind, number, operation):
    with SOCKETS[kind]() as sock, select.epoll() as epoll:
        with refused(errno.EBADF):
            epoll_ctl(number, operation, sock.fileno(), EPOLLOUT)
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT)

        assert observe("of_an_instance", ["OUT" in one for one in events(epoll)]) == [True]


@claim(
    "epoll_ctl.2/EINVAL/no-instance",
    sentence="epoll_ctl.2/EINVAL/epfd",
    section="ERRORS",
    says="epoll_ctl(2) of a TCP or UDP socket fails with EINVAL where epfd is another socket, or a pipe, "
    "which are no epoll instances.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize(
    "other", [Socket.udp, Socket.tcp, lambda: Fd(os.pipe()[0])], ids=["udp", "tcp", "pipe"]
)
def test_no_instance_at_all(ns, observe, kind, other):
    with SOCKETS[kind]() as sock, other() as none, select.epoll() as epoll:
        with refused(errno.EINVAL):
            epoll_ctl(none.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT)
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT)

        assert observe("of_an_instance", ["OUT" in one for one in events(epoll)]) == [True]


@claim(
    "epoll_ctl.2/EINVAL/operation",
    sentence="epoll_ctl.2/EINVAL/epfd",
    section="ERRORS",
    says="epoll_ctl(2) of a TCP or UDP socket with the operation 0, 4 or -1 fails with EINVAL, and what "
    "the instance reports stays as it is.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("operation", [0, 4, -1])
def test_an_operation_that_is_not_known(ns, observe, kind, operation):
    with SOCKETS[kind]() as sock, select.epoll() as epoll:
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT)
        with refused(errno.EINVAL):
            epoll_ctl(epoll.fileno(), operation, sock.fileno(), EPOLLIN)

        assert observe("events", ["OUT" in one for one in events(epoll)]) == [True]


@claim(
    "defacto/epoll_ctl/event-nowhere",
    says="epoll_ctl(2) of a TCP or UDP socket fails with EFAULT where its event is NULL or where there is "
    "no memory, for EPOLL_CTL_ADD and EPOLL_CTL_MOD.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize(("event", "at"), [(None, None), (0, NOWHERE)], ids=["null", "nowhere"])
def test_an_event_where_there_is_no_memory(ns, observe, kind, event, at):
    with SOCKETS[kind]() as sock, select.epoll() as epoll:
        with refused(errno.EFAULT, "errno_add"):
            epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), event, at)
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT)
        with refused(errno.EFAULT, "errno_mod"):
            epoll_ctl(epoll.fileno(), CTL_MOD, sock.fileno(), event, at)

        assert observe("events", ["OUT" in one for one in events(epoll)]) == [True]


@claim(
    "epoll_ctl.2/EPOLL_CTL_DEL/event-ignored",
    sentence="epoll_ctl.2/EPOLL_CTL_DEL/removes",
    section="DESCRIPTION",
    says="EPOLL_CTL_DEL of a TCP or UDP socket succeeds with an event that is NULL, or where there is no "
    "memory.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize(("event", "at"), [(None, None), (0, NOWHERE)], ids=["null", "nowhere"])
def test_removing_looks_at_no_event(ns, observe, kind, event, at):
    with SOCKETS[kind]() as sock, select.epoll() as epoll:
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT)
        before = len(events(epoll))
        epoll_ctl(epoll.fileno(), CTL_DEL, sock.fileno(), event, at)

        assert observe("reported_before_and_after", [before, len(events(epoll))]) == [1, 0]


@claim(
    "epoll_ctl.2/events/every-combination",
    sentence="epoll_ctl.2/events/flags-not-returned",
    section="DESCRIPTION",
    says="A TCP socket can be added to an epoll instance with every combination of EPOLLIN, EPOLLOUT, "
    "EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLET, EPOLLONESHOT and EPOLLRDHUP, and of one whose peer has reset "
    "the connection those of EPOLLIN, EPOLLOUT and EPOLLRDHUP that were asked for are reported, with "
    "EPOLLERR and EPOLLHUP, and never EPOLLET or EPOLLONESHOT.",
    since="2.6.17",
)
def test_every_combination_is_taken(ns, observe):
    combinations = [sum(bit for place, bit in enumerate(EVENTS) if one >> place & 1) for one in range(256)]
    always, true = EPOLLERR | EPOLLHUP, EPOLLIN | EPOLLOUT | EPOLLRDHUP
    with in_state("tcp", "reset") as sock:
        found = [told(sock, asked) == asked & true | always for asked in combinations]

        assert observe("as_asked_for", sum(found)) == len(combinations)


@claim(
    "defacto/epoll_ctl/unknown-events",
    says="Bits that are no event, 0x0800, 0x1000 and 0x4000, are taken by epoll of a connected TCP or a "
    "UDP socket, beside EPOLLOUT, and are not reported.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("bit", [0x0800, 0x1000, 0x4000], ids=hex)
def test_bits_that_are_no_event(ns, observe, kind, bit):
    with in_state(kind, "connected") as sock:
        assert observe("told", told(sock, EPOLLOUT | bit)) == EPOLLOUT


@claim(
    "epoll_ctl.2/ELOOP/five-deep",
    sentence="epoll_ctl.2/ELOOP/loop",
    section="ERRORS",
    says="Epoll instances can watch one another five deep, and the outermost is readable once a UDP socket "
    "that the innermost watches can be written.",
)
def test_five_deep(ns, observe):
    one, two, three, four, five = [select.epoll() for _ in range(5)]
    with Socket.udp() as sock, one, two, three, four, five:
        two.register(one, EPOLLIN)
        three.register(two, EPOLLIN)
        four.register(three, EPOLLIN)
        five.register(four, EPOLLIN)
        before = events(five)
        one.register(sock, EPOLLOUT)

        assert observe("before_and_after", [before, events(five)]) == [[], [["IN"]]]


@claim(
    "epoll_ctl.2/ELOOP/six-deep",
    sentence="epoll_ctl.2/ELOOP/loop",
    section="ERRORS",
    says="Where epoll instances watch one another five deep, adding the outermost to a sixth fails with "
    "ELOOP.",
    expect=[six_deep(*kernels) for kernels in SIX_DEEP],
)
def test_a_sixth_is_refused(ns, observe):
    one, two, three, four, five, six = [select.epoll() for _ in range(6)]
    with one, two, three, four, five, six:
        two.register(one, EPOLLIN)
        three.register(two, EPOLLIN)
        four.register(three, EPOLLIN)
        six.register(four, EPOLLIN)
        six.unregister(four)
        five.register(four, EPOLLIN)
        with refused(errno.ELOOP):
            six.register(five, EPOLLIN)
        six.register(four, EPOLLIN)
        with refused(errno.EEXIST, "errno_four_again"):
            six.register(four, EPOLLIN)

        assert observe("of_six", events(six)) == []


@claim(
    "epoll_wait.2/EBADF/closed",
    sentence="epoll_wait.2/EBADF/epfd",
    section="ERRORS",
    says="epoll_wait(2) and epoll_pwait(2) of a descriptor that is not open fail with EBADF.",
)
@CALLS
@pytest.mark.parametrize("number", [-1, CLOSED])
def test_waiting_of_what_is_not_open(ns, observe, call, number):
    with Socket.udp() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLOUT)
        with refused(errno.EBADF):
            epoll_wait(call, number)

        assert observe("of_an_instance", epoll_wait(call, epoll.fileno())) == 1


@claim(
    "epoll_wait.2/EINVAL/no-instance",
    sentence="epoll_wait.2/EINVAL/epfd",
    section="ERRORS",
    says="epoll_wait(2) and epoll_pwait(2) of a TCP or UDP socket, or of a pipe, fail with EINVAL: they "
    "are no epoll instances.",
)
@CALLS
@pytest.mark.parametrize(
    "other", [Socket.udp, Socket.tcp, lambda: Fd(os.pipe()[0])], ids=["udp", "tcp", "pipe"]
)
def test_waiting_of_no_instance(ns, observe, call, other):
    with Socket.udp() as sock, other() as none, select.epoll() as epoll:
        epoll.register(sock, EPOLLOUT)
        with refused(errno.EINVAL):
            epoll_wait(call, none.fileno())

        assert observe("of_an_instance", epoll_wait(call, epoll.fileno())) == 1


@claim(
    "epoll_wait.2/EINVAL/n",
    sentence=("epoll_wait.2/EINVAL/epfd", "epoll_wait.2/events/up-to-n"),
    section="ERRORS",
    says="epoll_wait(2) and epoll_pwait(2) for 0 events, or -1, fail with EINVAL; for 1 they give that of "
    "a UDP socket that can be written.",
)
@CALLS
@pytest.mark.parametrize("count", [-1, 0])
def test_waiting_for_no_events(ns, observe, call, count):
    with Socket.udp() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLOUT)
        with refused(errno.EINVAL):
            epoll_wait(call, epoll.fileno(), count=count)

        assert observe("for_one", epoll_wait(call, epoll.fileno(), count=1)) == 1


@claim(
    "epoll_wait.2/EFAULT/nowhere",
    sentence="epoll_wait.2/EFAULT/events",
    section="ERRORS",
    says="epoll_wait(2) and epoll_pwait(2) fail with EFAULT where there is no memory for the event of a "
    "UDP socket, which is still there then.",
)
@CALLS
def test_events_where_there_is_no_memory(ns, observe, call):
    with Socket.udp() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLOUT)
        with refused(errno.EFAULT):
            epoll_wait(call, epoll.fileno(), at=NOWHERE)

        assert observe("then", epoll_wait(call, epoll.fileno())) == 1


@claim(
    "epoll_wait.2/epoll_pwait2/refused",
    sentence=(
        "epoll_wait.2/epoll_pwait2/as-epoll_pwait",
        "epoll_wait.2/EBADF/epfd",
        "epoll_wait.2/EFAULT/events",
        "epoll_wait.2/EINVAL/epfd",
    ),
    section="ERRORS",
    says="epoll_pwait2(2) fails with EBADF of a descriptor that is not open, with EINVAL of a UDP socket "
    "and for 0 events, and with EFAULT where there is no memory for the event of a UDP socket, which it "
    "gives then.",
    since="5.11",
)
def test_what_pwait2_refuses(ns, observe):
    with Socket.udp() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLOUT)
        with refused(errno.EBADF, "errno_closed"):
            epoll_wait("epoll_pwait2", CLOSED)
        with refused(errno.EINVAL, "errno_socket"):
            epoll_wait("epoll_pwait2", sock.fileno())
        with refused(errno.EINVAL, "errno_none"):
            epoll_wait("epoll_pwait2", epoll.fileno(), count=0)
        with refused(errno.EFAULT, "errno_nowhere"):
            epoll_wait("epoll_pwait2", epoll.fileno(), at=NOWHERE)

        assert observe("then", epoll_wait("epoll_pwait2", epoll.fileno())) == 1


@claim(
    "defacto/epoll_pwait2/mask-nowhere",
    says="epoll_pwait(2) and epoll_pwait2(2) on an instance that watches a UDP socket which can be written "
    "fail with EFAULT where there is no memory at their mask; without a mask they succeed.",
    since="5.11",
    commit="58169a52ebc9",
)
@PWAITS
def test_a_mask_where_there_is_no_memory(ns, observe, call):
    with Socket.udp() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLOUT)
        with refused(errno.EFAULT):
            epoll_wait(call, epoll.fileno(), mask_at=NOWHERE)

        assert observe("without", epoll_wait(call, epoll.fileno())) == 1


@claim(
    "epoll_wait.2/epoll_pwait2/invalid-timeout",
    sentence="epoll_wait.2/epoll_pwait2/as-ppoll",
    section="DESCRIPTION",
    says="epoll_pwait2(2) on an instance that watches a UDP socket which can be written fails with EINVAL "
    "where the seconds of its timeout are negative, or the nanoseconds are, or these are 1,000,000,000; "
    "with 999,999,999 it succeeds.",
    since="5.11",
)
@pytest.mark.parametrize("timeout", [(-1, 0), (0, -1), (0, 1_000_000_000)], ids=str)
def test_a_timeout_that_is_invalid(ns, observe, timeout):
    with Socket.udp() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLOUT)
        with refused(errno.EINVAL):
            epoll_wait("epoll_pwait2", epoll.fileno(), timeout=timeout)

        assert observe("valid", epoll_wait("epoll_pwait2", epoll.fileno(), timeout=(0, 999_999_999))) == 1


@claim(
    "epoll_wait.2/epoll_pwait/timeout",
    sentence=("epoll_wait.2/epoll_pwait/null-mask", "epoll_wait.2/timeout/milliseconds"),
    section="DESCRIPTION",
    says="epoll_pwait(2) without a mask waits 50 ms for data that do not come to a UDP or UNIX stream "
    "socket, and reports nothing; once they have come it reports them.",
)
@WAITED
def test_the_timeout_of_pwait_passes(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, watching("epoll_pwait", reader) as wait:
        with timed() as took:
            nothing = wait((0, 50_000_000))
        writer.send(b"data")

        assert observe("waited_nothing_data", [took.lasted(0.05), nothing, wait((SECONDS, 0))]) == [
            True,
            0,
            1,
        ]


@claim(
    "epoll_wait.2/epoll_pwait2/timeout",
    sentence="epoll_wait.2/epoll_pwait2/timespec",
    section="DESCRIPTION",
    says="epoll_pwait2(2) waits 50,000,000 nanoseconds for data that do not come to a UDP or UNIX stream "
    "socket, and reports nothing, and so at once with one nanosecond; once they have come it reports them.",
    since="5.11",
)
@WAITED
def test_the_timeout_of_pwait2_passes(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, watching("epoll_pwait2", reader) as wait:
        with timed() as took:
            nothing = [wait((0, 1)), wait((0, 50_000_000))]
        writer.send(b"data")

        assert observe("waited_nothing_data", [took.lasted(0.05), nothing, wait((SECONDS, 0))]) == [
            True,
            [0, 0],
            1,
        ]


@claim(
    "epoll_wait.2/timeout/zero",
    sentence="epoll_wait.2/timeout/infinite-and-zero",
    section="DESCRIPTION",
    says="With a timeout of 0 epoll_wait(2) and epoll_pwait(2) return nothing of a UDP socket for which "
    "nothing has come, and do not wait for what another thread sends.",
)
@pytest.mark.parametrize("call", ["epoll_wait", "epoll_pwait"])
def test_a_timeout_of_zero(ns, observe, call):
    writer, reader = udp_pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        with delayed(lambda: writer.send(b"data"), SOON) as begun:
            at_once = [epoll_wait(call, epoll.fileno()), begun.is_set()]
        writer.send(b"data")
        await_readable(reader)

        assert observe("at_once_and_data", [at_once, epoll_wait(call, epoll.fileno())]) == [[0, False], 1]


@claim(
    "epoll_wait.2/timeout/infinite",
    sentence=("epoll_wait.2/timeout/infinite-and-zero", "epoll_wait.2/timeout/until"),
    section="DESCRIPTION",
    says="With a timeout of -1 epoll_wait(2) and epoll_pwait(2) wait for data of a UDP socket that another "
    "thread sends after a while.",
)
@pytest.mark.parametrize("call", ["epoll_wait", "epoll_pwait"])
def test_a_timeout_without_an_end(ns, observe, call):
    writer, reader = udp_pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        with timed() as took, delayed(lambda: writer.send(b"data"), 0.05):
            found = epoll_wait(call, epoll.fileno(), timeout=None)

        assert observe("waited_and_found", [took.lasted(0.05), found]) == [True, 1]


@claim(
    "epoll_wait.2/epoll_pwait/mask",
    sentence="epoll_wait.2/epoll_pwait/signal-mask",
    section="DESCRIPTION",
    says="epoll_pwait(2), with a mask that blocks a signal that is pending, finds what a UDP socket or "
    "UNIX stream socket has, and waits out its timeout where that has nothing; with a mask without it, it "
    "lets the handler run and fails with EINTR, and the signal is blocked as before then.",
)
@WAITED
def test_the_mask_of_pwait(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        found = in_child(lambda: masked("epoll_pwait", reader, lambda: writer.send(b"data")))

        assert observe("nothing_unblocked_data_after", found) == [0, "EINTR", 1, True]


@claim(
    "epoll_wait.2/epoll_pwait2/mask",
    sentence=("epoll_wait.2/epoll_pwait2/as-epoll_pwait", "epoll_wait.2/epoll_pwait/signal-mask"),
    section="DESCRIPTION",
    says="epoll_pwait2(2), with a mask that blocks a signal that is pending, finds what a UDP socket or "
    "UNIX stream socket has, and waits out its timeout where that has nothing; with a mask without it, it "
    "lets the handler run and fails with EINTR, and the signal is blocked as before then.",
    since="5.11",
)
@WAITED
def test_the_mask_of_pwait2(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        found = in_child(lambda: masked("epoll_pwait2", reader, lambda: writer.send(b"data")))

        assert observe("nothing_unblocked_data_after", found) == [0, "EINTR", 1, True]


@claim(
    "defacto/EPOLLEXCLUSIVE/one-waiter",
    says="Where two processes wait in epoll_wait, each on an instance of its own that watches a UDP, TCP "
    "or UNIX socket with EPOLLEXCLUSIVE, data that come end the wait of one of them, and the next data "
    "that of the other.",
    since="4.5",
    commit="df0108c5da56",
)
@pytest.mark.parametrize(
    "pair",
    [Socket.tcp_pair, udp_pair, Socket.pair, unix_datagram_pair],
    ids=["tcp", "udp", "unix", "unix-datagram"],
)
def test_one_of_two_is_woken(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as one, select.epoll() as two:
        one.register(reader, EPOLLIN | select.EPOLLEXCLUSIVE)
        two.register(reader, EPOLLIN | select.EPOLLEXCLUSIVE)
        with Child(lambda: len(one.poll(SOON))) as first, Child(lambda: len(two.poll(SOON))) as second:
            asleep = [await_asleep(first.pid), await_asleep(second.pid)]
            writer.send(b"data")
            found = [first.value(), await_asleep(second.pid)]
            writer.send(b"more")

            assert observe("asleep_and_found", [asleep, [*found, second.value()]]) == [
                [True, True],
                [1, True, 1],
            ]


@claim(
    "defacto/epoll/shared",
    says="An epoll instance is one for a duplicate and for a child process: what the child adds with "
    "EPOLL_CTL_ADD, a TCP, UDP or UNIX stream socket, the parent and a duplicate of the descriptor report.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_an_instance_is_shared(ns, observe, kind):
    with (
        SOCKETS[kind]() as sock,
        select.epoll() as epoll,
        select.epoll.fromfd(os.dup(epoll.fileno())) as other,
    ):
        before = [len(events(one)) for one in (epoll, other)]
        in_child(lambda: epoll.register(sock, EPOLLOUT))

        assert observe("before_and_after", [before, [len(events(one)) for one in (epoll, other)]]) == [
            [0, 0],
            [1, 1],
        ]


@claim(
    "defacto/EPOLL_CTL_MOD/while-one-waits",
    says="An epoll_wait(2) that waits for EPOLLIN of a TCP or UDP socket ends when another thread asks for "
    "EPOLLOUT with EPOLL_CTL_MOD, which the socket has.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_other_events_are_asked_for_meanwhile(ns, observe, kind):
    with in_state(kind, "connected") as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLIN)
        with timed() as took, delayed(lambda: epoll.modify(sock, EPOLLOUT), 0.05):
            found = events(epoll, SOON)

        assert observe("waited_and_found", [took.lasted(0.05), found]) == [True, [["OUT"]]]


@claim(
    "defacto/EPOLL_CTL_DEL/while-one-waits",
    says="An epoll_wait(2) that waits for EPOLLIN of a TCP or UDP socket, and of another, goes on when "
    "another process removes the first with EPOLL_CTL_DEL, also when data come for it then, and reports the "
    "other alone once that has data.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_socket_is_removed_meanwhile(ns, observe, kind):
    writer, reader = INTERNET_PAIRS[kind]()
    ender, ending = Socket.pair()
    with writer, reader, ender, ending, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        epoll.register(ending, EPOLLIN)
        with Child(lambda: [fd == ending.fileno() for fd, _ in epoll.poll(SOON)]) as child:
            asleep = await_asleep(child.pid)
            epoll.unregister(reader)
            writer.send(b"data")
            await_readable(reader)
            ender.send(b"end")
            found = [asleep, child.value()]
        with refused(errno.ENOENT):
            epoll.modify(reader, EPOLLIN)

        assert observe("asleep_and_other_alone", found) == [True, [True]]


@claim(
    "defacto/EPOLLET/each-connection",
    says="With EPOLLET epoll reports EPOLLIN of a TCP listener, over IPv4 and IPv6, for each connection "
    "that comes, though none was accepted, and nothing in between.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TCP
def test_each_connection_is_told(ns, observe, kind):
    with LISTENING[kind]() as listener, select.epoll() as epoll:
        epoll.register(listener, EPOLLIN | EPOLLET)
        with pending_connection(listener):
            first = [events(epoll, SOON), events(epoll)]
            with Socket(listener.family, listener.type) as second:
                second.connect(listener.getsockname())

                found = [first, [events(epoll, SOON), events(epoll)]]
                assert observe("first_and_second", found) == [[[["IN"]], []]] * 2


@claim(
    "defacto/epoll/added-early",
    says="A UDP socket, over IPv4 and IPv6, that is new when it is added to an epoll instance, with "
    "EPOLLET and without, is reported EPOLLIN of once it is bound and something has come to it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(("kind", "host"), [("udp", "127.0.0.1"), ("udp6", "::1")])
@EDGE
def test_a_socket_is_added_early(ns, observe, kind, host, edge):
    with SOCKETS[kind]() as sock, SOCKETS[kind]() as other, select.epoll() as epoll:
        epoll.register(sock, EPOLLIN | edge)
        before = [events(epoll)]
        sock.bind((host, 0))
        before.append(events(epoll))
        other.sendto(b"data", sock.getsockname())
        await_readable(sock)

        assert observe("new_bound_data", [*before, events(epoll)]) == [[], [], [["IN"]]]


@claim(
    "defacto/epoll/added-before-listen",
    says="A TCP socket, over IPv4 and IPv6, that is new when it is added to an epoll instance, with "
    "EPOLLET and without, is reported EPOLLHUP of, and once it listens nothing, and EPOLLIN once a client "
    "has connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")])
@EDGE
def test_a_listener_is_added_early(ns, observe, kind, host, edge):
    with SOCKETS[kind]() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLIN | edge)
        before = [events(epoll)]
        sock.bind((host, 0))
        sock.listen()
        before.append(events(epoll))
        with pending_connection(sock):
            assert observe("new_listening_connected", [*before, events(epoll)]) == [[["HUP"]], [], [["IN"]]]


@claim(
    "defacto/epoll/added-before-connect",
    says="A TCP socket, over IPv4 and IPv6, that is new when it is added to an epoll instance, with "
    "EPOLLET and without, is reported EPOLLOUT and EPOLLHUP of, and EPOLLOUT alone once it has connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TCP
@EDGE
def test_a_client_is_added_early(ns, observe, kind, edge):
    with LISTENING[kind]() as listener, SOCKETS[kind]() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLOUT | edge)
        before = events(epoll)
        sock.connect(listener.getsockname())

        assert observe("new_and_connected", [before, events(epoll)]) == [[["OUT", "HUP"]], [["OUT"]]]


@claim(
    "defacto/epoll/order",
    says="Of three UDP sockets for which data come one after another, in another order than they were "
    "added in, epoll_wait(2) reports in the order in which the data came.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0), (0, 2, 1)], ids=str)
def test_the_order_of_what_is_ready(ns, observe, order):
    pairs = [udp_pair() for _ in range(3)]
    (one, first), (two, second), (three, third) = pairs
    with one, first, two, second, three, third, select.epoll() as epoll:
        epoll.register(first, EPOLLIN)
        epoll.register(second, EPOLLIN)
        epoll.register(third, EPOLLIN)
        sent = [sent_and_arrived(*pairs[place]) for place in order]
        numbers = [first.fileno(), second.fileno(), third.fileno()]
        found = [numbers.index(number) for number, _ in epoll.poll(0)]

        assert observe("sent_and_order", [sent, found]) == [[4] * 3, list(order)]


@claim(
    "defacto/epoll/number-again",
    says="Where the number of a TCP or UDP socket that was closed is given to another socket that data "
    "come to, epoll reports nothing of it: EPOLL_CTL_MOD fails with ENOENT, and EPOLL_CTL_ADD succeeds.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={"no-op: close() = 0*": "dup2 closes what had the number, too"},
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_number_is_given_again(ns, observe, kind):
    writer, reader = INTERNET_PAIRS[kind]()
    with writer, reader, SOCKETS[kind]() as gone, select.epoll() as epoll:
        number = gone.fileno()
        epoll.register(number, EPOLLIN | EPOLLOUT)
        watched = len(events(epoll))
        gone.close()
        os.dup2(reader.fileno(), number)
        with Fd(number):
            writer.send(b"data")
            await_readable(reader)
            before = events(epoll)
            with refused(errno.ENOENT):
                epoll.modify(number, EPOLLIN)
            epoll.register(number, EPOLLIN)

            assert observe("watched_before_added", [watched, before, events(epoll)]) == [1, [], [["IN"]]]


@claim(
    "defacto/epoll/shut-down-meanwhile",
    says="An epoll_wait(2) that waits for EPOLLIN of a connected TCP or UDP socket, over IPv4 and IPv6, "
    "ends when another thread shuts it down for receiving.",
    since="2.6.17",
    commit="f348d70a324e",
    survives=ONE_END,
)
@INTERNET
def test_a_socket_is_shut_down_meanwhile(ns, observe, kind):
    with in_state(kind, "connected") as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLIN)
        with timed() as took, delayed(lambda: sock.shutdown(Shutdown.READ), 0.05):
            found = events(epoll, SOON)

        assert observe("waited_and_found", [took.lasted(0.05), found]) == [True, [["IN"]]]


@claim(
    "defacto/epoll/closed-meanwhile",
    says="An epoll_wait(2) that waits for EPOLLIN of a UDP socket goes on, until its timeout passes, when "
    "another thread closes its only descriptor, and something is sent to where it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_socket_is_closed_meanwhile(ns, observe):
    writer, reader = udp_pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        writer.send(b"data")
        before = events(epoll, SOON)
        reader.recv(4)
        with delayed(in_turn(reader.close, lambda: writer.send(b"data")), 0.02) as begun:
            found = [events(epoll, 0.1), begun.is_set()]

        assert observe("before_found_closed", [before, *found, errno_of(lambda: writer.send(b"more"))]) == [
            [["IN"]],
            [],
            True,
            "ECONNREFUSED",
        ]
