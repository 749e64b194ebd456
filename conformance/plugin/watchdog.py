"""A limit on how long each phase of a test may take: what never returns is ended.

The limit is no claim. Each phase has its own, since a signal that arrived between two of them would hit
pytest and not the test.
"""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType

import pytest

from conformance.plugin.claim import stated
from conformance.plugin.timing import TIMEOUT

_AGAIN = 5.0
"""Seconds until the signal comes again: the first may have been swallowed in a teardown."""


class TimeoutExceeded(BaseException):
    """A test took too long. No Exception, so that nothing in a test takes it for an answer."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise :class:`TimeoutExceeded` in the main thread once ``seconds`` have passed."""

    def strike(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutExceeded(f"still going after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    with _limit(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    with _limit(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    with _limit(item):
        return (yield)


def _limit(item: pytest.Item) -> AbstractContextManager[None]:
    return limited(TIMEOUT) if stated(item) else nullcontext()
