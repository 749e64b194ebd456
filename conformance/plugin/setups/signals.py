"""Signals that this process gets."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import ChildDied, in_child


@contextmanager
def signalled(number: signal.Signals) -> Iterator[list[str]]:
    """The signals of one kind that come during a block, which closes the sockets they may come from."""
    came: list[str] = []
    before = signal.signal(number, lambda *_: came.append(number.name))
    try:
        yield came
    finally:
        signal.signal(number, before)


def ended_by(act: Callable[[], object], number: signal.Signals) -> str:
    """The signal that ends a process which has its default action, when it does something; or ``none``."""

    def with_default() -> None:
        signal.signal(number, signal.SIG_DFL)
        act()

    try:
        in_child(with_default)
    except ChildDied as died:
        return signal.Signals(-died.exitcode).name
    return "none"


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


@contextmanager
def announced() -> Iterator[Callable[[], list[object]]]:
    """What gives si_code and si_band of the next signal of a socket; nothing if none comes.

    The block closes the sockets that it may come from.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {_CHOSEN})
    try:
        yield lambda: _told(signal.sigtimedwait({_CHOSEN}, SOON))
    finally:
        while signal.sigtimedwait({_CHOSEN}, 0):
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def announce(sock: Socket) -> None:
    """Let a socket tell this thread of events by a signal that says which (F_SETSIG and O_ASYNC)."""
    fcntl.fcntl(sock, _F_SETOWN_EX, struct.pack("@ii", 0, threading.get_native_id()))
    fcntl.fcntl(sock, _F_SETSIG, _CHOSEN)
    fcntl.fcntl(sock, fcntl.F_SETFL, fcntl.fcntl(sock, fcntl.F_GETFL) | os.O_ASYNC)


def _told(info: signal.struct_siginfo | None) -> list[object]:
    if info is None:
        return []
    return [_CODES.get(info.si_code, info.si_code), info.si_band]


_F_SETSIG, _F_SETOWN_EX = 10, 15
_CHOSEN = signal.SIGRTMIN + 2
_CODES = {1: "POLL_IN", 2: "POLL_OUT", 3: "POLL_MSG", 4: "POLL_ERR", 5: "POLL_PRI", 6: "POLL_HUP"}
_SIGINFO = 128
"""The size of struct signalfd_siginfo, which has ssi_fd behind five other words."""


def _descriptor(told: bytes) -> int:
    return int.from_bytes(told[20:24], sys.byteorder, signed=True)
