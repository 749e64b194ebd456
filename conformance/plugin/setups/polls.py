"""poll(2) and ppoll(2) as they are: with any count, and while a socket is closed."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import struct
import time
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from conformance.plugin.setups.states import connected
from conformance.plugin.setups.threads import delayed, in_turn
from conformance.plugin.timing import SOON, timed

_POLLFD: Final = struct.Struct("@ihh")
_TIME: Final = struct.Struct("@ll")

_libc = ctypes.CDLL(None, use_errno=True)


class _File(Protocol):
    def fileno(self) -> int: ...


def polled_events(file: _File, events: int) -> list[int]:
    """events and revents after a poll(2) that asks for some, and does not wait."""
    fds = _fds([file], events)
    _checked(_libc.poll(fds, 1, 0))
    return list(_POLLFD.unpack(fds.raw[: _POLLFD.size])[1:])


def poll(files: Sequence[_File], *, count: int | None = None) -> int:
    """poll(2) for data, that does not wait, also of a count that is not theirs."""
    return _checked(_libc.poll(_fds(files, select.POLLIN), _number(files, count), 0))


def ppoll(files: Sequence[_File], *, count: int | None = None) -> int:
    """The same of ppoll(2)."""
    time = ctypes.create_string_buffer(_TIME.pack(0, 0), _TIME.size)
    return _checked(_libc.ppoll(_fds(files, select.POLLIN), _number(files, count), time, None))


def within_limit(file: _File, limit: int, count: int) -> int:
    """What poll(2) of so many times one file returns in a process that may have so many descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return poll([file] * count)


def polled_while_closed(kind: str) -> tuple[bool, int]:
    """poll(2) for data of a socket whose only descriptor is closed meanwhile, before its peer sends.

    Whether it waited until its peer sent, and the events. Where the machine is slow the close may come
    before the call: it is tried again with more time. One thread does both, so that they come in order.
    """
    for seconds in (0.02, 0.2, 1.0):
        with connected(kind) as (sock, peer):
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            pause, send = partial(time.sleep, 2 * seconds), partial(peer.send, b"data")
            with timed() as took, delayed(in_turn(sock.close, pause, send), seconds):
                found = sum(bits for _, bits in poll.poll(SOON * 1000))
        if took.lasted(3 * seconds):
            return True, found
    return False, found


def _fds(files: Sequence[_File], events: int) -> ctypes.Array[ctypes.c_char]:
    rows = b"".join(_POLLFD.pack(file.fileno(), events, 0) for file in files)
    return ctypes.create_string_buffer(rows, max(len(rows), 1))


def _number(files: Sequence[_File], count: int | None) -> ctypes.c_ulong:
    return ctypes.c_ulong(len(files) if count is None else count)


def _checked(returned: int) -> int:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned
