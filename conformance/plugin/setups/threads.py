"""Calls made in another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from conformance.plugin.timing import SOON

_A_WHILE: Final = 0.2
_A_MOMENT: Final = 0.001
_ARGUMENTS: Final = 6
"""Of a call, as /proc tells them between its number and two addresses."""


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


@contextmanager
def once_waiting(fd: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something in another thread once this one waits in a call on a descriptor.

    Not at all if the block ends first; after a while where the kernel does not tell what a thread waits in.
    """
    call = Path(f"/proc/self/task/{threading.get_native_id()}/syscall")
    over = threading.Event()

    def live() -> None:
        if not call.exists():
            over.wait(_A_WHILE)
        while call.exists() and not over.is_set() and _first_argument(call.read_text()) != fd:
            over.wait(_A_MOMENT)
        if not over.is_set():
            with suppress(OSError):
                act()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _first_argument(told: str) -> int | None:
    """That of the call that a thread waits in: after the number of the call. None where it is running."""
    words = told.split()
    return int(words[1], 16) if len(words) > _ARGUMENTS else None


def in_turn(*acts: Callable[[], object]) -> Callable[[], None]:
    """What does one thing after another."""

    def act() -> None:
        for one in acts:
            one()

    return act
