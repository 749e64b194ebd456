"""select(2) and pselect(2) as they are: with any nfds, and with the timeout that is left."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from conformance.plugin.refusal import errno_name
from libsocket import Fd

_libc = ctypes.CDLL(None, use_errno=True)
_TIME: Final = struct.Struct("@ll")


class _File(Protocol):
    def fileno(self) -> int: ...


class Selected(NamedTuple):
    """What a call made of its arguments."""

    number: int
    """What it returned."""
    sets: list[list[int]]
    """The places, in the files that were asked for, of those that are left in each set."""
    seconds_left: float


def select(
    read: Sequence[_File] = (),
    write: Sequence[_File] = (),
    exceptional: Sequence[_File] = (),
    *,
    timeout: tuple[int, int] | None = (0, 0),
    nfds: int | None = None,
    mask: int | None = None,
) -> Selected:
    """select(2), with a timeout of seconds and microseconds; with a ``mask`` of signals pselect(2).

    The timeout of the latter is one of nanoseconds. ``nfds`` is one more than the largest descriptor if it
    is not given. Raises: OSError.
    """
    files = (read, write, exceptional)
    numbers = [file.fileno() for one in files for file in one]
    size = max([1023, *numbers, nfds or 0]) // 64 * 8 + 8
    sets = [_set([file.fileno() for file in one], size) for one in files]
    count = max(numbers, default=-1) + 1 if nfds is None else nfds
    time = None if timeout is None else ctypes.create_string_buffer(_TIME.pack(*timeout), _TIME.size)
    if mask is None:
        returned = _libc.select(count, *sets, time)
    else:
        signals = ctypes.create_string_buffer(mask.to_bytes(8, "little"), 128)
        returned = _libc.pselect(count, *sets, time, signals)
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    left = _TIME.unpack(time.raw) if time else (0, 0)
    found = [
        [place for place, file in enumerate(one) if int.from_bytes(bits.raw, "little") >> file.fileno() & 1]
        for one, bits in zip(files, sets, strict=True)
    ]
    return Selected(returned, found, left[0] + left[1] / (1_000_000 if mask is None else 1_000_000_000))


def _set(numbers: Sequence[int], size: int) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(sum({1 << one for one in numbers}).to_bytes(size, "little"), size)


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
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    os.dup2(file.fileno(), number)
    with Fd(number) as copy:
        return select([copy]).number


def masked(full: _File, empty: _File) -> list[object]:
    """What pselect(2) returns while SIGUSR1 is pending, blocked in it and not; whether it is blocked then."""
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    signal.raise_signal(signal.SIGUSR1)
    found: list[object] = [select([full], timeout=(1, 0), mask=1 << signal.SIGUSR1 - 1).number]
    try:
        found.append(select([empty], timeout=(1, 0), mask=0).number)
    except OSError as error:
        found.append(errno_name(error.errno))
    return [*found, signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, ())]
