"""Waits for what nothing announces."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from conformance.plugin.timing import SOON

_MOMENT: Final = 0.001


def pause(_: float = 0) -> None:
    """Wait for a moment."""
    time.sleep(_MOMENT)


def wait_until(
    reached: Callable[[], bool],
    wait: Callable[[float], object] = pause,
    seconds: float = SOON,
) -> bool:
    """Look again and again whether something is reached; whether it was, within so many seconds.

    ``wait`` waits between two looks, at most so many seconds as it is given. The last look comes after the
    time is over, so that a process which was held up for as long finds what came meanwhile.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if reached():
            return True
        wait(left)
    return reached()
