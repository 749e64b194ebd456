"""poll(2), ppoll(2), epoll_pwait(2) and epoll_pwait2(2) as they are: any count, time, mask and memory."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import struct
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from conformance.plugin.refusal import errno_name

NOWHERE: Final = 8
"""An address at which no process has memory."""
_POLLFD: Final = struct.Struct("@ihh")
_TIME: Final = struct.Struct("@ll")
_EPOLL_PWAIT2: Final = 441

_libc = ctypes.CDLL(None, use_errno=True)


class _File(Protocol):
    def fileno(self) -> int: ...


def polled_events(file: _File, events: int) -> list[int]:
    """events and revents after a poll(2) that asks for some, and does not wait."""
    fds = _fds([file], events)
    _checked(_libc.poll(fds, 1, 0))
    return list(_POLLFD.unpack(fds.raw[: _POLLFD.size])[1:])


def poll(files: Sequence[_File], *, count: int | None = None, nowhere: bool = False) -> int:
    """poll(2) for data, that does not wait: of a count that is not theirs, or where there is no memory."""
    where = ctypes.c_void_p(NOWHERE) if nowhere else _fds(files, select.POLLIN)
    return _checked(_libc.poll(where, ctypes.c_ulong(len(files) if count is None else count), 0))


def ppoll(
    files: Sequence[_File],
    timeout: tuple[int, int] = (0, 0),
    *,
    count: int | None = None,
    nowhere: bool = False,
    mask: int | None = None,
) -> int:
    """The same of ppoll(2), with a timeout of seconds and nanoseconds, and a signal mask."""
    where = ctypes.c_void_p(NOWHERE) if nowhere else _fds(files, select.POLLIN)
    time = ctypes.create_string_buffer(_TIME.pack(*timeout), _TIME.size)
    number = ctypes.c_ulong(len(files) if count is None else count)
    return _checked(_libc.ppoll(where, number, time, _mask(mask)))


def epoll_pwait(files: Sequence[_File], milliseconds: int, *, mask: int | None = None) -> int:
    """epoll_pwait(2) for data, with a signal mask."""
    with _watching(files) as epoll:
        events = ctypes.create_string_buffer(16)
        return _checked(_libc.epoll_pwait(epoll.fileno(), events, 1, milliseconds, _mask(mask)))


def epoll_pwait2(files: Sequence[_File], timeout: tuple[int, int]) -> int:
    """epoll_pwait2(2) for data, with a timeout of seconds and nanoseconds."""
    with _watching(files) as epoll:
        events = ctypes.create_string_buffer(16)
        time = ctypes.create_string_buffer(_TIME.pack(*timeout), _TIME.size)
        return _checked(
            _libc.syscall(_EPOLL_PWAIT2, epoll.fileno(), events, 1, time, None, ctypes.c_size_t(8))
        )


def within_limit(file: _File, limit: int, count: int) -> int:
    """What poll(2) of so many times one file returns in a process that may have so many descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return poll([file] * count)


def masked(call: Callable[[_File, int], int], full: _File, empty: _File) -> list[object]:
    """What a call gives while SIGUSR1 is pending, blocked in it and not; whether it is blocked after it."""
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.raise_signal(signal.SIGUSR1)
    found: list[object] = [call(full, 1 << signal.SIGUSR1 - 1)]
    try:
        found.append(call(empty, 0))
    except OSError as error:
        found.append(errno_name(error.errno))
    return [*found, signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, ())]


def _watching(files: Sequence[_File]) -> select.epoll:
    epoll = select.epoll()
    for file in files:
        epoll.register(file.fileno(), select.EPOLLIN)
    return epoll


def _fds(files: Sequence[_File], events: int) -> ctypes.Array[ctypes.c_char]:
    rows = b"".join(_POLLFD.pack(file.fileno(), events, 0) for file in files)
    return ctypes.create_string_buffer(rows, max(len(rows), 1))


def _mask(mask: int | None) -> ctypes.Array[ctypes.c_char] | None:
    return None if mask is None else ctypes.create_string_buffer(mask.to_bytes(8, "little"), 128)


def _checked(returned: int) -> int:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned
