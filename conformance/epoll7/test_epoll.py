"""epoll(7) and epoll_ctl(2): what is watched, and how it is told of."""

from __future__ import annotations

import errno
import os
import select
import socket
from queue import Queue
from select import EPOLLET, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLPRI, EPOLLRDHUP

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import await_end, await_error, await_readable
from conformance.plugin.setups.states import names
from conformance.plugin.setups.threads import delayed, in_thread
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.timing import LONG, SOON, timed
from libsocket import Linger, Shutdown, Socket

EPOLLRDNORM, EPOLLWAKEUP, EPOLLEXCLUSIVE = 0x40, 1 << 29, 1 << 28
PAIRS = pytest.mark.parametrize(
    "pair",
    [Socket.tcp_pair, udp_pair, Socket.pair, unix_datagram_pair],
    ids=["tcp", "udp", "unix", "unix-datagram"],
)
PYTHONS_OWN = {
    "no-op: ioctl(FIONBIO*": "Python sets of a duplicate whether it blocks, which nothing here asks"
}
STREAMS = pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])


def events(epoll: select.epoll) -> list[list[str]]:
    """The events of each descriptor that is ready now."""
    return [names(bits) for _, bits in epoll.poll(0)]


def waited(epoll: select.epoll) -> list[str]:
    """The events of the only descriptor of an instance, once there are any."""
    return names(sum(bits for _, bits in epoll.poll(SOON)))


@claim(
    "epoll.7/EPOLLET/level-triggered-by-default",
    sentence=(
        "epoll.7/EPOLLET/part-read",
        "epoll.7/epoll/level-triggered",
        "epoll_ctl.2/EPOLLET/default",
        "epoll_ctl.2/EPOLLET/edge",
    ),
    section="Level-triggered and edge-triggered",
    says="Without EPOLLET epoll goes on reporting EPOLLIN of a TCP or UNIX stream socket of whose data a "
    "part was read, until all was; with it once only.",
)
@STREAMS
def test_a_level_is_told_until_all_is_read(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as level, select.epoll() as edge:
        level.register(reader, EPOLLIN)
        edge.register(reader, EPOLLIN | EPOLLET)
        writer.send(bytes(2048))
        await_readable(reader)
        seen = [[events(level), events(edge)]]
        reader.read_exact(1024)
        seen.append([events(level), events(edge)])
        reader.read_exact(1024)
        seen.append([events(level), events(edge)])

        assert observe("level_and_edge", seen) == [[[["IN"]], [["IN"]]], [[["IN"]], []], [[], []]]


@claim(
    "epoll.7/EPOLLET/one-thread",
    sentence="epoll.7/EPOLLET/one-woken",
    section="Level-triggered and edge-triggered",
    says="Of two threads that wait in epoll_wait on one instance one alone is given the event of a "
    "datagram that comes to a UDP or UNIX socket with EPOLLET: the other gets that of the next datagram, "
    "after which there is none.",
)
@pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair], ids=["udp", "unix"])
def test_one_thread_is_given_the_event(ns, observe, pair):
    writer, reader = pair()
    given: Queue[list[str]] = Queue()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN | EPOLLET)
        with in_thread(lambda: given.put(waited(epoll))), in_thread(lambda: given.put(waited(epoll))):
            writer.send(b"one")
            first = given.get(timeout=LONG)
            writer.send(b"two")
            second = given.get(timeout=LONG)

        assert observe("first_second_left", [first, second, events(epoll)]) == [["IN"], ["IN"], []]


