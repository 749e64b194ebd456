"""select(2) and pselect(2) as the kernel has them: any nfds, sets of any size, and the timeout that is left.

The C library's select may be a pselect6, so that the calls are made by their numbers; its pselect hides
that the timeout changes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple, Protocol

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.threads import delayed
from libsocket import Fd, Socket

_libc = ctypes.CDLL(None, use_errno=True)
_TIME: Final = struct.Struct("@ll")
_MASK: Final = struct.Struct("@PN")
_MACHINE: Final = platform.machine()
_SELECT: Final = {"x86_64": 23, "ppc64le": 142, "s390x": 142}.get(_MACHINE)
"""None where there is no such system call."""
_PSELECT6: Final = {"x86_64": 270, "ppc64le": 280, "s390x": 301}.get(_MACHINE, 72)

_NOWHERE: Final = 8
"""An address at which no process has memory."""
PATIENT: Final = 30
"""Seconds of a timeout whose end no test sees."""


class _File(Protocol):
    def fileno(self) -> int: ...


class Selected(NamedTuple):
    """What a call made of its arguments."""

    number: int
    """What it returned."""
    sets: list[list[int]]
    """The places, in the files that were asked for, of those that are left in each set."""
    seconds_left: float


class Sets:
    """Files to be read, to be written, and with exceptional conditions; None is a null pointer."""

    def __init__(
        self,
        read: Sequence[_File] | None = (),
        write: Sequence[_File] | None = (),
        exceptional: Sequence[_File] | None = (),
    ) -> None:
        self._files = (read, write, exceptional)
        self._numbers = [[file.fileno() for file in one or ()] for one in self._files]
        size = max([1023, *(number for one in self._numbers for number in one)]) // 64 * 8 + 8
        self._bits = [
            None if files is None else _bits(numbers, size)
            for files, numbers in zip(self._files, self._numbers, strict=True)
        ]

    @property
    def left(self) -> list[list[int]]:
        """The places, in the files that were asked for, of those that are in each set now."""
        return [
            [place for place, number in enumerate(numbers) if bits and _is_in(number, bits)]
            for numbers, bits in zip(self._numbers, self._bits, strict=True)
        ]

    def select(self, timeout: tuple[int, int] | None = (0, 0), nfds: int | None = None) -> Selected:
        """select(2), with a timeout of seconds and microseconds. Raises: OSError.

        ``nfds`` is one more than the largest descriptor if it is not given.
        """
        if _SELECT is None:
            return self._called(_libc.select, timeout, nfds, 1_000_000)
        return self._called(lambda *given: _libc.syscall(_SELECT, *given), timeout, nfds, 1_000_000)

    def pselect(self, timeout: tuple[int, int] | None, mask: int | None = None) -> Selected:
        """pselect(2) of the C library, with a timeout of seconds and nanoseconds. Raises: OSError."""
        signals = None if mask is None else ctypes.create_string_buffer(mask.to_bytes(8, "little"), 128)
        return self._called(lambda *given: _libc.pselect(*given, signals), timeout, None, 1_000_000_000)

    def pselect6(self, timeout: tuple[int, int]) -> Selected:
        """The system call that pselect(2) is, without a mask. Raises: OSError."""
        mask = ctypes.create_string_buffer(_MASK.pack(0, 8), _MASK.size)
        return self._called(
            lambda *given: _libc.syscall(_PSELECT6, *given, mask), timeout, None, 1_000_000_000
        )

    def _called(
        self, call: Callable[..., int], timeout: tuple[int, int] | None, nfds: int | None, fraction: int
    ) -> Selected:
        time = None if timeout is None else ctypes.create_string_buffer(_TIME.pack(*timeout), _TIME.size)
        highest = max((number for one in self._numbers for number in one), default=-1)
        returned = call(highest + 1 if nfds is None else nfds, *self._bits, time)
        if returned < 0:
            raise Failed(ctypes.get_errno(), _seconds(time, fraction))
        return Selected(returned, self.left, _seconds(time, fraction))


class Failed(OSError):
    """A call failed."""

    def __init__(self, number: int, seconds_left: float) -> None:
        super().__init__(number, os.strerror(number))
        self.seconds_left = seconds_left


def select(
    read: Sequence[_File] | None = (),
    write: Sequence[_File] | None = (),
    exceptional: Sequence[_File] | None = (),
    *,
    timeout: tuple[int, int] | None = (0, 0),
    nfds: int | None = None,
) -> Selected:
    """select(2) of files to be read, to be written, and with exceptional conditions. Raises: OSError."""
    return Sets(read, write, exceptional).select(timeout, nfds)


def _bits(numbers: Sequence[int], size: int) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(sum({1 << one for one in numbers}).to_bytes(size, "little"), size)


def _is_in(number: int, bits: ctypes.Array[ctypes.c_char]) -> bool:
    return bool(int.from_bytes(bits.raw, "little") >> number & 1)


def _seconds(time: ctypes.Array[ctypes.c_char] | None, fraction: int) -> float:
    seconds, rest = _TIME.unpack(time.raw) if time else (0, 0)
    return float(seconds + rest / fraction)


class Numbered:
    """A descriptor by its number, which may be closed."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number


