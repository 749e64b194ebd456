"""Wait for what a network does a moment later: a busy kernel delivers by loopback after a call returns."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import TypeVar

from conformance.plugin.timing import SOON

T = TypeVar("T")


def settled(read: Callable[[], T], due: T) -> T:
    """What is read once it is what is due, or after a while in vain: a kernel that errs shows it often."""
    end = time.monotonic() + SOON / 4
    while (now := read()) != due and time.monotonic() < end:
        select.select([], [], [], 0.001)
    return now
