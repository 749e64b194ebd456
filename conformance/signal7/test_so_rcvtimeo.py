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
    "signal.7/SA_RESTART/receive-without-flag",
    sentence=("signal.7/SA_RESTART/restarted-or-eintr", "recv.2/EINTR/before-data"),
    section="Interruption of system calls and library functions by signal handlers",
    says="A receive on a UNIX stream socket without a timeout that a handler without SA_RESTART interrupts "
    "fails with EINTR.",
)
def test_a_receive_ends_without_the_flag(ns, observe):
    left, right = Socket.pair()
    with left, right:
        with interrupting(restart=False), refused(errno.EINTR):
            recv_once(left)
        right.send(b"x")

        assert observe("received_after", recv_once(left)) == "x"


@claim(
    "signal.7/SA_RESTART/receive-without-timeout",
    sentence=("signal.7/SA_RESTART/restarted-or-eintr", "signal.7/SA_RESTART/sockets"),
    section="Interruption of system calls and library functions by signal handlers",
    says="A receive on a UNIX stream socket without a timeout that a handler with SA_RESTART interrupts goes "
    "on.",
)
def test_a_receive_without_timeout_goes_on(ns, observe):
    left, right = Socket.pair()
    with left, right:
        with interrupting(restart=False), refused(errno.EINTR):  # as it is interrupted without SA_RESTART
            recv_once(left)
        with interrupting(then=lambda: right.send(b"x")):
            received = recv_once(left)

        assert observe("received", received) == "x"


@claim(
    "signal.7/SO_RCVTIMEO/receive-not-restarted",
    sentence="signal.7/SO_RCVTIMEO/input-interfaces",
    section="Interruption of system calls and library functions by signal handlers",
    says="A receive on a UNIX stream socket with a receive timeout that a handler interrupts fails with "
    "EINTR, even with SA_RESTART, which without the timeout lets it go on.",
)
def test_a_receive_with_timeout_ends(ns, observe):
    left, right = Socket.pair()
    with left, right:
        with interrupting(then=lambda: right.send(b"x")):
            received = recv_once(left)
        left.rcvtimeo = PATIENT
        with interrupting(), refused(errno.EINTR):
            recv_once(left)
        right.send(b"y")

        assert observe("received_before_and_after", [received, recv_once(left)]) == ["x", "y"]


@claim(
    "signal.7/SO_RCVTIMEO/send-not-restarted",
    sentence="signal.7/SO_RCVTIMEO/output-interfaces",
    section="Interruption of system calls and library functions by signal handlers",
    says="A send on a UNIX stream socket with a receive timeout that a handler interrupts fails with EINTR, "
    "even with SA_RESTART.",
    expect=ONLY_THE_SEND_TIMEOUT_COUNTS,
    survives={'no-op: sendto("x"*': "on Linux the test ends with this send's success"},
)
def test_a_send_with_receive_timeout_ends(ns, observe):
    left, right = Socket.pair()
    with left, right:
        queued = fill_buffer(left)
        left.rcvtimeo = PATIENT
        with interrupting(), refused(errno.EINTR):  # as a receive does on that socket
            recv_once(left)
        with interrupting(then=lambda: right.read_exact(queued)), refused(errno.EINTR):
            send_once(left)

        assert observe("queued_after", len(right.read_exact(queued)) == queued) is True


@claim(
    "signal.7/SO_SNDTIMEO/send-not-restarted",
    sentence="signal.7/SA_RESTART/sockets",
    section="Interruption of system calls and library functions by signal handlers",
    says="A send on a UNIX stream socket with a send timeout that a handler interrupts fails with EINTR, "
    "even with SA_RESTART, which without the timeout lets it go on.",
)
def test_a_send_with_send_timeout_ends(ns, observe):
    left, right = Socket.pair()
    with left, right:
        queued = fill_buffer(left)
        with interrupting(then=lambda: right.read_exact(queued)):
            send_once(left)
        went_on = right.recv(2).decode()
        queued = fill_buffer(left)
        left.sndtimeo = PATIENT
        with interrupting(then=lambda: right.read_exact(queued)), refused(errno.EINTR):
            send_once(left)

        left.close()

        assert observe("sent_without_and_after", [went_on, len(right.read_to_end()) - queued]) == ["x", 0]
