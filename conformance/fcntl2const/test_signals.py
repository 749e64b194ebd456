"""Who gets the signals of a socket, and which, by fcntl(2)."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from fcntl import F_GETFL, F_SETFL, F_SETOWN, fcntl

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, NOBODY, SIGNAL_LIMIT
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import drain
from conformance.plugin.setups.owners import (
    CHOSEN,
    F_OWNER_TID,
    F_SETSIG,
    blocked,
    getown,
    next_code,
    pending,
    set_async,
    set_owner_ex,
    told_beyond_limit,
)
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.selects import select
from conformance.plugin.setups.signals import queued, signalled
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.timing import SOON
from netns import as_user, in_child

SI_KERNEL, POLL_IN = 0x80, 1
BLOCKS = {"no-op: ioctl(FIONBIO*": "a new descriptor of a socket that blocks is one that blocks"}
PAIRS = pytest.mark.parametrize("kind", ["unix", "unix-seqpacket", "unix-datagram"])


@claim(
    "F_GETSIG.2const/F_SETOWN/permission",
    sentence=("F_GETSIG.2const/F_SETOWN/permission", "F_GETSIG.2const/F_SETOWN/O_ASYNC"),
    section="DESCRIPTION",
    says="Of a UNIX stream, seqpacket or datagram socket with O_ASYNC whose owner, a process of root, a "
    "process of another user without capabilities has set with F_SETOWN, the owner gets no SIGIO when data "
    "come; it gets it once it has set itself.",
    needs=[ANOTHER_USER],
)
@PAIRS
def test_who_sets_the_owner_must_be_allowed_to(ns, observe, kind):
    parent = os.getpid()
    with signalled(signal.SIGIO) as came, connected(kind) as (sock, peer):
        set_async(sock)
        as_user(NOBODY, lambda: fcntl(sock, F_SETOWN, parent))
        peer.send(b"x")
        await_readable(sock)
        before = [getown(sock) == parent, *came]
        fcntl(sock, F_SETOWN, parent)
        peer.send(b"x")

        assert observe("before_and_after", [before, came]) == [[True], ["SIGIO"]]


@claim(
    "F_GETSIG.2const/F_SETOWN/credentials",
    sentence="F_GETSIG.2const/F_SETOWN/credentials",
    section="DESCRIPTION",
    says="Of a UNIX stream, seqpacket or datagram socket with O_ASYNC whose owner has set itself with "
    "F_SETOWN the owner, a process of root, gets SIGIO also when another user without capabilities sends "
    "the data.",
    needs=[ANOTHER_USER],
)
@PAIRS
def test_who_sends_needs_no_permission(ns, observe, kind):
    with signalled(signal.SIGIO) as came, connected(kind) as (sock, peer):
        fcntl(sock, F_SETOWN, os.getpid())
        set_async(sock)
        before = list(came)
        as_user(NOBODY, lambda: peer.send(b"x"))
        await_readable(sock)

        assert observe("before_and_after", [before, list(came)]) == [[], ["SIGIO"]]


@claim(
    "F_GETSIG.2const/F_SETOWN/sigurg-exceptional",
    sentence=("F_GETSIG.2const/F_SETOWN/SIGURG", "F_GETSIG.2const/F_SETOWN/SIGURG-exceptional"),
    section="DESCRIPTION",
    says="The owner of a TCP socket, over IPv4 and IPv6, gets SIGURG for an urgent byte, for which "
    "select(2) reports an exceptional condition, and neither for another byte.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_sigurg_tells_of_an_exceptional_condition(ns, observe, kind):
    with signalled(signal.SIGURG) as came, connected(kind) as (sock, peer):
        fcntl(sock, F_SETOWN, os.getpid())
        peer.send(b"x")
        await_readable(sock)
        before = [select([], [], [sock]).number, list(came)]
        peer.send(b"!", socket.MSG_OOB)
        await_urgent(sock)

        assert observe("before_and_after", [before, [select([], [], [sock]).number, came]]) == [
            [0, []],
            [1, ["SIGURG"]],
        ]


@claim(
    "F_GETSIG.2const/F_SETOWN/sigurg-unix",
    sentence=("F_GETSIG.2const/F_SETOWN/SIGURG", "F_GETSIG.2const/F_SETOWN/SIGURG-exceptional"),
    section="DESCRIPTION",
    says="The owner of a UNIX stream socket gets SIGURG for a byte with MSG_OOB, for which select(2) "
    "reports an exceptional condition, and neither for another byte.",
    since="5.15",
)
def test_sigurg_of_a_unix_socket(ns, observe):
    with signalled(signal.SIGURG) as came, connected("unix") as (sock, peer):
        fcntl(sock, F_SETOWN, os.getpid())
        peer.send(b"x")
        before = [sock.recv(9).decode(), select([], [], [sock]).number, list(came)]
        peer.send(b"!", socket.MSG_OOB)

        assert observe("before_and_after", [before, [select([], [], [sock]).number, came]]) == [
            ["x", 0, []],
            [1, ["SIGURG"]],
        ]


@claim(
    "F_GETSIG.2const/F_SETOWN/sigurg-error",
    sentence="F_GETSIG.2const/F_SETOWN/SIGURG-exceptional",
    section="DESCRIPTION",
    says="The owner of a UDP socket with SO_SELECT_ERR_QUEUE gets SIGURG when it is told that its peer's "
    "port is closed, for which select(2) reports an exceptional condition.",
    survives={"no-op: connect*": "an end that only receives needs no peer"},
    expect=differs(
        "select(2) reports it, and there is no SIGURG",
        since="3.10",
        commit="7d4c04fc1700",
        observed={"exceptional_owned_signals": [1, True, []]},
    ),
)
def test_no_sigurg_for_an_error(ns, observe):
    with signalled(signal.SIGURG) as came, connected("udp") as (sock, peer):
        sock.select_err_queue = True
        fcntl(sock, F_SETOWN, os.getpid())
        peer.close()
        sock.send(b"anybody there?")

        number = select([], [], [sock], timeout=(int(SOON), 0)).number
        found = [number, getown(sock) == os.getpid(), came]
        assert observe("exceptional_owned_signals", found) == [1, True, ["SIGURG"]]


@claim(
    "F_GETSIG.2const/F_SETSIG/limit",
    sentence="F_GETSIG.2const/F_SETSIG/limit",
    section="DESCRIPTION",
    says="Where no real-time signal may be queued (RLIMIT_SIGPENDING), and data come to a UNIX stream, "
    "seqpacket or datagram socket that is to tell of it by one set with F_SETSIG, SIGIO waits instead for "
    "the whole process that owns it by F_SETOWN.",
    needs=[SIGNAL_LIMIT],
)
@PAIRS
def test_sigio_beyond_the_limit(ns, observe, kind):
    with connected(kind) as (sock, peer):
        told = in_child(
            lambda: told_beyond_limit(
                sock, lambda: fcntl(sock, F_SETOWN, os.getpid()), lambda: peer.send(b"x")
            )
        )

        assert observe("of_thread_and_process", told) == [[], ["SIGIO"]]


@claim(
    "F_GETSIG.2const/F_SETSIG/limit-of-thread",
    sentence="F_GETSIG.2const/F_SETSIG/limit",
    section="DESCRIPTION",
    says="Where no real-time signal may be queued (RLIMIT_SIGPENDING), and data come to a UNIX stream, "
    "seqpacket or datagram socket that is to tell a thread of it (F_OWNER_TID) by one set with F_SETSIG, "
    "SIGIO waits instead for the whole process.",
    expect=differs(
        "it waits for the thread alone",
        since="2.6.32",
        commit="ba0a6c9f6fce",
        observed={"of_thread_and_process": [["SIGIO"], []]},
    ),
    needs=[SIGNAL_LIMIT],
)
@PAIRS
def test_sigio_of_a_thread_beyond_the_limit(ns, observe, kind):
    with connected(kind) as (sock, peer):
        told = in_child(
            lambda: told_beyond_limit(
                sock,
                lambda: set_owner_ex(sock, F_OWNER_TID, threading.get_native_id()),
                lambda: peer.send(b"x"),
            )
        )

        assert observe("of_thread_and_process", told) == [[], ["SIGIO"]]


@claim(
    "F_GETSIG.2const/F_SETSIG/no-indication",
    sentence=("F_GETSIG.2const/F_SETSIG/info", "F_GETSIG.2const/F_SETSIG/no-indication"),
    section="DESCRIPTION",
    says="SIGIO of a UNIX stream, seqpacket or datagram socket for which data come has the si_code "
    "SI_KERNEL where F_SETSIG has set 0, and tells of no event; where it has set SIGIO the si_code is "
    "POLL_IN.",
)
@PAIRS
def test_what_sigio_tells(ns, observe, kind):
    with blocked(signal.SIGIO), connected(kind) as (sock, peer):
        set_owner_ex(sock, F_OWNER_TID, threading.get_native_id())
        set_async(sock)
        peer.send(b"x")
        codes = [next_code(signal.SIGIO)]
        fcntl(sock, F_SETSIG, signal.SIGIO)
        peer.send(b"x")
        codes.append(next_code(signal.SIGIO))

        assert observe("codes", codes) == [SI_KERNEL, POLL_IN]


@claim(
    "F_GETSIG.2const/F_SETSIG/queued",
    sentence="F_GETSIG.2const/F_SETSIG/queued",
    section="DESCRIPTION",
    says="Of three datagrams that come to a UNIX datagram socket, or messages to a seqpacket or stream "
    "socket, each queues a real-time signal set with F_SETSIG at the thread that owns it; of SIGIO only one "
    "waits.",
)
@PAIRS
def test_real_time_signals_are_queued(ns, observe, kind):
    with blocked(CHOSEN), blocked(signal.SIGIO), connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        set_owner_ex(sock, F_OWNER_TID, threading.get_native_id())
        set_async(sock, CHOSEN)
        peer.send(b"a")
        peer.send(b"b")
        peer.send(b"c")
        counts = [pending(CHOSEN)]
        fcntl(sock, F_SETSIG, 0)
        peer.send(b"d")
        peer.send(b"e")
        peer.send(b"f")
        counts.append(pending(signal.SIGIO))

        assert observe("counts_and_bytes", [counts, drain(sock, 6).decode()]) == [[3, 1], "abcdef"]


@claim(
    "F_GETSIG.2const/F_SETSIG/closed-descriptor",
    sentence="F_GETSIG.2const/F_SETSIG/closed",
    section="DESCRIPTION",
    says="The signal of a UNIX stream, seqpacket or datagram socket names the descriptor with which "
    "F_SETSIG and O_ASYNC were set, also when it is closed and the socket lives on by a duplicate.",
    survives=BLOCKS,
)
@PAIRS
def test_the_descriptor_is_closed(ns, observe, kind):
    with queued(CHOSEN) as told, connected(kind) as (sock, peer):
        set_owner_ex(sock, F_OWNER_TID, threading.get_native_id())
        set_async(sock, CHOSEN)
        number = sock.fileno()
        with sock.dup() as other:
            sock.close()
            with refused(errno.EBADF):
                fcntl(number, F_GETFL)
            peer.send(b"x")
            named = told()

            assert observe("same_and_data", [named == number, other.recv(1).decode()]) == [True, "x"]


@claim(
    "F_GETSIG.2const/F_SETSIG/which-descriptor",
    sentence="F_GETSIG.2const/F_SETSIG/closed",
    section="DESCRIPTION",
    says="Where F_SETSIG is called with one descriptor of a UNIX stream, seqpacket or datagram socket, and "
    "O_ASYNC set with a duplicate, the signal names the one of F_SETSIG.",
    survives=BLOCKS,
    expect=differs(
        "it names the descriptor with which O_ASYNC was set; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"of_setsig_and_of_async": [False, True]},
    ),
)
@PAIRS
def test_which_descriptor_is_named(ns, observe, kind):
    with queued(CHOSEN) as told, connected(kind) as (sock, peer), sock.dup() as other:
        set_owner_ex(sock, F_OWNER_TID, threading.get_native_id())
        fcntl(sock, F_SETSIG, CHOSEN)
        fcntl(other, F_SETFL, fcntl(other, F_GETFL) | os.O_ASYNC)
        peer.send(b"x")
        named = told()

        found = [named == one.fileno() for one in (sock, other)]
        assert observe("of_setsig_and_of_async", found) == [True, False]
