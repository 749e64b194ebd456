"""POSIX message queues that tell a netlink socket of a message: mq_notify(2) with SIGEV_THREAD."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from libsocket import Socket
from netns.syscalls import setns, unshare

COOKIE: Final = bytes(range(31))
"""What a program gives with its wish; the last of its 32 bytes is the kernel's."""
WOKEN_UP, REMOVED = 1, 2
"""NOTIFY_WOKENUP and NOTIFY_REMOVED, in the last byte of what is told."""

_CLONE_NEWIPC: Final = 0x0800_0000
_SIGEV_THREAD: Final = 2
_MQ_NOTIFY: Final = {"x86_64": 244, "aarch64": 184, "riscv64": 184, "i686": 281}
_SIGEVENT: Final = struct.Struct("@Pii48x")
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def message_queue() -> Iterator[int]:
    """The descriptor of a message queue in an IPC namespace of its own. Raises: OSError."""
    home = os.open("/proc/thread-self/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(_CLONE_NEWIPC)
        try:
            queue = _checked(_libc.mq_open(b"/made", _OPEN, 0o600, None))
        finally:
            setns(home, _CLONE_NEWIPC)
    finally:
        os.close(home)
    try:
        yield queue
    finally:
        os.close(queue)


def tell(queue: int, fd: int) -> None:
    """Have a netlink socket told when a message comes to the empty queue. Raises: OSError."""
    cookie = ctypes.create_string_buffer(COOKIE, 32)
    event = _SIGEVENT.pack(ctypes.addressof(cookie), fd, _SIGEV_THREAD)
    _checked(_libc.syscall(_MQ_NOTIFY[platform.machine()], queue, event))


def tell_nobody(queue: int) -> None:
    """Take the wish back."""
    _checked(_libc.syscall(_MQ_NOTIFY[platform.machine()], queue, None))


def put(queue: int) -> None:
    """Send a message to a queue."""
    _checked(_libc.mq_send(queue, b"hello", ctypes.c_size_t(5), 0))


def told(sock: Socket) -> list[object]:
    """Whether the next message at a netlink socket has the cookie, how long it is, and its last byte."""
    data = sock.recv(100)
    return [data[:31] == COOKIE, len(data), data[-1]]


def _checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
