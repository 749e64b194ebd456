"""Signals and socket timeouts: which interrupted calls the kernel takes up again.

Python itself repeats a call that a signal interrupts, so these are made below it.
"""

from __future__ import annotations

import ctypes
import errno
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import fill_buffer
from libsocket import Socket

PATIENT = 30.0
"""Seconds: a timeout that a test would see only if no signal came through."""

ENOUGH = 10
"""Signals, a hundredth of a second apart, before the call gets what it waits for."""

_libc = ctypes.CDLL(None, use_errno=True)

ONLY_THE_SEND_TIMEOUT_COUNTS = differs(
    "a send looks at SO_SNDTIMEO alone, so that it is taken up again; older than the history in git",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"errno": None},
)


def receive_once(sock: Socket) -> str:
    """recv(2) of one byte, not repeated."""
    room = ctypes.create_string_buffer(1)
    if _libc.recv(sock.fileno(), room, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "recv")
    return room.raw.decode()


def send_once(sock: Socket) -> None:
    """send(2) of one byte, not repeated."""
    if _libc.send(sock.fileno(), b"x", 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "send")


@contextmanager
def restarting() -> Iterator[None]:
    """SIGUSR1 has a handler that does nothing and lets calls be taken up again (SA_RESTART)."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.siginterrupt(signal.SIGUSR1, False)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@contextmanager
def interrupting(then: Callable[[], object] | None = None) -> Iterator[None]:
    """Signals keep hitting this thread; after some of them ``then`` ends its wait, if it is given."""
    over = threading.Event()
    main = threading.get_ident()

    def strike() -> None:
        hits = 0
        while not over.wait(0.01):
            signal.pthread_kill(main, signal.SIGUSR1)
            hits += 1
            if hits == ENOUGH and then:
                then()

    thread = threading.Thread(target=strike, daemon=True)
    with restarting():
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@claim(
    "signal.7/SA_RESTART/receive-without-timeout",
    section="Interruption of system calls and library functions by signal handlers",
    says="A receive that a handler with SA_RESTART interrupts goes on where the socket has no timeout.",
)
def test_a_receive_without_timeout_goes_on(ns, observe):
    left, right = Socket.pair()
    with left, right, interrupting(then=lambda: right.send(b"x")):
        assert observe("received", receive_once(left)) == "x"


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
            receive_once(left)
        right.send(b"x")

        assert observe("received_after", receive_once(left)) == "x"


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
