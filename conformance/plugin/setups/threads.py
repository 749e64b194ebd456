"""Calls made in another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from conformance.plugin.timing import SOON


@contextmanager
def in_thread(act: Callable[[], object]) -> Iterator[threading.Event]:
    """Do something in another thread; the event is set when it is done."""
    done = threading.Event()

    def live() -> None:
        with suppress(OSError, EOFError):
            act()
            done.set()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    yield done
    thread.join()


@contextmanager
def given_up(end: Callable[[], object]) -> Iterator[None]:
    """A block that a kernel must not keep waiting: after a while ``end`` lets it return, and it differs."""
    with delayed(end, SOON) as ended:
        try:
            yield
        finally:
            assert not ended.is_set(), f"it still waited after {SOON:g} seconds"


@contextmanager
def delayed(act: Callable[[], object], seconds: float = 0.1) -> Iterator[threading.Event]:
    """Do something in another thread after a while, or not at all if the block ends first.

    The event is set when it has begun.
    """
    begun = threading.Event()

    def live() -> None:
        begun.set()
        with suppress(OSError, EOFError):
            act()

    timer = threading.Timer(seconds, live)
    timer.daemon = True
    timer.start()
    try:
        yield begun
    finally:
        timer.cancel()
        timer.join()


def in_turn(*acts: Callable[[], object]) -> Callable[[], None]:
    """What does one thing after another."""

    def act() -> None:
        for one in acts:
            one()

    return act
