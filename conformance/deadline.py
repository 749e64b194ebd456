"""Time in claims: how long a call took, and a guard against one that never returns.

What a claim may say of time is a lower bound. The guard is no claim: it ends a hang.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

GUARD = 60.0
"""Seconds after which a test hangs rather than waits; far above every wait that a document demands."""

TICK = 0.01
"""Seconds between two ticks of the slowest kernel there is (HZ=100)."""

_AGAIN = 5.0
"""The guard strikes again after this: the first blow may have been swallowed in a teardown."""


class DeadlineExceeded(BaseException):
    """A test ran into its guard. No Exception, so that nothing in a test takes it for an answer."""


@contextmanager
def guarded(seconds: float = GUARD) -> Iterator[None]:
    """Raise :class:`DeadlineExceeded` in the main thread once ``seconds`` have passed."""

    def strike(_number: int, _frame: FrameType | None) -> None:
        raise DeadlineExceeded(f"still going after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Timed:
    """How long a block took, in seconds of the clock by which the kernel's own timers run."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._end: float | None = None

    @property
    def seconds(self) -> float:
        return (self._end or time.monotonic()) - self._start

    def lasted(self, seconds: float) -> bool:
        """Whether it took that long, give or take a tick: the kernel counts its timers in whole ticks."""
        return self.seconds >= seconds - TICK

    def stop(self) -> None:
        self._end = time.monotonic()


@contextmanager
def timed() -> Iterator[Timed]:
    """Time a block: ``with timed() as took: sock.close()``, then ``took.lasted(1)``."""
    took = Timed()
    try:
        yield took
    finally:
        took.stop()
