"""Who owns a socket's signals, as fcntl(2) sets and reads it, and what signals come to whom."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import resource
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Child, ChildDied, in_child

F_SETSIG: Final = 10
F_GETSIG: Final = 11
F_SETOWN_EX: Final = 15
F_GETOWN_EX: Final = 16
F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP = 0, 1, 2
CHOSEN: Final = signal.SIGRTMIN + 3
"""A real-time signal that no other test waits for."""
_OWNER = struct.Struct("@ii")
_FCNTL = {"x86_64": 72, "ppc64le": 55, "s390x": 55}.get(platform.machine(), 25)
_CHANGEABLE: Final = {
    os.O_APPEND: "O_APPEND",
    os.O_ASYNC: "O_ASYNC",
    os.O_DIRECT: "O_DIRECT",
    os.O_NOATIME: "O_NOATIME",
    os.O_NONBLOCK: "O_NONBLOCK",
}


def getown(sock: Socket, argument: int = 0) -> int:
    """The owner as the kernel's F_GETOWN gives it; the C library asks F_GETOWN_EX instead.

    A small group is taken for an errno.
    """
    given = int(ctypes.CDLL(None, use_errno=True).syscall(_FCNTL, sock.fileno(), fcntl.F_GETOWN, argument))
    return -ctypes.get_errno() if given == -1 else given


def changed_flags(sock: Socket) -> list[str]:
    """The flags that F_SETFL changes, of each bit beside another flag; in brackets what it refuses."""
    beside = (os.O_NONBLOCK, os.O_APPEND)  # by turns, so that each call is seen
    return sorted(filter(None, (_changed(sock, 1 << bit, beside[bit % 2]) for bit in range(32))))


def _changed(sock: Socket, flag: int, beside: int) -> str:
    if flag == os.O_NONBLOCK:
        beside = os.O_NOATIME
    name = _CHANGEABLE.get(flag, hex(flag))
    try:
        fcntl.fcntl(sock, fcntl.F_SETFL, flag | beside)
    except OSError as error:
        return f"({name}: {errno_name(error.errno)})"
    flags = fcntl.fcntl(sock, fcntl.F_GETFL)
    if flags == os.O_RDWR | beside:
        return ""
    return name if flags == os.O_RDWR | beside | flag else f"{name}: {flags:#x}"


def set_owner_ex(sock: Socket, kind: int, number: int) -> None:
    fcntl.fcntl(sock, F_SETOWN_EX, _OWNER.pack(kind, number))


def owner_ex(sock: Socket) -> tuple[int, ...]:
    """The kind of owner and its number."""
    return _OWNER.unpack(fcntl.fcntl(sock, F_GETOWN_EX, bytes(_OWNER.size)))


def set_async(sock: Socket, number: int = 0) -> None:
    """Let a signal tell of events: SIGIO, or another."""
    fcntl.fcntl(sock, F_SETSIG, number)
    fcntl.fcntl(sock, fcntl.F_SETFL, fcntl.fcntl(sock, fcntl.F_GETFL) | os.O_ASYNC)


@contextmanager
def process_group() -> Iterator[int]:
    """A process group whose one process does nothing; that of the tests may have no number."""
    with Child(signal.pause) as child:
        os.setpgid(child.pid, child.pid)
        yield child.pid


def dead_process() -> int:
    """The number of a process that is over."""
    return in_child(os.getpid)


def own_while(sock: Socket, send: Callable[[], object], arrived: Callable[[Socket], object]) -> None:
    """Own a socket's signals while something is sent to it, until it has come."""
    fcntl.fcntl(sock, fcntl.F_SETOWN, os.getpid())
    send()
    arrived(sock)


def fate(act: Callable[[], object]) -> str:
    """The signal that ends a process which does something, without any handler; or that it lives."""

    def live() -> str:
        for number in (signal.SIGPIPE, signal.SIGIO, signal.SIGURG):
            signal.signal(number, signal.SIG_DFL)
        act()
        return "lives"

    try:
        return in_child(live, timeout=2 * SOON)  # what it waits for has SOON
    except ChildDied as died:
        return signal.Signals(-died.exitcode).name


def pending(number: int) -> int:
    """How many signals of a number, which this thread blocks, wait for it; none does then."""
    count = 0
    while signal.sigtimedwait({number}, 0):
        count += 1
    return count


def told_beyond_limit(sock: Socket, own: Callable[[], object], send: Callable[[], object]) -> list[list[str]]:
    """The signals that wait for this thread, and those for its process, when something is sent to a socket.

    It is this process's own, the socket is to tell of events by a real-time signal, none of which may wait.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {CHOSEN, signal.SIGIO})
    own()
    set_async(sock, CHOSEN)
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, resource.getrlimit(resource.RLIMIT_SIGPENDING)[1]))
    send()
    return [_waiting("SigPnd"), _waiting("ShdPnd")]


def _waiting(which: str) -> list[str]:
    with open("/proc/thread-self/status", encoding="ascii") as lines:
        mask = next(int(line.split()[1], 16) for line in lines if line.startswith(which))
    names = {signal.SIGIO: "SIGIO", CHOSEN: "the real-time signal"}
    return [name for number, name in names.items() if mask >> number - 1 & 1]


def next_code(number: int) -> int | None:
    """The si_code of the next signal of a number, which this thread blocks; None if none comes."""
    info = signal.sigtimedwait({number}, SOON)
    return info and info.si_code


@contextmanager
def blocked(number: int) -> Iterator[None]:
    """A signal waits while this thread is in the block, which closes the sockets that it may come from."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        pending(number)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
