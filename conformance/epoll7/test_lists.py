"""What an epoll instance is: what it watches, what it gives back, and what becomes of it."""

from __future__ import annotations

import errno
import os
import select
import socket
from contextlib import suppress
from select import EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import KCMP, OWN_KERNEL
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import drain, fill
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.capabilities import kernel_sysctl_set
from conformance.plugin.setups.descriptors import limit_files, own_user
from conformance.plugin.setups.event_calls import (
    CTL_ADD,
    CTL_DEL,
    CTL_MOD,
    Watched,
    epoll_ctl,
    epoll_made,
    epoll_made_of_size,
    epoll_told,
    epoll_wait,
    epoll_watched,
    kcmp_epoll,
    poll,
    watches_until_refused,
)
from conformance.plugin.setups.pairs import limit_buffer
from conformance.plugin.setups.readiness import arrival, await_readable
from conformance.plugin.setups.states import connected, names
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.timing import SOON
from libsocket import Fd, Rights, Socket
from netns import in_child

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "udp", "udp6", "unix", "unix-seqpacket", "unix-datagram"]
)
STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
MAKERS = pytest.mark.parametrize(
    "make", [lambda: epoll_made_of_size(1), lambda: epoll_made(0)], ids=["epoll_create", "epoll_create1"]
)
DATA, OTHER_DATA = 0xFEDC_BA98_7654_3210, 0x0123_4567_89AB_CDEF
ALWAYS = EPOLLERR | EPOLLHUP
MAX_USER_WATCHES = "fs/epoll/max_user_watches"
ONE_END_READS = {"no-op: connect*": "an end that only receives needs no peer"}
ONE_END = {"no-op: connect*": "one of the two ends needs no peer here"}


def events(epoll: select.epoll, seconds: float = 0) -> list[list[str]]:
    """The events of each descriptor that is ready, at once or within some seconds."""
    return [names(bits) for _, bits in epoll.poll(seconds)]


def ready(epoll: select.epoll, socks: list[Socket]) -> list[list[tuple[int, list[str]]]]:
    """The places of the sockets that are readable, with their events: by epoll, and by poll."""
    places = {sock.fileno(): place for place, sock in enumerate(socks)}
    by_epoll = sorted((places[file], names(bits)) for file, bits in epoll.poll(0))
    revents = poll([(sock.fileno(), EPOLLIN) for sock in socks])
    return [by_epoll, [(place, names(bits)) for place, bits in enumerate(revents) if bits]]


def sizes_sent(sock: Socket, size: int) -> set[int]:
    """What each send of so many bytes returns until one would block."""
    sizes = set()
    with suppress(BlockingIOError):
        while True:
            sizes.add(sock.send(bytes(size), socket.MSG_DONTWAIT))
    return sizes


@claim(
    "epoll.7/epoll/which-of-several",
    sentence=(
        "epoll.7/epoll/watches",
        "epoll.7/epoll/ready-list",
        "epoll_wait.2/events/ready-list",
        "epoll_wait.2/events/occurred",
    ),
    section="DESCRIPTION",
    says="Of three connected TCP, UDP or UNIX sockets that an epoll instance watches for EPOLLIN "
    "epoll_wait(2) gives those for which data have come, with EPOLLIN, and no other, as poll(2) does: at "
    "first none, then the second, then the third as well, and when the data of the second were received "
    "the third alone.",
    survives=ONE_END_READS,
)
@KINDS
def test_those_that_are_ready_are_told(ns, observe, kind):
    with (
        connected(kind) as (first, to_first),
        connected(kind) as (second, to_second),
        connected(kind) as (third, to_third),
        select.epoll() as epoll,
    ):
        socks = [first, second, third]
        epoll.register(first, EPOLLIN)
        epoll.register(second, EPOLLIN)
        epoll.register(third, EPOLLIN)
        found = [ready(epoll, socks)]
        to_second.send(b"data")
        await_readable(second)
        found.append(ready(epoll, socks))
        to_third.send(b"data")
        await_readable(third)
        found.append(ready(epoll, socks))
        second.recv(100)
        to_first.send(b"data")
        await_readable(first)
        found.append(ready(epoll, socks))

        assert observe("by_epoll_and_poll", found) == [
            [[], []],
            [[(1, ["IN"])]] * 2,
            [[(1, ["IN"]), (2, ["IN"])]] * 2,
            [[(0, ["IN"]), (2, ["IN"])]] * 2,
        ]


