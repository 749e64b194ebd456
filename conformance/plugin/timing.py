"""How long a call took. What a claim may say of time is a lower bound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from kernels.inside import emulated

TIMEOUT = 20.0 if emulated() else 5.0
"""Seconds after which a call in a test hangs rather than waits; above every wait that a document demands.

Where the processor is emulated the kernel needs many seconds to look for a module that is not there.
"""
LONG = int(2 * TIMEOUT)
"""Seconds: a call that waited for so long would not return in time."""

TICK = 0.01
"""Seconds between two ticks of the slowest kernel there is (HZ=100)."""

SOON = 4.0
"""Seconds within which there is what a kernel gives at once, however slow the machine."""


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
