"""UNIX sockets in a sockmap (BPF_MAP_TYPE_SOCKMAP): which can be put in, and what they get with a program."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import EBPF
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import await_asleep
from conformance.plugin.setups.bpf import SK_DROP, SK_PASS, judged, sockmap
from conformance.plugin.setups.descriptors import counts_and_data, pipes, writers_sent
from conformance.plugin.setups.interruptions import interrupting, recv_once
from conformance.plugin.setups.listeners import listening_unix
from conformance.plugin.setups.polls import polled_events
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.threads import delayed, in_turn
from conformance.plugin.setups.unix_diag import told_of
from conformance.plugin.setups.unix_messages import impatient, recv_nothing
from conformance.plugin.timing import LONG, SOON, timed
from libsocket import Shutdown, Socket
from netns import Child

DONTWAIT, OOB, PEEK = socket.MSG_DONTWAIT, socket.MSG_OOB, socket.MSG_PEEK
TYPES = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "seqpacket": socket.SOCK_SEQPACKET}
KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "dgram"])


@claim(
    "defacto/sockmap/unix",
    says="A UNIX datagram socket, connected or not, and a UNIX stream socket that is connected can be put "
    "in a sockmap, in two places of it too, and be taken out again.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@pytest.mark.parametrize("kind", ["stream", "dgram", "dgram-alone"])
def test_a_socket_can_be_put_in(ns, observe, kind):
    with made(kind) as sock, sockmap() as map:
        there = [map.has(sock, 0)]
        map.put(sock, 0)
        map.put(sock, 1)
        there += [map.has(sock, 0), map.has(sock, 1)]
        map.remove(0)
        there += [map.has(sock, 0), map.has(sock, 1)]

        assert observe("there", there) == [False, True, True, False, True]


@claim(
    "defacto/sockmap/unix-refused",
    says="A UNIX stream socket that is not connected or listens, and a UNIX seqpacket socket, connected or "
    "not, cannot be put in a sockmap: EOPNOTSUPP. A connected UNIX stream socket can.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@pytest.mark.parametrize(
    ("kind", "listens"),
    [("stream-alone", False), ("stream-listener", True), ("seqpacket-alone", False), ("seqpacket", False)],
)
def test_others_cannot_be_put_in(ns, observe, kind, listens):
    with made(kind) as sock, made("stream") as other, sockmap() as map:
        with refused(errno.EOPNOTSUPP):
            map.put(sock, 0)
        map.put(other, 1)

        found = [sock.acceptconn, map.has(sock, 0), map.has(other, 1)]
        assert observe("listens_there_other", found) == [listens, False, True]


@contextmanager
def made(kind: str) -> Iterator[Socket]:
    """A UNIX socket: one of a pair, ``-alone`` without a peer, or a ``-listener``."""
    type_, _, state = kind.partition("-")
    makers: dict[str, Callable[[int], AbstractContextManager[Socket]]] = {
        "": one_of_a_pair,
        "alone": Socket.unix,
        "listener": listening_unix,
    }
    with makers[state](TYPES[type_]) as sock:
        yield sock


@contextmanager
def one_of_a_pair(type_: int) -> Iterator[Socket]:
    """One that is connected to another."""
    left, right = Socket.pair(type_)
    with left, right:
        yield left


@claim(
    "defacto/sockmap/unix-receives",
    says="A connected UNIX stream or datagram socket in a sockmap without a program receives as before: "
    "what was sent before it was put in and after, without MSG_DONTWAIT what comes later, nothing into no "
    "room, and with it EAGAIN where nothing is there.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@KINDS
def test_it_receives_as_before(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, sockmap() as map:
        impatient(right)
        left.send(b"before")
        map.put(right)
        received = [right.recv(9).decode()]
        left.send(b"after")
        nothing = recv_nothing(right)
        received += [right.recv(9).decode()]
        with refused(errno.EAGAIN):
            right.recv(9, DONTWAIT)
        with delayed(lambda: left.send(b"late"), 0.02) as begun:
            received += [right.recv(9).decode()]

        assert observe("received", [received, nothing, map.has(right), begun.is_set()]) == [
            ["before", "after", "late"],
            0,
            True,
            True,
        ]


@claim(
    "defacto/sockmap/unix-wait-ends",
    says="A receive on a connected UNIX stream or datagram socket in a sockmap that finds nothing fails "
    "with EAGAIN after SO_RCVTIMEO, and also when a handler interrupts it, where EINTR comes outside the "
    "map.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@KINDS
def test_a_wait_ends(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, sockmap() as map:
        impatient(right)
        with interrupting(restart=False), refused(errno.EINTR, "errno_outside"):
            recv_once(right)
        map.put(right)
        with interrupting(restart=False), refused(errno.EAGAIN, "errno_interrupted"):
            recv_once(right)
        right.rcvtimeo = 0.02
        with timed() as took, refused(errno.EAGAIN, "errno_timeout"):
            right.recv(9)

        assert observe("there_and_lasted", [map.has(right), took.lasted(0.02)]) == [True, True]


@claim(
    "defacto/sockmap/unix-end",
    says="A receive on a UNIX stream socket in a sockmap that waits when its peer is closed fails with "
    "EAGAIN, and the next gives the end.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
def test_the_end_is_received(ns, observe):
    left, right = Socket.pair()
    with left, right, sockmap() as map:
        right.rcvtimeo = float(LONG)
        map.put(right)
        left.send(b"last")
        received = [right.recv(9).decode()]
        with Child(in_turn(left.close, lambda: right.recv(9))) as child:
            asleep = await_asleep(child.pid)
            left.close()
            with refused(errno.EAGAIN):
                child.value()
        received += [right.recv(9).decode()]

        found = [asleep, received, map.has(right)]
        assert observe("asleep_received_there", found) == [True, ["last", ""], True]


@claim(
    "defacto/sockmap/unix-no-oob",
    says="A receive with MSG_OOB on a UNIX stream socket in a sockmap fails with EOPNOTSUPP; once it is "
    "taken out the byte is received.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
def test_no_urgent_byte_is_received(ns, observe):
    left, right = Socket.pair()
    with left, right, sockmap() as map:
        impatient(right)
        left.send(b"X", OOB)
        map.put(right)
        with refused(errno.EOPNOTSUPP):
            right.recv(9, OOB)
        map.remove()

        assert observe("received", right.recv(9, OOB).decode()) == "X"


@claim(
    "defacto/sockmap/unix-pass",
    says="What a UNIX stream or datagram socket gets that is in a sockmap with a program that says SK_PASS "
    "is received: poll(2) reports POLLIN, a MSG_PEEK leaves it, and a receive takes it.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@KINDS
def test_what_passes_is_received(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, judged(SK_PASS, right):
        impatient(right)
        events = [polled_events(right, select.POLLIN)[1]]
        left.send(b"hello")
        await_readable(right)
        events += [polled_events(right, select.POLLIN)[1]]
        received = [right.recv(9, PEEK).decode(), right.recv(9).decode()]
        events += [polled_events(right, select.POLLIN)[1]]

        assert observe("events_and_received", [events, received]) == [
            [0, select.POLLIN, 0],
            ["hello", "hello"],
        ]


@claim(
    "defacto/sockmap/unix-pass-late",
    says="A receive that waits on a UNIX stream or datagram socket in a sockmap with a program that says "
    "SK_PASS gets what is sent meanwhile.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@KINDS
def test_what_passes_ends_a_wait(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, judged(SK_PASS, right) as map:
        impatient(right)
        with delayed(lambda: left.send(b"late"), 0.02) as begun:
            received = right.recv(9).decode()

        assert observe("received", [received, map.has(right), begun.is_set()]) == ["late", True, True]


@claim(
    "defacto/sockmap/unix-drop",
    says="What a UNIX stream or datagram socket gets that is in a sockmap with a program that says SK_DROP "
    "is lost, though the send succeeds, and SO_MEMINFO counts it as dropped; once it is taken out what is "
    "sent is received.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@KINDS
def test_what_is_dropped_is_lost(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, judged(SK_DROP, right) as map:
        impatient(right)
        sent = [left.send(b"lost")]
        with refused(errno.EAGAIN):
            right.recv(9, DONTWAIT)
        dropped = right.meminfo.drops
        map.remove()
        sent += [left.send(b"hello")]

        found = [sent, dropped, right.recv(9).decode()]
        assert observe("sent_dropped_received", found) == [[4, 5], 1, "hello"]


@claim(
    "defacto/sockmap/unix-redirect",
    says="What a UNIX stream or datagram socket gets that is in a sockmap is received at another of the map "
    "where a program redirects it, and not there.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@KINDS
def test_what_is_redirected_is_received_elsewhere(ns, observe, kind):
    left, right = Socket.pair(kind)
    other, another = Socket.pair(kind)
    with left, right, other, another, sockmap() as map, map.redirecting(1) as program:
        impatient(right, another)
        map.attach(program)
        map.put(right, 0)
        map.put(another, 1)
        left.send(b"hello")
        await_readable(another)
        received = another.recv(9).decode()
        with refused(errno.EAGAIN):
            right.recv(9, DONTWAIT)

        assert observe("received", received) == "hello"


@claim(
    "defacto/sockmap/unix-descriptors",
    says="Descriptors that are sent to a UNIX stream or datagram socket in a sockmap with a program that "
    "says SK_PASS are closed, and the data alone is received; once it is taken out they are received.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@KINDS
def test_descriptors_are_lost(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(2) as sent, judged(SK_PASS, right) as map:
        impatient(right)
        writers_sent(left, sent[:1])
        await_readable(right)
        received = [counts_and_data(right)]
        ended = sent[0].ended(SOON)
        map.remove()
        writers_sent(left, sent[1:])
        received += [counts_and_data(right)]

        assert observe("received_and_ended", [received, ended]) == [[["data", []], ["data", [1]]], True]


@claim(
    "defacto/sockmap/unix-urgent",
    says="A byte that is sent with MSG_OOB to a UNIX stream socket in a sockmap with a program that says "
    "SK_PASS is lost, and what is sent before it and after is received.",
    since="6.11",
    commit="638f32604385",
    needs=[EBPF],
)
def test_an_urgent_byte_is_lost(ns, observe):
    left, right = Socket.pair()
    with left, right, judged(SK_PASS, right):
        impatient(right)
        left.send(b"abX", OOB)
        await_readable(right)
        received = [right.recv(9).decode()]
        left.send(b"cd")
        await_readable(right)
        received += [right.recv(9).decode()]
        with refused(errno.EAGAIN):
            right.recv(9, DONTWAIT)

        assert observe("received", received) == ["ab", "cd"]


@claim(
    "defacto/sockmap/unix-shutdown",
    says="A UNIX stream socket is taken out of a sockmap when its peer is shut down, for receiving or "
    "sending, and then receives as before; a datagram socket stays in it.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@pytest.mark.parametrize(
    ("how", "bit"), [(Shutdown.READ, 1), (Shutdown.WRITE, 2)], ids=["receiving", "sending"]
)
def test_a_shutdown_of_the_peer_takes_a_stream_out(ns, observe, how, bit):
    left, right = Socket.pair()
    other, another = Socket.pair(socket.SOCK_DGRAM)
    with left, right, other, another, judged(SK_DROP, right, another) as map:
        there = [map.has(right, 0), map.has(another, 1)]
        left.shutdown(how)
        other.shutdown(how)
        there += [map.has(right, 0), map.has(another, 1)]

        bits = [told_of(sock).shutdown for sock in (left, other)]
        assert observe("there_and_shut_down", [there, bits]) == [[True, True, False, True], [bit, bit]]


@claim(
    "defacto/sockmap/unix-close",
    says="A connected UNIX stream or datagram socket is in a sockmap no longer once it is closed: its place "
    "can be taken by another.",
    since="5.15",
    commit="94531cfcbe79",
    needs=[EBPF],
)
@KINDS
def test_a_close_takes_it_out(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, sockmap() as map:
        map.put(right)
        there = [map.has(right), map.is_empty()]
        right.close()
        there += [map.is_empty()]
        map.put(left)

        assert observe("there_empty", [*there, map.has(left)]) == [True, False, True, True]
