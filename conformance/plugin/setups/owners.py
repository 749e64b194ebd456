"""Who owns a socket's signals, as fcntl(2) sets and reads it, and what signals come to whom."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import ChildDied, in_child

F_SETSIG: Final = 10
F_GETSIG: Final = 11
F_SETOWN_EX: Final = 15
F_GETOWN_EX: Final = 16
F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP = 0, 1, 2
_OWNER = struct.Struct("@ii")


def set_owner_ex(sock: Socket, kind: int, number: int) -> None:
    fcntl.fcntl(sock, F_SETOWN_EX, _OWNER.pack(kind, number))


def owner_ex(sock: Socket) -> tuple[int, ...]:
    """The kind of owner and its number."""
    return _OWNER.unpack(fcntl.fcntl(sock, F_GETOWN_EX, bytes(_OWNER.size)))


def set_async(sock: Socket, number: int = 0) -> None:
    """Let a signal tell of events: SIGIO, or another."""
    fcntl.fcntl(sock, F_SETSIG, number)
    fcntl.fcntl(sock, fcntl.F_SETFL, fcntl.fcntl(sock, fcntl.F_GETFL) | os.O_ASYNC)


def dead_process() -> int:
    """The number of a process that is over."""
    return in_child(os.getpid)


def fate(act: Callable[[], object]) -> str:
    """The signal that ends a process which does something, without any handler; or that it lives."""

    def live() -> str:
        for number in (signal.SIGPIPE, signal.SIGIO, signal.SIGURG):
            signal.signal(number, signal.SIG_DFL)
        act()
        return "lives"

    try:
        return in_child(live, timeout=SOON)
    except ChildDied as died:
        return signal.Signals(-died.exitcode).name


def pending(number: int) -> int:
    """How many signals of a number, which this thread blocks, wait for it; none does then."""
    count = 0
    while signal.sigtimedwait({number}, 0):
        count += 1
    return count


@contextmanager
def blocked(number: int) -> Iterator[None]:
    """A signal waits while this thread is in the block, which closes the sockets that it may come from."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        pending(number)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
