"""What depends on timers of the kernel that come in time, on a machine that may be too busy for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from conformance.plugin.timing import timed

T = TypeVar("T")

_STEP: Final = 0.02
_LATE: Final = 0.1
_TRIES: Final = 6


def held_up(seconds: float, over: Callable[[], bool] = lambda: False) -> bool:
    """Wait so long, or until something is over; whether this process was held up for a tenth of a second.

    So may the kernel's timers have been.
    """
    late = 0.0
    with timed() as took:
        while took.seconds < seconds and not over():
            with timed() as step:
                time.sleep(_STEP)
            late = max(late, step.seconds - _STEP)
    return late > _LATE


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