def within_limit(file: _File, limit: int, nfds: int) -> int:
    """What select(2) returns in a process that may have so many descriptors."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return select([file], nfds=nfds).number


def at_number(file: _File, number: int) -> int:
    """What select(2) returns for a copy of a descriptor at a number of up to 4095."""
    _allow(4096)
    os.dup2(file.fileno(), number)
    with Fd(number) as copy:
        return select([copy]).number


def above_all_open(file: _File, number: int) -> list[object]:
    """The errno of select(2) and its sets then, with a file and one that was open, above all that are."""
    _allow(4096)
    os.dup2(file.fileno(), number)
    os.close(number)
    sets = Sets([file, Numbered(number)])
    try:
        sets.select()
    except OSError as error:
        return [errno_name(error.errno), sets.left]
    return [None, sets.left]


def _allow(descriptors: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def masked(full: _File, empty: _File) -> list[object]:
    """What pselect(2) returns while SIGUSR1 is pending, blocked in it and not; whether it is blocked then."""
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.raise_signal(signal.SIGUSR1)
    found: list[object] = [Sets([full]).pselect((1, 0), mask=1 << signal.SIGUSR1 - 1).number]
    try:
        found.append(Sets([empty]).pselect((1, 0), mask=0).number)
    except OSError as error:
        found.append(errno_name(error.errno))
    return [*found, signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, ())]


def lessened_when_interrupted(sock: Socket, call: str) -> int:
    """1 if ``select`` or ``pselect6`` fails with EINTR and its timeout is less then."""
    try:
        getattr(Sets([sock]), call)((PATIENT, 0))
    except Failed as failed:
        return int(failed.errno == errno.EINTR and 0 < failed.seconds_left < PATIENT)
    return 0


def selected_while_closed(sock: Socket) -> list[object]:
    """Another thread closes the only descriptor in readfds while select(2) waits, which has a timeout.

    Whether it was closed, the number returned, and whether the descriptor is in readfds.
    """
    for seconds in (0.02, 0.2, 2.0):
        number = os.dup(sock.fileno())
        with suppress(Failed), delayed(partial(os.close, number), seconds) as begun:
            whole, rest = divmod(2 * seconds, 1)
            found = select([Numbered(number)], timeout=(int(whole), int(1_000_000 * rest)))
            if begun.is_set():
                return [True, found.number, found.sets[0] == [0]]
            os.close(number)  # the thread came too late: it is tried again with more time
    raise AssertionError("select ended each time before the descriptor was closed, or it failed")


def select_nowhere(file: _File, argument: str) -> int:
    """What select(2) returns, with no memory at ``readfds``, ``writefds``, ``exceptfds`` or ``timeout``."""
    number = file.fileno()
    given: dict[str, object] = {
        "readfds": _bits([number], 128),
        "writefds": None,
        "exceptfds": None,
        "timeout": ctypes.create_string_buffer(_TIME.pack(0, 0), _TIME.size),
    }
    given[argument] = ctypes.c_void_p(_NOWHERE)
    if _SELECT is None:
        returned = _libc.select(number + 1, *given.values())
    else:
        returned = _libc.syscall(_SELECT, number + 1, *given.values())
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(returned)
