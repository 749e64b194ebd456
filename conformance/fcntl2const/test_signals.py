"""Who gets the signals of a socket, and which, by fcntl(2)."""

from __future__ import annotations

import os
import signal
import threading
from fcntl import F_GETFL, F_SETFL, F_SETOWN, fcntl

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, NOBODY
from conformance.plugin.setups.owners import F_OWNER_TID, F_SETSIG, blocked, pending, set_async, set_owner_ex
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.signals import queued, signalled
from conformance.plugin.setups.states import connected
from netns import as_user

CHOSEN = signal.SIGRTMIN + 3
PAIRS = pytest.mark.parametrize("kind", ["unix", "unix-seqpacket", "unix-datagram"])


@claim(
    "F_GETSIG.2const/F_SETOWN/permission",
    sentence=("F_GETSIG.2const/F_SETOWN/permission", "F_GETSIG.2const/F_SETOWN/O_ASYNC"),
    section="DESCRIPTION",
    says="Of a UNIX stream, seqpacket or datagram socket with O_ASYNC whose owner, a process of root, a "
    "process of another user without capabilities has set with F_SETOWN, the owner gets no SIGIO when "
    "data come; it gets it once it has set itself.",
    needs=[ANOTHER_USER],
    survives={"*": "the owner is what a child has set"},
)
@PAIRS
def test_who_sets_the_owner_must_be_allowed_to(ns, observe, kind):
    parent = os.getpid()
    with signalled(signal.SIGIO) as came, connected(kind) as (sock, peer):
        set_async(sock)
        as_user(NOBODY, lambda: fcntl(sock, F_SETOWN, parent))
        peer.send(b"x")
        await_readable(sock)
        before = list(came)
        fcntl(sock, F_SETOWN, parent)
        peer.send(b"x")

        assert observe("before_and_after", [before, list(came)]) == [[], ["SIGIO"]]


@claim(
    "F_GETSIG.2const/F_SETOWN/credentials",
    sentence="F_GETSIG.2const/F_SETOWN/credentials",
    section="DESCRIPTION",
    says="Of a UNIX stream, seqpacket or datagram socket with O_ASYNC whose owner has set itself with "
    "F_SETOWN the owner, a process of root, gets SIGIO also when another user without capabilities "
    "sends the data.",
    needs=[ANOTHER_USER],
    survives={"*": "the data are what a child has sent"},
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
    "F_GETSIG.2const/F_SETSIG/queued",
    sentence="F_GETSIG.2const/F_SETSIG/queued",
    section="DESCRIPTION",
    says="Of three datagrams that come to a UNIX datagram socket, or messages to a seqpacket or stream "
    "socket, each queues a real-time signal set with F_SETSIG at the thread that owns it; of SIGIO "
    "only one waits.",
)
@PAIRS
def test_real_time_signals_are_queued(ns, observe, kind):
    with blocked(CHOSEN), blocked(signal.SIGIO), connected(kind) as (sock, peer):
        set_owner_ex(sock, F_OWNER_TID, threading.get_native_id())
        set_async(sock, CHOSEN)
        sent = [peer.send(b"x") for _ in range(3)]
        counts = [pending(CHOSEN)]
        fcntl(sock, F_SETSIG, 0)
        sent += [peer.send(b"x") for _ in range(3)]
        counts.append(pending(signal.SIGIO))

        assert observe("counts", [len(sent), counts]) == [6, [3, 1]]


@claim(
    "F_GETSIG.2const/F_SETSIG/closed-descriptor",
    sentence="F_GETSIG.2const/F_SETSIG/closed",
    section="DESCRIPTION",
    says="The signal of a UNIX stream, seqpacket or datagram socket names the descriptor with which "
    "F_SETSIG and O_ASYNC were set, also when it is closed and the socket lives on by a duplicate.",
)
@PAIRS
def test_the_descriptor_is_closed(ns, observe, kind):
    with queued(CHOSEN) as told, connected(kind) as (sock, peer):
        set_owner_ex(sock, F_OWNER_TID, threading.get_native_id())
        set_async(sock, CHOSEN)
        number = sock.fileno()
        with sock.dup() as other:
            sock.close()
            peer.send(b"x")
            named = told()

            assert observe("same_and_data", [named == number, other.recv(1).decode()]) == [True, "x"]


@claim(
    "F_GETSIG.2const/F_SETSIG/which-descriptor",
    sentence="F_GETSIG.2const/F_SETSIG/closed",
    section="DESCRIPTION",
    says="Where F_SETSIG is called with one descriptor of a UNIX stream, seqpacket or datagram socket, and "
    "O_ASYNC set with a duplicate, the signal names the one of F_SETSIG.",
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
