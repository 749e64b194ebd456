"""Signals that sockets cause, and whom they go to."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import threading

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import (
    FIOASYNC,
    FIOGETOWN,
    FIOSETOWN,
    SIOCGPGRP,
    SIOCSPGRP,
    owner,
    word,
)
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_error, await_readable
from conformance.plugin.setups.signals import queued, signalled
from libsocket import Linger, Shutdown, Socket

F_SETSIG, F_SETOWN_EX, F_OWNER_TID = 10, 15, 0
CHOSEN = signal.SIGRTMIN + 1
STREAMS = pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])
KINDS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix])


@claim(
    "socket.7/SIGPIPE/own-shutdown",
    sentence=(
        "socket.7/signals/sigpipe",
        "socket.7/signals/epipe",
        "socket.7/signals/nosignal",
        "send.2/EPIPE/sigpipe",
    ),
    section="Signals",
    says="A write to a TCP or UNIX stream socket that is shut down for sending at its own end fails with "
    "EPIPE and raises SIGPIPE; with MSG_NOSIGNAL it fails so without the signal.",
)
@STREAMS
def test_writing_after_ones_own_shutdown(ns, observe, pair):
    left, right = pair()
    with left, right, signalled(signal.SIGPIPE) as came:
        left.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE, "errno_with_nosignal"):
            left.send(b"x", socket.MSG_NOSIGNAL)
        without = list(came)
        with refused(errno.EPIPE):
            left.send(b"x")

        assert observe("signals", [without, list(came)]) == [[], ["SIGPIPE"]]


@claim(
    "socket.7/SIGPIPE/unix-peer",
    sentence=("socket.7/signals/sigpipe", "socket.7/signals/epipe", "socket.7/signals/nosignal"),
    section="Signals",
    says="A write to a UNIX stream socket whose peer has shut down both directions, or that for receiving, "
    "fails with EPIPE and raises SIGPIPE; with MSG_NOSIGNAL it fails so without the signal.",
)
@pytest.mark.parametrize("how", [Shutdown.READ, Shutdown.BOTH])
def test_writing_after_the_peers_shutdown(ns, observe, how):
    left, right = Socket.pair()
    with left, right, signalled(signal.SIGPIPE) as came:
        right.shutdown(how)
        with refused(errno.EPIPE, "errno_with_nosignal"):
            left.send(b"x", socket.MSG_NOSIGNAL)
        without = list(came)
        with refused(errno.EPIPE):
            left.send(b"x")

        assert observe("signals", [without, list(came)]) == [[], ["SIGPIPE"]]


@claim(
    "socket.7/SIGPIPE/tcp-peer",
    sentence=("socket.7/signals/sigpipe", "socket.7/signals/epipe"),
    section="Signals",
    says="A write to a TCP socket whose peer has shut down both directions fails with EPIPE and raises "
    "SIGPIPE.",
    expect=differs(
        "the first write succeeds, and is answered by a reset, after which the error is EPIPE; older than "
        "the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "signals": [], "error_after": errno.EPIPE},
    ),
)
def test_writing_after_a_tcp_peers_shutdown(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right, signalled(signal.SIGPIPE) as came:
        right.shutdown(Shutdown.BOTH)
        await_readable(left)
        with refused(errno.EPIPE):
            left.send(b"x")
            observe("signals", list(came))
            await_error(left)
            observe("error_after", left.error)

        assert observe("signals", list(came)) == ["SIGPIPE"]


@claim(
    "socket.7/SIGPIPE/broken-connection",
    sentence=("socket.7/poll/sigpipe", "socket.7/signals/nosignal"),
    section="Socket-layer functions",
    says="A write to a TCP socket whose connection the peer has reset raises SIGPIPE once the error was "
    "read, with MSG_NOSIGNAL not.",
)
def test_writing_to_a_connection_that_was_reset(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right, signalled(signal.SIGPIPE) as came:
        right.linger = Linger(True, 0)
        right.close()
        await_error(left)
        error = left.error
        with refused(errno.EPIPE, "errno_with_nosignal"):
            left.send(b"x", socket.MSG_NOSIGNAL)
        without = list(came)
        with refused(errno.EPIPE):
            left.send(b"x")

        assert observe("error_and_signals", [error, without, list(came)]) == [
            errno.ECONNRESET,
            [],
            ["SIGPIPE"],
        ]


@claim(
    "socket.7/SIGPIPE/reset",
    sentence="socket.7/poll/sigpipe",
    section="Socket-layer functions",
    says="The first write to a TCP socket whose connection the peer has reset raises SIGPIPE.",
    expect=differs(
        "it fails with the error that is pending, and raises none; the next write does; older than the "
        "history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno_of_first": "ECONNRESET", "first": [], "second": ["SIGPIPE"]},
    ),
)
def test_the_first_write_after_a_reset(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right, signalled(signal.SIGPIPE) as came:
        right.linger = Linger(True, 0)
        right.close()
        await_error(left)
        with refused(name="errno_of_first"):
            left.send(b"x")
        first = list(came)
        with refused(errno.EPIPE, "errno_of_second"):
            left.send(b"x")

        assert [observe("first", first), observe("second", came[len(first) :])] == [["SIGPIPE"], ["SIGPIPE"]]


@claim(
    "socket.7/SIGPIPE/seqpacket",
    sentence="socket.7/signals/sigpipe",
    section="Signals",
    says="A write to a connected UNIX seqpacket socket that either end has shut down raises SIGPIPE.",
    expect=differs(
        "it fails with EPIPE and raises no signal; streams alone do; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"seqpacket": [], "stream": ["SIGPIPE"]},
    ),
)
@pytest.mark.parametrize("shut", [0, 1], ids=["own", "peer"])
def test_writing_to_a_seqpacket_socket(ns, observe, shut):
    ends, streams = Socket.pair(socket.SOCK_SEQPACKET), Socket.pair()
    with ends[0], ends[1], streams[0], streams[1], signalled(signal.SIGPIPE) as came:
        ends[shut].shutdown(Shutdown.BOTH)
        streams[shut].shutdown(Shutdown.BOTH)
        with refused(errno.EPIPE):
            ends[0].send(b"x")
        raised = list(came)
        with refused(errno.EPIPE, "errno_of_stream"):
            streams[0].send(b"x")

        assert [observe("seqpacket", raised), observe("stream", came[len(raised) :])] == [
            ["SIGPIPE"],
            ["SIGPIPE"],
        ]


@claim(
    "socket.7/SIGIO/event",
    sentence=(
        "socket.7/O_ASYNC/sigio",
        "socket.7/signals/sigio",
        "socket.7/SIOCSPGRP/sigio",
        "socket.7/FIOASYNC/signal",
        "socket.7/FIOSETOWN/same",
        "socket.2/F_SETOWN/ioctl",
    ),
    section="Signals",
    says="When a datagram arrives at a UDP socket that has an owner, set with SIOCSPGRP or FIOSETOWN, and "
    "O_ASYNC, the owner gets SIGIO. Without either there is no signal.",
)
@pytest.mark.parametrize("request_", [SIOCSPGRP, FIOSETOWN], ids=["SIOCSPGRP", "FIOSETOWN"])
def test_the_owner_is_told_of_an_event(ns, observe, request_):
    sender, receiver = udp_pair()
    with signalled(signal.SIGIO) as came, sender, receiver:
        fcntl.ioctl(receiver, FIOASYNC, word(1))
        asked = bool(fcntl.fcntl(receiver, fcntl.F_GETFL) & os.O_ASYNC)
        sender.send(b"unowned")
        await_readable(receiver)
        receiver.recv(9)
        fcntl.ioctl(receiver, request_, word(os.getpid()))
        unowned = list(came)
        fcntl.ioctl(receiver, FIOASYNC, word(0))
        sender.send(b"not asked")
        await_readable(receiver)
        receiver.recv(9)
        unasked = list(came)
        fcntl.ioctl(receiver, FIOASYNC, word(1))
        sender.send(b"asked")
        await_readable(receiver)

        assert observe("asked_and_signals", [asked, unowned, unasked, list(came)]) == [
            True,
            [],
            [],
            ["SIGIO"],
        ]


@claim(
    "socket.7/F_SETSIG/descriptor",
    sentence=(
        "socket.7/signals/setsig",
        "socket.7/FIOASYNC/signal",
        "F_GETSIG.2const/F_SETSIG/info",
        "F_GETSIG.2const/F_SETOWN/other-signal",
    ),
    section="Signals",
    says="With F_SETSIG a real-time signal tells the thread that owns a UDP socket with O_ASYNC of a "
    "datagram that arrives, instead of SIGIO, and its si_fd is the descriptor.",
)
def test_a_signal_of_ones_own_names_the_descriptor(ns, observe):
    sender, receiver = udp_pair()
    with signalled(signal.SIGIO) as came, queued(CHOSEN) as next_signal, sender, receiver:
        fcntl.ioctl(receiver, FIOASYNC, word(1))
        fcntl.fcntl(receiver, F_SETOWN_EX, word(F_OWNER_TID) + word(threading.get_native_id()))
        fcntl.fcntl(receiver, F_SETSIG, CHOSEN)
        sender.send(b"hello")
        told = next_signal()

        assert observe("told_and_sigio", [told == receiver.fileno(), came]) == [True, []]


@claim(
    "socket.7/FIOASYNC/flag",
    sentence=("socket.7/FIOASYNC/changes", "socket.7/FIOASYNC/boolean"),
    section="Ioctls",
    says="FIOASYNC with any int but zero sets O_ASYNC of a TCP, UDP or UNIX stream socket, and with zero "
    "clears it, as F_SETFL does.",
)
@KINDS
@pytest.mark.parametrize("value", [1, 2, -1])
def test_an_ioctl_changes_the_flag(ns, observe, make, value):
    with make() as sock:
        flags = fcntl.fcntl(sock, fcntl.F_GETFL)
        fcntl.ioctl(sock, FIOASYNC, word(value))
        by_ioctl = fcntl.fcntl(sock, fcntl.F_GETFL)
        fcntl.ioctl(sock, FIOASYNC, word(0))
        cleared = fcntl.fcntl(sock, fcntl.F_GETFL)
        fcntl.fcntl(sock, fcntl.F_SETFL, flags | os.O_ASYNC)
        by_fcntl = fcntl.fcntl(sock, fcntl.F_GETFL)

        assert observe(
            "o_async", [bool(one & os.O_ASYNC) for one in (flags, by_ioctl, cleared, by_fcntl)]
        ) == [
            False,
            True,
            False,
            True,
        ]


@claim(
    "socket.7/SIOCGPGRP/owner",
    sentence=(
        "socket.7/SIOCGPGRP/owner",
        "socket.7/SIOCSPGRP/owner",
        "socket.7/FIOGETOWN/same",
        "socket.7/FIOSETOWN/same",
    ),
    section="Ioctls",
    says="SIOCGPGRP and FIOGETOWN give 0 of a new TCP, UDP or UNIX stream socket, and the process, or "
    "negative the group, that SIOCSPGRP or FIOSETOWN has set.",
)
@KINDS
@pytest.mark.parametrize("request_", [SIOCSPGRP, FIOSETOWN], ids=["SIOCSPGRP", "FIOSETOWN"])
def test_the_owner_can_be_read(ns, observe, make, request_):
    with make() as sock:
        owners = [owner(sock, SIOCGPGRP), owner(sock, FIOGETOWN)]
        fcntl.ioctl(sock, request_, word(os.getpid()))
        process = [owner(sock, SIOCGPGRP) == os.getpid(), owner(sock, FIOGETOWN) == os.getpid()]
        fcntl.ioctl(sock, request_, word(-os.getpgrp()))
        group = [owner(sock, SIOCGPGRP) == -os.getpgrp(), owner(sock, FIOGETOWN) == -os.getpgrp()]

        assert observe("nobody_process_group", [owners, process, group]) == [
            [0, 0],
            [True, True],
            [True, True],
        ]
