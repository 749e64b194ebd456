"""Signals that this process gets."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def signalled(number: signal.Signals) -> Iterator[list[str]]:
    """The signals of one kind that come during a block."""
    came: list[str] = []
    before = signal.signal(number, lambda *_: came.append(number.name))
    try:
        yield came
    finally:
        signal.signal(number, before)