@claim(
    "epoll.7/fdinfo/what-is-watched",
    sentence=("epoll.7/NOTES/fdinfo", "epoll_ctl.2/EPOLL_CTL_ADD/adds"),
    section="NOTES",
    says="/proc/pid/fdinfo of an epoll instance has nothing at first, once EPOLL_CTL_ADD has added a TCP, "
    "UDP or UNIX socket its descriptor, the events that were asked for with EPOLLERR and EPOLLHUP, and the "
    "data, and after EPOLL_CTL_DEL nothing.",
    survives=ONE_END,
)
@KINDS
def test_what_is_watched_is_shown(ns, observe, kind):
    with connected(kind) as (sock, _), select.epoll() as epoll:
        found = [epoll_watched(epoll.fileno())]
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLIN | EPOLLET, data=DATA)
        found.append(epoll_watched(epoll.fileno()))
        epoll_ctl(epoll.fileno(), CTL_DEL, sock.fileno(), None)
        found.append(epoll_watched(epoll.fileno()))
        row = Watched(sock.fileno(), EPOLLIN | EPOLLET | ALWAYS, DATA)

        assert observe("as_added", [one == [row] if one else one for one in found]) == [[], True, []]


@claim(
    "epoll.7/kcmp/what-is-watched",
    sentence=("epoll.7/NOTES/kcmp", "epoll_ctl.2/EPOLL_CTL_ADD/adds"),
    section="NOTES",
    says="KCMP_EPOLL_TFD of kcmp(2) finds a TCP, UDP or UNIX socket in the epoll instance that it was "
    "added to, by the number by which it was, also through a duplicate, which is of the same open file "
    "description; its peer is not what is there, and by the number of the peer, which was not added, it "
    "fails with ENOENT.",
    since="4.13",
    needs=[KCMP],
    survives={
        **ONE_END,
        "no-op: ioctl(FIONBIO*": "Python sets of a duplicate whether it blocks, which nothing here asks",
    },
)
@KINDS
def test_what_is_watched_is_compared(ns, observe, kind):
    with connected(kind) as (sock, peer), sock.dup() as double, select.epoll() as epoll:
        number = sock.fileno()
        with refused(errno.ENOENT, "errno_before"):
            kcmp_epoll(sock, epoll, number)
        epoll.register(number, EPOLLIN)
        found = [kcmp_epoll(one, epoll, number) == 0 for one in (sock, double, peer)]
        with refused(errno.ENOENT):
            kcmp_epoll(peer, epoll, peer.fileno())

        assert observe("sock_double_peer", found) == [True, True, False]


@claim(
    "epoll_ctl.2/data/given-back",
    sentence="epoll_ctl.2/event/data",
    section="DESCRIPTION",
    says="The 64 bits of data with which EPOLL_CTL_ADD adds a TCP, UDP or UNIX socket are those that "
    "epoll_wait(2) gives when it is ready, and again when it still is; another socket has its own.",
    survives=ONE_END_READS,
)
@KINDS
def test_the_data_are_given_back(ns, observe, kind):
    with connected(kind) as (sock, peer), Socket.udp() as other, select.epoll() as epoll:
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLIN, data=DATA)
        found = [epoll_told(epoll.fileno())]
        peer.send(b"data")
        await_readable(sock)
        found.append(epoll_told(epoll.fileno()))
        epoll_ctl(epoll.fileno(), CTL_ADD, other.fileno(), EPOLLOUT, data=OTHER_DATA)
        found.append(sorted(epoll_told(epoll.fileno())))

        assert observe("events_and_data", found) == [
            [],
            [(EPOLLIN, DATA)],
            [(EPOLLIN, DATA), (EPOLLOUT, OTHER_DATA)],
        ]


@claim(
    "epoll_wait.2/data/of-modification",
    sentence="epoll_wait.2/data/most-recent",
    section="DESCRIPTION",
    says="Once EPOLL_CTL_MOD has given a TCP, UDP or UNIX socket that is ready other data than "
    "EPOLL_CTL_ADD had, epoll_wait(2) gives those.",
    survives=ONE_END_READS,
)
@KINDS
def test_the_data_are_replaced(ns, observe, kind):
    with connected(kind) as (sock, peer), select.epoll() as epoll:
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLIN, data=DATA)
        peer.send(b"data")
        await_readable(sock)
        before = epoll_told(epoll.fileno())
        epoll_ctl(epoll.fileno(), CTL_MOD, sock.fileno(), EPOLLIN, data=OTHER_DATA)

        assert observe("events_and_data", [before, epoll_told(epoll.fileno())]) == [
            [(EPOLLIN, DATA)],
            [(EPOLLIN, OTHER_DATA)],
        ]


