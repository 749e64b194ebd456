"""The kernel's clock."""

from __future__ import annotations

import time
from typing import Final

_CLOCK_MONOTONIC_COARSE: Final = 6
"""The clock that stands still between two ticks (clock_getres(2)); Python has no name for it."""


def ticks_in_a_second() -> int:
    """The kernel's HZ: what its coarse clock advances by is a tick."""
    return round(1 / time.clock_getres(_CLOCK_MONOTONIC_COARSE))
