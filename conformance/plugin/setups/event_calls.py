"""poll(2), ppoll(2) and the calls of epoll(7) as they are: with any number, also in bad memory."""

from __future__ import annotations

import ctypes
import os
import platform
import select
import signal
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from conformance.plugin.refusal import errno_name
from libsocket import Socket

NOWHERE: Final = 8
"""An address at which no process has memory."""
CTL_ADD, CTL_DEL, CTL_MOD = 1, 2, 3

_libc: Final = ctypes.CDLL(None, use_errno=True)
_EPOLL_PWAIT2: Final = 441
"""The same on every architecture; the C library may be older."""
_MACHINE: Final = platform.machine()
_KCMP: Final = {"x86_64": 312, "ppc64le": 354, "s390x": 343}.get(_MACHINE, 272)
_PPOLL: Final = {"x86_64": 271, "ppc64le": 281, "s390x": 302}.get(_MACHINE, 73)
_KCMP_EPOLL_TFD: Final = 7
_SLOT: Final = struct.Struct("@III")
"""struct kcmp_epoll_slot"""
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


def epoll_made_of_size(size: int) -> int:
    """The descriptor of an instance that epoll_create(2) makes."""
    return _checked(_libc.epoll_create(size))


def epoll_ctl(
    epoll: int,
    operation: int,
    file: int,
    events: int | None = 0,
    at: int | None = None,
    *,
    data: int | None = None,
) -> None:
    """epoll_ctl(2) with an event, without one (None), or with one ``at`` an address. Raises: OSError.

    The data of the event are the descriptor where they are not given.
    """
    event = None if events is None else _EVENT.pack(events, file if data is None else data)
    place = None if event is None else ctypes.create_string_buffer(event, _EVENT.size)
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


def epoll_told(epoll: int, seconds: float = 0) -> list[tuple[int, int]]:
    """The events and the data of each descriptor that epoll_wait(2) gives, up to 16. Raises: OSError."""
    room = ctypes.create_string_buffer(_EVENT.size * 16)
    found = _checked(_libc.epoll_wait(epoll, room, 16, int(seconds * 1000)))
    given = [_EVENT.unpack_from(room, _EVENT.size * one) for one in range(found)]
    return [(events, data) for events, data in given]


@dataclass(frozen=True)
class Watched:
    """What /proc tells of a descriptor that an epoll instance watches."""

    file: int
    events: int
    data: int


def epoll_watched(epoll: int) -> list[Watched]:
    """What an epoll instance watches, as its fdinfo in /proc has it."""
    lines = Path(f"/proc/thread-self/fdinfo/{epoll}").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if line.startswith("tfd:")]
    return [Watched(int(row[1]), int(row[3], 16), int(row[5], 16)) for row in rows]


def watches_until_refused(*users: tuple[int, int], attempts: int) -> list[list[object]]:
    """How often users, real and effective, add a UDP socket to two instances, and the errno that ends it.

    One user after the other, in a process that keeps all of them.
    """
    with Socket.udp() as sock:
        doubles = [os.dup(sock.fileno()) for _ in range(attempts)]
        kept: list[select.epoll] = []
        found: list[list[object]] = []
        for real, effective in users:
            os.setresuid(real, effective, 0)
            pair = [select.epoll(), select.epoll()]
            kept += pair
            found.append(_added(pair, doubles))
            os.setresuid(-1, 0, 0)
        return found


def _added(epolls: Sequence[select.epoll], files: Sequence[int]) -> list[object]:
    """How many files two instances took by turns, and the errno of the next."""
    for place, file in enumerate(files):
        try:
            epolls[place % 2].register(file, select.EPOLLIN)
        except OSError as error:
            return [place, errno_name(error.errno)]
    return [len(files), None]


def kcmp_epoll(file: _File, epoll: _File, number: int, nth: int = 0) -> int:
    """kcmp(2) with KCMP_EPOLL_TFD: 0 where an instance watches a file by a number. Raises: OSError.

    It is the ``nth`` of those that were added by this number.
    """
    slot = ctypes.create_string_buffer(_SLOT.pack(epoll.fileno(), number, nth), _SLOT.size)
    own = os.getpid()
    return _checked(_libc.syscall(_KCMP, own, own, _KCMP_EPOLL_TFD, ctypes.c_ulong(file.fileno()), slot))


def poll(
    asked: Sequence[tuple[int, int]],
    *,
    nfds: int | None = None,
    at: int | None = None,
    timeout: int = 0,
) -> list[int | None]:
    """revents of each descriptor by poll(2), at once or within a timeout in milliseconds.

    None where it was left alone. Raises: OSError.
    """
    memory = _pollfds(asked)
    where = memory if at is None else ctypes.c_void_p(at)
    _checked(_libc.poll(where, ctypes.c_ulong(len(asked) if nfds is None else nfds), timeout))
    found = [_POLLFD.unpack_from(memory, _POLLFD.size * one)[2] for one in range(len(asked))]
    return [None if bits == _UNTOUCHED else bits for bits in found]


def ppoll_left(asked: Sequence[tuple[int, int]], seconds: int, *, library: bool) -> tuple[int, float]:
    """What ppoll of the C library, or the system call, returns, and the seconds that its timeout has then.

    Raises: OSError.
    """
    time = ctypes.create_string_buffer(_TIMESPEC.pack(seconds, 0), 16)
    given = (_pollfds(asked), ctypes.c_ulong(len(asked)), time, None)
    found = _libc.ppoll(*given) if library else _libc.syscall(_PPOLL, *given, ctypes.c_size_t(8))
    left, fraction = _TIMESPEC.unpack(time.raw)
    return _checked(found), left + fraction / 1e9


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