@claim(
    "epoll_wait.2/data/of-duplicates",
    sentence="epoll_wait.2/data/most-recent",
    section="DESCRIPTION",
    says="Where a UDP or UNIX stream socket was added to an epoll instance by two descriptors of one open "
    "file description, with data of 1 and then of 2, the events of both have the data of the last call for "
    "that description, 2.",
    expect=differs(
        "each descriptor has the data of the last call for it, not for the description; older than the "
        "history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"data": [1, 2]},
    ),
    survives={
        **ONE_END,
        "no-op: ioctl(FIONBIO*": "Python sets of a duplicate whether it blocks, which nothing here asks",
    },
)
@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_duplicates_have_the_last_data(ns, observe, kind):
    with connected(kind) as (sock, _), sock.dup() as double, select.epoll() as epoll:
        epoll_ctl(epoll.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT, data=1)
        epoll_ctl(epoll.fileno(), CTL_ADD, double.fileno(), EPOLLOUT, data=2)

        assert observe("data", sorted(data for _, data in epoll_told(epoll.fileno()))) == [2, 2]


@claim(
    "epoll_create.2/instance/new-each-time",
    sentence=("epoll_create.2/epoll_create/makes", "epoll_create.2/epoll_create/descriptor"),
    section="DESCRIPTION",
    says="epoll_create(2) and epoll_create1(2) make a new epoll instance each time: what epoll_ctl(2) adds "
    "by the descriptor of one, a UDP socket that can be written, epoll_wait(2) and epoll_pwait(2) give by "
    "that descriptor, and not by the other's, until epoll_ctl(2) has removed it.",
)
@MAKERS
def test_each_instance_is_new(ns, observe, make):
    with Socket.udp() as sock, Fd(make()) as one, Fd(make()) as other:
        epoll_ctl(one.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT)
        found = [epoll_wait(call, one.fileno()) for call in ("epoll_wait", "epoll_pwait")]
        found.append(epoll_wait("epoll_wait", other.fileno()))
        epoll_ctl(one.fileno(), CTL_DEL, sock.fileno(), None)
        found.append(epoll_wait("epoll_wait", one.fileno()))

        assert observe("given", found) == [1, 1, 0, 0]


@claim(
    "epoll_create.2/EMFILE/limit",
    sentence="epoll_create.2/EMFILE/limit",
    section="ERRORS",
    says="epoll_create(2) and epoll_create1(2) fail with EMFILE where the process has as many descriptors "
    "as RLIMIT_NOFILE; with one less they make an instance.",
    survives={"*": "no socket is asked"},
)
@MAKERS
def test_there_is_a_limit(observe, make):
    answers = in_child(lambda: made_at_the_limit(make))

    assert observe("answers", answers) == ["made", "EMFILE", "made", "EMFILE"]


def made_at_the_limit(make):
    limit_files(1)
    first = make()
    found = ["made", answer(make)]
    os.close(first)
    again = make()
    return [*found, "made" if again == first else "another", answer(make)]


@claim(
    "epoll_create.2/close/last-descriptor",
    sentence="epoll_create.2/close/destroyed",
    section="DESCRIPTION",
    says="An epoll instance that watches a UDP socket which can be written lives until both its descriptors "
    "are closed: until then another instance reports it and has it in /proc/pid/fdinfo, and afterwards does "
    "not.",
)
def test_an_instance_is_destroyed(ns, observe):
    with Socket.udp() as sock, select.epoll() as outer, Fd(epoll_made(0)) as inner:
        with Fd(os.dup(inner.fileno())):
            epoll_ctl(inner.fileno(), CTL_ADD, sock.fileno(), EPOLLOUT)
            outer.register(inner.fileno(), EPOLLIN)
            found = [[events(outer), len(epoll_watched(outer.fileno()))]]
            inner.close()
            found.append([events(outer), len(epoll_watched(outer.fileno()))])
        found.append([events(outer), len(epoll_watched(outer.fileno()))])

        assert observe("events_and_watched", found) == [[[["IN"]], 1], [[["IN"]], 1], [[], 0]]


@claim(
    "epoll.7/EPOLLET/both-events",
    sentence="epoll.7/example/both-events",
    section="Example for suggested usage",
    says="A TCP or UNIX stream socket that is added once, with EPOLLIN, EPOLLOUT and EPOLLET, is reported "
    "EPOLLOUT of, nothing while its buffer is full, EPOLLIN when data come, and EPOLLOUT when they were "
    "received and there is room again, without EPOLL_CTL_MOD.",
)
@STREAMS
def test_both_events_are_asked_for_once(ns, observe, kind):
    with connected(kind) as (sock, peer), select.epoll() as epoll:
        epoll.register(sock, EPOLLIN | EPOLLOUT | EPOLLET)
        found = [events(epoll)]
        queued = fill(sock)
        found.append(events(epoll))
        with arrival(sock):
            peer.send(b"data")
        found.append(events(epoll))
        sock.recv(100)
        drain(peer, queued)
        found.append(events(epoll, SOON))

        assert observe("room_full_data_room", found) == [[["OUT"]], [], [["IN"]], [["OUT"]]]


@claim(
    "epoll.7/EPOLLET/datagrams-received",
    sentence="epoll.7/EPOLLET/datagrams",
    section="Questions and answers",
    says="That a receive from a UDP, or UNIX datagram or seqpacket socket gives fewer bytes than it may "
    "does not tell that all is received: of two messages, of which epoll with EPOLLET has reported one "
    "event and no more after the first was received, the next gives the second; EAGAIN then tells it.",
    survives=ONE_END_READS,
)
@pytest.mark.parametrize("kind", ["udp", "udp6", "unix-seqpacket", "unix-datagram"])
def test_a_short_datagram_tells_nothing(ns, observe, kind):
    with connected(kind) as (sock, peer), select.epoll() as epoll:
        epoll.register(sock, EPOLLIN | EPOLLET)
        with arrival(sock):
            peer.send(b"one")
        with arrival(sock):
            peer.send(b"two")
        found = [events(epoll), sock.recv(100, socket.MSG_DONTWAIT).decode(), events(epoll)]
        found.append(sock.recv(100, socket.MSG_DONTWAIT).decode())
        with refused(errno.EAGAIN):
            sock.recv(100, socket.MSG_DONTWAIT)

        assert observe("event_first_event_second", found) == [[["IN"]], "one", [], "two"]


@claim(
    "epoll.7/EPOLLET/datagrams-sent",
    sentence="epoll.7/EPOLLET/datagrams",
    section="Questions and answers",
    says="A send on a UNIX datagram or seqpacket socket takes the whole message, 1000 bytes, as long as "
    "there is room: that the buffer is full only EAGAIN tells.",
)
@pytest.mark.parametrize("kind", ["unix-seqpacket", "unix-datagram"])
def test_no_part_of_a_datagram_is_sent(ns, observe, kind):
    with connected(kind) as (sock, peer):
        limit_buffer(sock)
        sizes = sizes_sent(sock, 1000)
        with refused(errno.EAGAIN):
            sock.send(bytes(1000), socket.MSG_DONTWAIT)

        assert observe("sent_and_received", [sorted(sizes), len(peer.recv(2000))]) == [[1000], 1000]


@claim(
    "epoll.7/EPOLLET/short-receive",
    sentence="epoll.7/EPOLLET/short-read",
    section="Questions and answers",
    says="A receive from a TCP or UNIX stream socket that gives fewer bytes than it may, of ordinary data "
    "that came without descriptors, tells that all is received: the next fails with EAGAIN.",
    survives=ONE_END_READS,
)
@STREAMS
def test_a_short_receive_tells(ns, observe, kind):
    with connected(kind) as (sock, peer), select.epoll() as epoll:
        epoll.register(sock, EPOLLIN | EPOLLET)
        with arrival(sock):
            peer.send(b"one")
        with arrival(sock):
            peer.send(b"two")
        found = [events(epoll), sock.recv(100, socket.MSG_DONTWAIT).decode()]
        with refused(errno.EAGAIN):
            sock.recv(100, socket.MSG_DONTWAIT)

        assert observe("event_and_received", found) == [[["IN"]], "onetwo"]