@claim(
    "epoll_ctl.2/EPOLLONESHOT/disabled-until-rearmed",
    sentence=(
        "epoll_ctl.2/EPOLLONESHOT/disabled",
        "epoll_ctl.2/EPOLLONESHOT/rearm",
        "epoll.7/EPOLLONESHOT/rearm",
        "epoll.7/EPOLLONESHOT/disable",
    ),
    section="DESCRIPTION",
    says="With EPOLLONESHOT epoll reports one event of a TCP, UDP or UNIX socket and none more, of new "
    "data either, until EPOLL_CTL_MOD rearms it.",
)
@PAIRS
def test_one_shot_is_one_event(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as epoll, select.epoll() as other:
        epoll.register(reader, EPOLLIN | EPOLLONESHOT)
        other.register(reader, EPOLLIN | EPOLLET)
        writer.send(b"one")
        await_readable(reader)
        first = [events(epoll), events(other)]
        writer.send(b"two")
        reader.recv(3)
        await_readable(reader)
        second = [events(epoll), events(other)]
        epoll.modify(reader, EPOLLIN | EPOLLONESHOT)

        assert observe("first_second_rearmed", [first, second, events(epoll)]) == [
            [[["IN"]], [["IN"]]],
            [[], [["IN"]]],
            [["IN"]],
        ]


@claim(
    "defacto/EPOLLONESHOT/no-hangup",
    says="With EPOLLONESHOT, after its event, epoll reports not even EPOLLHUP and EPOLLERR of a TCP "
    "connection that is reset, until EPOLL_CTL_MOD asks again, with no events at all.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_one_shot_hides_a_hangup(ns, observe):
    writer, reader = Socket.tcp_pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN | EPOLLONESHOT)
        writer.send(b"one")
        await_readable(reader)
        first = events(epoll)
        writer.linger = Linger(True, 0)
        writer.close()
        await_error(reader)
        hidden = events(epoll)
        epoll.modify(reader, 0)

        assert observe("first_hidden_asked", [first, hidden, events(epoll)]) == [
            [["IN"]],
            [],
            [["ERR", "HUP"]],
        ]


@claim(
    "epoll_ctl.2/EPOLLHUP/always-reported",
    sentence=("epoll_ctl.2/EPOLLHUP/always", "epoll_ctl.2/EPOLLERR/always"),
    section="DESCRIPTION",
    says="epoll reports EPOLLERR and EPOLLHUP of a TCP connection that is reset though no event was asked "
    "for, and none before.",
)
def test_errors_and_hangups_are_always_told(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right, select.epoll() as epoll:
        epoll.register(left, 0)
        right.send(b"data")
        await_readable(left)
        before = events(epoll)
        right.linger = Linger(True, 0)
        right.close()
        await_error(left)

        assert observe("before_and_after", [before, events(epoll)]) == [[], [["ERR", "HUP"]]]


@claim(
    "epoll_ctl.2/EPOLLRDHUP/peer-shut",
    sentence="epoll_ctl.2/EPOLLRDHUP/peer",
    section="DESCRIPTION",
    says="epoll that was asked for EPOLLRDHUP alone reports it of a TCP or UNIX stream socket whose peer "
    "has shut down sending or was closed, not of one for which data wait.",
    since="2.6.17",
)
@STREAMS
@pytest.mark.parametrize(
    "end", [lambda peer: peer.shutdown(Shutdown.WRITE), Socket.close], ids=["shut", "closed"]
)
def test_the_end_of_the_peer_is_told(ns, observe, pair, end):
    left, right = pair()
    with left, right, select.epoll() as epoll:
        epoll.register(left, EPOLLRDHUP)
        right.send(b"data")
        await_readable(left)
        before = events(epoll)
        end(right)
        await_end(left)

        assert observe("before_and_after", [before, ["RDHUP" in one for one in events(epoll)]]) == [
            [],
            [True],
        ]


@claim(
    "epoll.7/events/combined",
    sentence="epoll.7/events/combined",
    section="Questions and answers",
    says="Data and an urgent byte that arrive at a TCP socket between two calls are one event of epoll, "
    "EPOLLIN together with EPOLLPRI, also with EPOLLET.",
)
@pytest.mark.parametrize("trigger", [0, EPOLLET], ids=["level", "edge"])
def test_events_are_combined(ns, observe, trigger):
    left, right = Socket.tcp_pair()
    with left, right, select.epoll() as epoll:
        epoll.register(left, EPOLLIN | EPOLLPRI | trigger)
        before = events(epoll)
        right.send(b"data")
        await_readable(left)
        right.send(b"!", socket.MSG_OOB)
        await_urgent(left)

        assert observe("before_and_after", [before, events(epoll)]) == [[], [["IN", "PRI"]]]


@claim(
    "epoll.7/EPOLL_CTL_MOD/rereads",
    sentence=("epoll.7/operations/modify", "epoll_ctl.2/EPOLL_CTL_MOD/settings"),
    section="Questions and answers",
    says="EPOLL_CTL_MOD with EPOLLET reads again what is available: of a TCP, UDP or UNIX socket whose "
    "data were told of and not read they are told again.",
)
@PAIRS
def test_a_modification_rereads(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN | EPOLLET)
        writer.send(b"data")
        await_readable(reader)
        seen = [events(epoll), events(epoll)]
        epoll.modify(reader, EPOLLIN | EPOLLET)

        assert observe("told_again_modified", [*seen, events(epoll)]) == [[["IN"]], [], [["IN"]]]


@claim(
    "epoll_ctl.2/EPOLL_CTL_MOD/new-mask",
    sentence="epoll_ctl.2/EPOLL_CTL_MOD/settings",
    section="DESCRIPTION",
    says="EPOLL_CTL_MOD replaces the events asked for: of a TCP, UDP or UNIX socket for which data wait "
    "EPOLLIN is reported, and EPOLLOUT instead after it.",
)
@PAIRS
def test_a_modification_replaces_the_events(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        writer.send(b"data")
        await_readable(reader)
        before = events(epoll)
        epoll.modify(reader, EPOLLOUT)

        assert observe("before_and_after", [before, events(epoll)]) == [[["IN"]], [["OUT"]]]


@claim(
    "epoll_ctl.2/EPOLL_CTL_DEL/removes",
    sentence=("epoll_ctl.2/EPOLL_CTL_DEL/removes", "epoll_ctl.2/ENOENT/not-registered"),
    section="DESCRIPTION",
    says="After EPOLL_CTL_DEL nothing is reported of a TCP socket for which data wait; removing it again, "
    "or EPOLL_CTL_MOD, fails with ENOENT.",
)
@pytest.mark.parametrize("act", ["unregister", "modify"])
def test_what_is_removed_is_not_told(ns, observe, act):
    writer, reader = Socket.tcp_pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        writer.send(b"data")
        await_readable(reader)
        before = events(epoll)
        epoll.unregister(reader)
        with refused(errno.ENOENT):
            getattr(epoll, act)(*[reader, EPOLLIN][: 2 if act == "modify" else 1])

        assert observe("before_and_after", [before, events(epoll)]) == [[["IN"]], []]


@claim(
    "epoll_ctl.2/EEXIST/twice",
    sentence=(
        "epoll_ctl.2/EEXIST/registered",
        "epoll.7/EEXIST/twice",
        "epoll.7/EEXIST/duplicate",
        "epoll.7/key/key",
    ),
    section="ERRORS",
    says="Adding a TCP, UDP or UNIX socket to an epoll instance again fails with EEXIST; a descriptor of "
    "it made by dup can be added, and asks for events of its own.",
    survives=PYTHONS_OWN,
)
@PAIRS
def test_a_descriptor_is_added_once(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, reader.dup() as double, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        with refused(errno.EEXIST):
            epoll.register(reader, EPOLLOUT)
        epoll.register(double, EPOLLOUT)
        writer.send(b"data")
        await_readable(reader)
        told = dict(epoll.poll(0))

        assert observe("of_each", [names(told[one.fileno()]) for one in (reader, double)]) == [
            ["IN"],
            ["OUT"],
        ]


@claim(
    "epoll.7/instances/both-told",
    sentence=("epoll.7/instances/both", "epoll_ctl.2/EPOLLEXCLUSIVE/default-all"),
    section="Questions and answers",
    says="An event of a TCP, UDP or UNIX socket that two epoll instances watch, with EPOLLET, is reported "
    "to both.",
)
@PAIRS
def test_both_instances_are_told(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as one, select.epoll() as other:
        one.register(reader, EPOLLIN | EPOLLET)
        other.register(reader, EPOLLIN | EPOLLET)
        writer.send(b"data")
        await_readable(reader)

        assert observe("events", [events(one), events(other)]) == [[["IN"]], [["IN"]]]


@claim(
    "epoll.7/epoll-descriptor/readable",
    sentence=("epoll.7/epoll-descriptor/pollable", "epoll.7/epoll-descriptor/nested"),
    section="Questions and answers",
    says="An epoll instance is readable to poll, select and another epoll instance once a TCP socket that "
    "it watches has an event, and not before.",
)
def test_an_instance_is_readable(ns, observe):
    writer, reader = Socket.tcp_pair()
    with writer, reader, select.epoll() as inner, select.epoll() as outer:
        inner.register(reader, EPOLLIN)
        outer.register(inner, EPOLLIN)
        poll = select.poll()
        poll.register(inner, select.POLLIN)
        before = [len(poll.poll(0)), len(select.select([inner], [], [], 0)[0]), len(outer.poll(0))]
        writer.send(b"data")
        await_readable(reader)
        after = [len(poll.poll(0)), len(select.select([inner], [], [], 0)[0]), len(outer.poll(0))]

        assert observe("before_and_after", [before, after]) == [[0, 0, 0], [1, 1, 1]]


@claim(
    "epoll_ctl.2/EINVAL/itself",
    sentence=(
        "epoll_ctl.2/EINVAL/epfd",
        "epoll.7/epoll-descriptor/itself",
        "epoll.7/epoll-descriptor/nested",
    ),
    section="ERRORS",
    says="Adding an epoll instance to itself fails with EINVAL; it can be added to another.",
)
def test_an_instance_cannot_watch_itself(ns, observe):
    left, right = Socket.pair()
    with left, right, select.epoll() as inner, select.epoll() as outer:
        with refused(errno.EINVAL):
            inner.register(inner, EPOLLIN)
        outer.register(inner, EPOLLIN)
        inner.register(left, EPOLLOUT)

        assert observe("events", events(outer)) == [["IN"]]


@claim(
    "epoll_ctl.2/ELOOP/circle",
    sentence="epoll_ctl.2/ELOOP/loop",
    section="ERRORS",
    says="Adding an epoll instance to one that it watches itself, directly or through a third, fails with "
    "ELOOP.",
)
@pytest.mark.parametrize("directly", [True, False], ids=["directly", "through-third"])
def test_instances_cannot_watch_in_a_circle(ns, observe, directly):
    left, right = Socket.pair()
    with left, right, select.epoll() as inner, select.epoll() as middle, select.epoll() as outer:
        middle.register(inner, EPOLLIN)
        outer.register(middle, EPOLLIN)
        with refused(errno.ELOOP):
            inner.register(middle if directly else outer, EPOLLIN)
        inner.register(left, EPOLLOUT)

        assert observe("events", events(outer)) == [["IN"]]


@claim(
    "epoll_ctl.2/EPERM/regular-file",
    sentence=("epoll_ctl.2/EPERM/file", "epoll_ctl.2/NOTES/poll"),
    section="ERRORS",
    says="Adding a regular file or a directory to an epoll instance fails with EPERM; a TCP socket can be "
    "added.",
)
@pytest.mark.parametrize(
    "opened", [lambda: os.memfd_create("file"), lambda: os.open("/", os.O_RDONLY)], ids=["file", "directory"]
)
def test_a_file_cannot_be_watched(ns, observe, opened):
    file = opened()
    with Socket.tcp() as sock, select.epoll() as epoll:
        with refused(errno.EPERM):
            epoll.register(file, EPOLLIN)
        os.close(file)
        epoll.register(sock, EPOLLIN)

        assert observe("of_socket", events(epoll)) == [["HUP"]]


@claim(
    "epoll_ctl.2/EBADF/closed",
    sentence="epoll_ctl.2/EBADF/descriptor",
    section="ERRORS",
    says="Adding a descriptor that is closed to an epoll instance fails with EBADF.",
)
def test_a_closed_descriptor_cannot_be_watched(ns, observe):
    with Socket.tcp() as sock, select.epoll() as epoll:
        double = os.dup(sock.fileno())
        os.close(double)
        with refused(errno.EBADF):
            epoll.register(double, EPOLLIN)
        epoll.register(sock, EPOLLIN)

        assert observe("of_socket", events(epoll)) == [["HUP"]]


@claim(
    "epoll.7/close/removes",
    sentence="epoll.7/close/last-reference",
    section="Questions and answers",
    says="Closing the only descriptor of a TCP, UDP or UNIX socket removes it from an epoll instance: the "
    "data that wait for it are not reported any more.",
)
@PAIRS
def test_closing_removes(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        writer.send(b"data")
        await_readable(reader)
        before = events(epoll)
        reader.close()

        assert observe("before_and_after", [before, events(epoll)]) == [[["IN"]], []]


@claim(
    "epoll.7/close/duplicate-open",
    sentence="epoll.7/close/last-reference",
    section="Questions and answers",
    says="While a descriptor of a TCP, UDP or UNIX socket that was made by dup is open, epoll goes on "
    "reporting the closed one that was added, by its number.",
    survives=PYTHONS_OWN,
)
@PAIRS
def test_closing_one_of_two_removes_nothing(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, reader.dup() as double, select.epoll() as epoll:
        number = reader.fileno()
        epoll.register(reader, EPOLLIN)
        reader.close()
        with refused(errno.EBADF):
            epoll.modify(number, EPOLLIN)
        before = events(epoll)
        writer.send(b"data")
        await_readable(double)
        told = epoll.poll(0)

        assert observe(
            "before_told_same", [before, [names(bits) for _, bits in told], told[0][0] == number]
        ) == [
            [],
            [["IN"]],
            True,
        ]


@claim(
    "defacto/EPOLL_CTL_DEL/closed-duplicate-open",
    says="A closed descriptor of a TCP socket that is still reported, since another made by dup is open, "
    "cannot be removed: EPOLL_CTL_DEL of it fails with EBADF, and of the other with ENOENT; once the "
    "other is closed, nothing is reported.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=PYTHONS_OWN,
)
def test_a_closed_descriptor_cannot_be_removed(ns, observe):
    writer, reader = Socket.tcp_pair()
    with writer, reader, reader.dup() as double, select.epoll() as epoll:
        number = reader.fileno()
        epoll.register(reader, EPOLLIN)
        writer.send(b"data")
        await_readable(reader)
        reader.close()
        with refused(errno.EBADF):
            epoll.unregister(number)
        with refused(errno.ENOENT, "errno_of_other"):
            epoll.unregister(double)
        before = events(epoll)
        double.close()

        assert observe("before_and_after", [before, events(epoll)]) == [[["IN"]], []]


@claim(
    "epoll_wait.2/events/round-robin",
    sentence="epoll_wait.2/NOTES/round-robin",
    section="NOTES",
    says="Where more UDP sockets are ready than epoll_wait is asked for, without EPOLLET, successive "
    "calls for one go round all three of them.",
)
def test_calls_go_round(ns, observe):
    with Socket.udp() as one, Socket.udp() as two, Socket.udp() as three, select.epoll() as epoll:
        epoll.register(one, EPOLLOUT)
        epoll.register(two, EPOLLOUT)
        epoll.register(three, EPOLLOUT)
        numbers = [one.fileno(), two.fileno(), three.fileno()]
        seen = [numbers.index(epoll.poll(0, 1)[0][0]) for _ in range(6)]

        assert observe("order", seen) == [0, 1, 2, 0, 1, 2]


@claim(
    "epoll_ctl.2/EPOLLEXCLUSIVE/other-events",
    sentence=("epoll_ctl.2/EPOLLEXCLUSIVE/others", "epoll_ctl.2/EINVAL/exclusive-event"),
    section="DESCRIPTION",
    says="Adding a TCP socket with EPOLLEXCLUSIVE and EPOLLPRI, EPOLLRDHUP, EPOLLRDNORM or EPOLLONESHOT "
    "fails with EINVAL, and with those one by one succeeds without EPOLLEXCLUSIVE.",
    since="4.5",
)
@pytest.mark.parametrize(
    "event", [EPOLLPRI, EPOLLRDHUP, EPOLLRDNORM, EPOLLONESHOT], ids=["PRI", "RDHUP", "RDNORM", "ONESHOT"]
)
def test_exclusive_refuses_other_events(ns, observe, event):
    with Socket.tcp() as sock, select.epoll() as epoll:
        with refused(errno.EINVAL):
            epoll.register(sock, EPOLLEXCLUSIVE | event)
        epoll.register(sock, event)

        assert observe("of_socket", events(epoll)) == [["HUP"]]


@claim(
    "epoll_ctl.2/EPOLLEXCLUSIVE/allowed-events",
    sentence="epoll_ctl.2/EPOLLEXCLUSIVE/allowed",
    section="DESCRIPTION",
    says="A TCP socket can be added with EPOLLEXCLUSIVE and each of EPOLLIN, EPOLLOUT, EPOLLWAKEUP, "
    "EPOLLET, EPOLLHUP and EPOLLERR, and its EPOLLHUP is reported whichever it was.",
    since="4.5",
)
@pytest.mark.parametrize(
    ("event", "told"),
    [
        (EPOLLIN, ["HUP"]),
        (EPOLLOUT, ["OUT", "HUP"]),
        (EPOLLWAKEUP, ["HUP"]),
        (EPOLLET, ["HUP"]),
        (select.EPOLLHUP, ["HUP"]),
        (select.EPOLLERR, ["HUP"]),
    ],
    ids=["IN", "OUT", "WAKEUP", "ET", "HUP", "ERR"],
)
def test_exclusive_takes_some_events(ns, observe, event, told):
    with Socket.tcp() as sock, select.epoll() as epoll:
        epoll.register(sock, EPOLLEXCLUSIVE | event)

        assert observe("of_socket", events(epoll)) == [told]


@claim(
    "epoll_ctl.2/EPOLLEXCLUSIVE/modify",
    sentence=(
        "epoll_ctl.2/EPOLLEXCLUSIVE/add-only",
        "epoll_ctl.2/EINVAL/exclusive-mod",
        "epoll_ctl.2/EINVAL/mod-of-exclusive",
    ),
    section="DESCRIPTION",
    says="EPOLL_CTL_MOD of a TCP socket fails with EINVAL where it has EPOLLEXCLUSIVE, and where the "
    "socket was added with it.",
    since="4.5",
)
@pytest.mark.parametrize(
    ("added", "modified"), [(0, EPOLLEXCLUSIVE), (EPOLLEXCLUSIVE, 0), (EPOLLEXCLUSIVE, EPOLLEXCLUSIVE)]
)
def test_exclusive_cannot_be_modified(ns, observe, added, modified):
    with Socket.tcp() as sock, Socket.tcp() as other, select.epoll() as epoll:
        epoll.register(sock, EPOLLIN | added)
        with refused(errno.EINVAL):
            epoll.modify(sock, EPOLLOUT | modified)
        epoll.register(other, EPOLLIN)
        epoll.modify(other, EPOLLOUT)

        assert observe("of_both", events(epoll)) == [["HUP"], ["OUT", "HUP"]]


@claim(
    "epoll_ctl.2/EPOLLEXCLUSIVE/not-of-epoll",
    sentence=("epoll_ctl.2/EPOLLEXCLUSIVE/epoll-instance", "epoll_ctl.2/EINVAL/exclusive-epoll"),
    section="DESCRIPTION",
    says="Adding an epoll instance to another with EPOLLEXCLUSIVE fails with EINVAL; without it succeeds.",
    since="4.5",
)
def test_exclusive_is_not_for_instances(ns, observe):
    with Socket.tcp() as sock, select.epoll() as inner, select.epoll() as outer:
        inner.register(sock, EPOLLIN)
        with refused(errno.EINVAL):
            outer.register(inner, EPOLLIN | EPOLLEXCLUSIVE)
        outer.register(inner, EPOLLIN)

        assert observe("of_instance", events(outer)) == [["IN"]]


@claim(
    "epoll_ctl.2/EPOLLEXCLUSIVE/others-told",
    sentence=("epoll_ctl.2/EPOLLEXCLUSIVE/mixed", "epoll_ctl.2/EPOLLEXCLUSIVE/one-or-more"),
    section="DESCRIPTION",
    says="An event of a TCP, UDP or UNIX socket is reported to both epoll instances that watch it without "
    "EPOLLEXCLUSIVE, and to at least one of the two with it.",
    since="4.5",
    survives={
        "no-op: epoll_ctl(EPOLL_CTL_ADD*EPOLLEXCLUSIVE*": "of the two either may be the one that is told"
    },
)
@PAIRS
def test_those_that_are_not_exclusive_are_told(ns, observe, pair):
    writer, reader = pair()
    one, two, three, four = [select.epoll() for _ in range(4)]
    with writer, reader, one, two, three, four:
        one.register(reader, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE)
        two.register(reader, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE)
        three.register(reader, EPOLLIN | EPOLLET)
        four.register(reader, EPOLLIN | EPOLLET)
        writer.send(b"data")
        await_readable(reader)
        others = [events(three), events(four)]

        assert observe("others_and_any_exclusive", [others, [["IN"]] in [events(one), events(two)]]) == [
            [[["IN"]], [["IN"]]],
            True,
        ]


@claim(
    "defacto/EPOLLEXCLUSIVE/nobody-waits",
    says="Where nobody waits in epoll_wait, an event of a TCP, UDP or UNIX socket is reported to every "
    "epoll instance that watches it, with EPOLLEXCLUSIVE and EPOLLET too.",
    since="4.5",
    commit="df0108c5da56",
)
@PAIRS
def test_all_are_told_where_nobody_waits(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as one, select.epoll() as two:
        one.register(reader, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE)
        two.register(reader, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE)
        writer.send(b"data")
        await_readable(reader)

        assert observe("events", [events(one), events(two)]) == [[["IN"]], [["IN"]]]


@claim(
    "epoll_wait.2/NOTES/added-meanwhile",
    sentence=(
        "epoll_wait.2/NOTES/added-meanwhile",
        "epoll_wait.2/NOTES/empty-list",
        "epoll_wait.2/timeout/until",
        "epoll_wait.2/epoll_wait/waits",
    ),
    section="NOTES",
    says="epoll_wait on an instance that watches nothing waits, and ends when another thread adds a UDP "
    "socket that can be written.",
)
def test_a_socket_that_is_added_meanwhile(ns, observe):
    with Socket.udp() as sock, select.epoll() as epoll:
        with timed() as took, delayed(lambda: epoll.register(sock, EPOLLOUT)):
            found = [names(bits) for _, bits in epoll.poll(SOON)]

        assert observe("waited_and_events", [took.lasted(0.1), found]) == [True, [["OUT"]]]


@claim(
    "epoll_wait.2/timeout/milliseconds",
    sentence=(
        "epoll_wait.2/timeout/milliseconds",
        "epoll_wait.2/epoll_wait/returns",
        "epoll_wait.2/timeout/until",
    ),
    section="DESCRIPTION",
    says="epoll_wait waits 100 ms for data that do not come to a TCP, UDP or UNIX socket, and reports "
    "nothing; once they have come it reports them.",
)
@PAIRS
def test_the_timeout_passes(ns, observe, pair):
    writer, reader = pair()
    with writer, reader, select.epoll() as epoll:
        epoll.register(reader, EPOLLIN)
        with timed() as took:
            nothing = epoll.poll(0.1)
        writer.send(b"data")
        await_readable(reader)

        assert observe("waited_nothing_data", [took.lasted(0.1), nothing, events(epoll)]) == [
            True,
            [],
            [["IN"]],
        ]


@claim(
    "epoll_wait.2/events/up-to-n",
    sentence=("epoll_wait.2/events/up-to-n", "epoll_wait.2/epoll_wait/returns"),
    section="DESCRIPTION",
    says="epoll_wait gives no more than the n descriptors it is asked for: of two UDP sockets that can be "
    "written one for n = 1, and two for n = 2 and 3.",
)
@pytest.mark.parametrize(("n", "given"), [(1, 1), (2, 2), (3, 2)])
def test_no_more_than_asked_for(ns, observe, n, given):
    with Socket.udp() as one, Socket.udp() as two, select.epoll() as epoll:
        epoll.register(one, EPOLLOUT)
        epoll.register(two, EPOLLOUT)

        assert observe("given_and_all", [len(epoll.poll(0, n)), len(epoll.poll(0))]) == [given, 2]
