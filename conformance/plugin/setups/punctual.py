"""What depends on timers of the kernel that come in time, on a machine that may be too busy for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from conformance.plugin.timing import timed

T = TypeVar("T")

_STEP: Final = 0.02
_LATE: Final = 0.1
_TRIES: Final = 6


def held_up(seconds: float, over: Callable[[], bool] = lambda: False) -> bool:
    """Wait so long, or until something is over; whether this process was held up for a tenth of a second.

    So may the kernel's timers have been: whoever has a processor meanwhile, other processes do not count.
    """
    late = 0.0
    with _before_others(), timed() as took:
        while took.seconds < seconds and not over():
            with timed() as step:
                time.sleep(_STEP)
            late = max(late, step.seconds - _STEP)
    return late > _LATE


@contextmanager
def _before_others() -> Iterator[None]:
    """Have this thread run before all that share its processors, where that is allowed."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setscheduler(0, *before)


def promptly(seconds: float, act: Callable[[], T]) -> T:
    """What an act finds within so many seconds, tried again where a timer may have run in it."""

    def tried() -> tuple[bool, T]:
        with timed() as took:
            found = act()
        return took.seconds >= seconds, found

    return punctual(tried)


def punctual(act: Callable[[], tuple[bool, T]]) -> T:
    """What an act finds, tried again where it was held up: a late timer says nothing of when one is due."""
    for _ in range(_TRIES):
        late, found = act()
        if not late:
            return found
    raise TimeoutError(f"in {_TRIES} tries this process was held up each time: the machine is too busy")
