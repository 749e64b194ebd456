"""Ctrl-C ends a run, and pytest tells what it came to. A second one ends it at once, with a word of ours."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress


def end_at_the_second(last_words: Callable[[], str], terminal: int) -> None:
    """From here on a second SIGINT kills this process, which says ``last_words`` to ``terminal`` first.

    In the middle of what pytest does after the first it would be an error in some place or other, and the run
    would go on with whatever status it had by then.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    owner = os.getpid()

    def first(*_: object) -> None:
        if os.getpid() == owner:
            signal.signal(signal.SIGINT, second)
        raise KeyboardInterrupt

    def second(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with suppress(OSError):
            os.write(terminal, f"\n{last_words()}\n".encode())
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, first)


def restore() -> None:
    """As Python has it."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
