"""Signals and socket timeouts: which interrupted calls the kernel takes up again."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.interruptions import interrupting, recv_once, send_once
from conformance.plugin.setups.pairs import fill_buffer
from libsocket import Socket

PATIENT = 30.0
"""Seconds: a timeout that a test would see only if no signal came through."""

ONLY_THE_SEND_TIMEOUT_COUNTS = differs(
    "a send looks at SO_SNDTIMEO alone, so that it is taken up again; older than the history in git",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"errno": None},
)


@claim(
    "signal.7/SA_RESTART/receive-without-timeout",
    section="Interruption of system calls and library functions by signal handlers",
    says="A receive that a handler with SA_RESTART interrupts goes on where the socket has no timeout.",
)
def test_a_receive_without_timeout_goes_on(ns, observe):
    left, right = Socket.pair()
    with left, right, interrupting(then=lambda: right.send(b"x")):
        assert observe("received", recv_once(left)) == "x"


@claim(
    "signal.7/SO_RCVTIMEO/receive-not-restarted",
    section="Interruption of system calls and library functions by signal handlers",
    says="A receive with a receive timeout that a handler interrupts fails with EINTR, even with SA_RESTART.",
)
def test_a_receive_with_timeout_ends(ns, observe):
    left, right = Socket.pair()
    with left, right:
        left.rcvtimeo = PATIENT
        with interrupting(), refused(errno.EINTR):
            recv_once(left)
        right.send(b"x")

        assert observe("received_after", recv_once(left)) == "x"


@claim(
    "signal.7/SO_RCVTIMEO/send-not-restarted",
    section="Interruption of system calls and library functions by signal handlers",
    says="A send on a socket with a receive timeout that a handler interrupts fails with EINTR, "
    "even with SA_RESTART.",
    expect=ONLY_THE_SEND_TIMEOUT_COUNTS,
)
def test_a_send_with_receive_timeout_ends(ns, observe):
    left, right = Socket.pair()
    with left, right:
        queued = fill_buffer(left)
        left.rcvtimeo = PATIENT
        with interrupting(then=lambda: right.read_exact(queued)), refused(errno.EINTR):
            send_once(left)

        assert observe("queued_after", len(right.read_exact(queued)) == queued) is True


@claim(
    "signal.7/SO_SNDTIMEO/send-not-restarted",
    section="Interruption of system calls and library functions by signal handlers",
    says="A send with a send timeout that a handler interrupts fails with EINTR, even with SA_RESTART.",
)
def test_a_send_with_send_timeout_ends(ns, observe):
    left, right = Socket.pair()
    with left, right:
        queued = fill_buffer(left)
        left.sndtimeo = PATIENT
        with interrupting(), refused(errno.EINTR):
            send_once(left)

        assert observe("queued_after", len(right.read_exact(queued)) == queued) is True