@claim(
    "epoll.7/EPOLLET/short-send",
    sentence="epoll.7/EPOLLET/short-read",
    section="Questions and answers",
    says="A send of ten megabytes on a UNIX stream socket that sends fewer tells that its buffer is full: "
    "the next, of a byte, fails with EAGAIN.",
)
def test_a_short_send_tells(ns, observe):
    with connected("unix") as (sock, peer):
        first = sock.send(b"x", socket.MSG_DONTWAIT)
        sent = sock.send(bytes(10_000_000), socket.MSG_DONTWAIT)
        with refused(errno.EAGAIN):
            sock.send(b"x", socket.MSG_DONTWAIT)

        assert observe("first_part_received", [first, 0 < sent < 10_000_000, len(peer.recv(1))]) == [
            1,
            True,
            1,
        ]


@claim(
    "epoll.7/EPOLLET/short-receive-at-mark",
    sentence="epoll.7/EPOLLET/short-read",
    section="Questions and answers",
    says="A receive of 100 bytes from a TCP socket, over IPv4 and IPv6, to which two bytes, an urgent one "
    "and two more have come, gives fewer, which tells that all is received: the next fails with EAGAIN.",
    expect=differs(
        "it stops before the urgent byte, and the next gives what is behind it; older than the history in "
        "git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"first": "ab", "errno": None},
    ),
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_short_receive_before_an_urgent_byte(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"ab")
        peer.send(b"!", socket.MSG_OOB)
        await_urgent(sock)
        with arrival(sock):
            peer.send(b"cd")
        first = observe("first", sock.recv(100, socket.MSG_DONTWAIT).decode())
        with refused(errno.EAGAIN):
            sock.recv(100, socket.MSG_DONTWAIT)

        assert len(first) < 100


@claim(
    "epoll.7/EPOLLET/short-receive-at-descriptors",
    sentence="epoll.7/EPOLLET/short-read",
    section="Questions and answers",
    says="A receive of 100 bytes from a UNIX stream socket to which two bytes have come with a descriptor "
    "(SCM_RIGHTS), and two more without, gives fewer, which tells that all is received: the next fails "
    "with EAGAIN.",
    expect=differs(
        "it stops behind what came with descriptors, and the next gives the rest; older than the history in "
        "git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"first": "ab", "errno": None},
    ),
)
def test_a_short_receive_behind_descriptors(ns, observe):
    with connected("unix") as (sock, peer):
        peer.send_message(b"ab", Rights(peer.fileno()))
        peer.send(b"cd")
        first = observe("first", sock.recv(100, socket.MSG_DONTWAIT).decode())
        with refused(errno.EAGAIN):
            sock.recv(100, socket.MSG_DONTWAIT)

        assert len(first) < 100


@claim(
    "epoll_ctl.2/ENOSPC/max-user-watches",
    sentence=("epoll_ctl.2/ENOSPC/limit", "epoll.7/max_user_watches/limit"),
    section="ERRORS",
    says="Where /proc/sys/fs/epoll/max_user_watches is 100, a user can add 100 descriptors, of a UDP "
    "socket, to two epoll instances together, and the next fails with ENOSPC.",
    needs=[OWN_KERNEL],
)
def test_a_user_watches_so_many(ns, observe):
    user = own_user()
    with kernel_sysctl_set(MAX_USER_WATCHES, "100"):
        found = in_child(lambda: watches_until_refused((user, 0), attempts=150))

    assert observe("added_and_errno", found) == [[100, "ENOSPC"]]


@claim(
    "epoll.7/max_user_watches/real-user",
    sentence="epoll.7/max_user_watches/per-uid",
    section="/proc interfaces",
    says="max_user_watches, 100, is a limit for each real user id: once one has added 100 descriptors of a "
    "UDP socket to epoll instances another can add as many, and the first, whatever its effective user id, "
    "none.",
    needs=[OWN_KERNEL],
)
def test_each_real_user_has_a_limit(ns, observe):
    one, other = own_user(), own_user(1)
    with kernel_sysctl_set(MAX_USER_WATCHES, "100"):
        found = in_child(lambda: watches_until_refused((one, 0), (other, 0), (one, other), attempts=150))

    assert observe("added_and_errno", found) == [[100, "ENOSPC"], [100, "ENOSPC"], [0, "ENOSPC"]]
