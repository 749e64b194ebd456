"""Signals that this process gets."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conformance.plugin.timing import SOON


@contextmanager
def signalled(number: signal.Signals) -> Iterator[list[str]]:
    """The signals of one kind that come during a block, which closes the sockets they may come from."""
    came: list[str] = []
    before = signal.signal(number, lambda *_: came.append(number.name))
    try:
        yield came
    finally:
        signal.signal(number, before)


@contextmanager
def queued(number: int) -> Iterator[Callable[[], int | None]]:
    """What gives the descriptor that the next signal of one kind names; None if none comes in a while.

    It must be sent to this thread: one to the process would come to another, which does not block it.
    Python's own sigwaitinfo does not tell si_fd.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    mask = ctypes.c_uint64(1 << number - 1)
    file = ctypes.CDLL(None).signalfd(-1, ctypes.byref(mask), os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield lambda: _descriptor(os.read(file, _SIGINFO)) if select.select([file], [], [], SOON)[0] else None
    finally:
        os.close(file)
        while signal.sigtimedwait({number}, 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_SIGINFO = 128
"""The size of struct signalfd_siginfo, which has ssi_fd behind five other words."""


def _descriptor(told: bytes) -> int:
    return int.from_bytes(told[20:24], sys.byteorder, signed=True)
