"""poll(2), ppoll(2) and the calls of epoll(7) as they are: with any number, also in bad memory."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from conformance.plugin.refusal import errno_name

NOWHERE: Final = 8
"""An address at which no process has memory."""
CTL_ADD, CTL_DEL, CTL_MOD = 1, 2, 3

_libc: Final = ctypes.CDLL(None, use_errno=True)
_EPOLL_PWAIT2: Final = 441
"""The same on every architecture; the C library may be older."""
_EVENT: Final = struct.Struct("=IQ" if os.uname().machine == "x86_64" else "@IQ")
_POLLFD: Final = struct.Struct("@ihh")
_TIMESPEC: Final = struct.Struct("@ll")
_UNTOUCHED: Final = 0x5555
"""What revents is before a call."""


class _File(Protocol):
    def fileno(self) -> int: ...


def epoll_create(size: int) -> str:
    """epoll_create(2): ``made``. Raises: OSError."""
    os.close(_checked(_libc.epoll_create(size)))
    return "made"


def epoll_create1(flags: int) -> str:
    """epoll_create1(2): ``made``. Raises: OSError."""
    os.close(epoll_made(flags))
    return "made"


def epoll_made(flags: int) -> int:
    """The descriptor of an instance that epoll_create1(2) makes; Python's own always has EPOLL_CLOEXEC."""
    return _checked(_libc.epoll_create1(flags))


def epoll_ctl(epoll: int, operation: int, file: int, events: int | None = 0, at: int | None = None) -> None:
    """epoll_ctl(2) with an event, without one (None), or with one ``at`` an address. Raises: OSError."""
    place = None if events is None else ctypes.create_string_buffer(_EVENT.pack(events, file), _EVENT.size)
    _checked(_libc.epoll_ctl(epoll, operation, file, place if at is None else ctypes.c_void_p(at)))


def epoll_wait(
    call: str,
    epoll: int,
    *,
    count: int = 1,
    at: int | None = None,
    mask: int | None = None,
    mask_at: int | None = None,
    timeout: tuple[int, int] | None = (0, 0),
) -> int:
    """How many events epoll_wait, epoll_pwait or epoll_pwait2 gives; the timeout has nanoseconds.

    ``at`` and ``mask_at`` are other addresses for what is given and the mask. Raises: OSError.
    """
    room = ctypes.create_string_buffer(_EVENT.size * max(count, 1))
    events = room if at is None else ctypes.c_void_p(at)
    signals = None if mask is None else ctypes.create_string_buffer(mask.to_bytes(8, "little"), 128)
    of_signals = signals if mask_at is None else ctypes.c_void_p(mask_at)
    if call == "epoll_pwait2":
        time = None if timeout is None else ctypes.create_string_buffer(_TIMESPEC.pack(*timeout), 16)
        size = ctypes.c_size_t(8)
        return _checked(_libc.syscall(_EPOLL_PWAIT2, epoll, events, count, time, of_signals, size))
    milliseconds = -1 if timeout is None else timeout[0] * 1000 + timeout[1] // 1_000_000
    rest = (of_signals,) if call == "epoll_pwait" else ()
    return _checked(getattr(_libc, call)(epoll, events, count, milliseconds, *rest))


def poll(
    asked: Sequence[tuple[int, int]],
    *,
    nfds: int | None = None,
    at: int | None = None,
) -> list[int | None]:
    """revents of each descriptor by poll(2), at once; None where it was left alone. Raises: OSError."""
    memory = _pollfds(asked)
    where = memory if at is None else ctypes.c_void_p(at)
    _checked(_libc.poll(where, ctypes.c_ulong(len(asked) if nfds is None else nfds), 0))
    found = [_POLLFD.unpack_from(memory, _POLLFD.size * one)[2] for one in range(len(asked))]
    return [None if bits == _UNTOUCHED else bits for bits in found]


def ppoll(
    asked: Sequence[tuple[int, int]],
    timeout: tuple[int, int] | None = (0, 0),
    *,
    mask: int | None = None,
    at: int | None = None,
) -> int:
    """What ppoll(2) returns; the timeout has nanoseconds. Raises: OSError."""
    signals = None if mask is None else ctypes.create_string_buffer(mask.to_bytes(8, "little"), 128)
    time = None if timeout is None else ctypes.create_string_buffer(_TIMESPEC.pack(*timeout), 16)
    where = _pollfds(asked) if at is None else ctypes.c_void_p(at)
    return _checked(_libc.ppoll(where, ctypes.c_ulong(len(asked)), time, signals))


@contextmanager
def watching(call: str, file: _File) -> Iterator[Callable[..., int]]:
    """What makes ppoll, or a call of epoll on one instance, wait for a file to be read, with a timeout.

    It gives what the call returns.
    """
    if call == "ppoll":
        yield lambda timeout, mask=None: ppoll([(file.fileno(), select.POLLIN)], timeout, mask=mask)
        return
    with select.epoll() as epoll:
        epoll.register(file.fileno(), select.EPOLLIN)
        yield lambda timeout, mask=None: epoll_wait(call, epoll.fileno(), timeout=timeout, mask=mask)


def masked(call: str, reader: _File, send: Callable[[], object]) -> list[object]:
    """What a call returns of a reader while SIGUSR1 is pending, and whether it is blocked then.

    With the signal in the mask, without, and with it once something is sent.
    """
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.raise_signal(signal.SIGUSR1)
    with_it = 1 << signal.SIGUSR1 - 1
    with watching(call, reader) as wait:
        found: list[object] = [wait((0, 1_000_000), with_it), errno_of(lambda: wait((1, 0), 0))]
        signal.raise_signal(signal.SIGUSR1)
        send()
        found.append(wait((1, 0), with_it))
    return [*found, signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, ())]


def errno_of(act: Callable[[], object]) -> object:
    """The name of the errno with which something fails, or what it gives."""
    try:
        return act()
    except OSError as error:
        return errno_name(error.errno)


def _pollfds(asked: Sequence[tuple[int, int]]) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(
        b"".join(_POLLFD.pack(file, events, _UNTOUCHED) for file, events in asked), _POLLFD.size * len(asked)
    )


def _checked(returned: int) -> int:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned
