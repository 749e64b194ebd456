"""A limit on how long each phase of a test may take: what never returns is ended.

A call that does not return is the kernel's answer, so the limit of a call in a test's body is short, and the
call is named. Each phase has its own limit, since a signal that arrived between two of them would hit pytest
and not the test.
"""

from __future__ import annotations

import ast
import faulthandler
import inspect
import itertools
import linecache
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from types import FrameType
from typing import Final

import pytest

from conformance.plugin.claim import stated
from conformance.plugin.timing import TIMEOUT

_WHOLE: Final = 12 * TIMEOUT
"""Seconds for all that a phase does: above what a machine with too much to do takes for it."""
_AGAIN: Final = 2.0
"""Seconds until the signal comes again: the first may have been swallowed in a teardown."""
_KILL = 10.0
"""Seconds until the process is ended: it is in a call that no signal gets out of."""
_GLANCE: Final = 0.1
"""Seconds between two looks at where the test is."""
_PATIENCE: Final = 4
"""How many times as long a child may take, which is forked first."""
_CHILDREN: Final = "netns.child"
_TERMINAL = pytest.StashKey[int]()


def terminal(config: pytest.Config) -> int:
    """The terminal's descriptor, which pytest does not capture."""
    return config.stash[_TERMINAL]


class TimeoutExceeded(BaseException):
    """A test took too long. No Exception, so that nothing in a test takes it for an answer."""

    def __init__(self, call: str | None) -> None:
        super().__init__(f"{call or 'it'} did not return")
        self.call = call
        """What the body of the test waited for; None where that was a namespace, or no body."""


@contextmanager
def limited(seconds: float, file: str = "", terminal: int = 2) -> Iterator[None]:
    """Raise :class:`TimeoutExceeded` in the main thread once ``seconds`` have passed.

    ``file`` is where the test is whose call is to be named. Where no signal helps, since the kernel takes the
    call up again and again, the process ends and the tracebacks of its threads go to ``terminal``.
    """
    call: list[str | None] = []
    strikes = itertools.count(1)
    deadline = time.monotonic() + seconds

    def strike(_number: int, frame: FrameType | None) -> None:
        left = deadline - time.monotonic()
        if left > 0 and next(strikes) < _patience(frame):
            faulthandler.dump_traceback_later(left + _KILL, exit=True, file=terminal)
            return
        call.append(_awaited(frame, file))  # the first is what it waited for, the others are cleaning up
        raise TimeoutExceeded(call[0])

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    faulthandler.dump_traceback_later(seconds + _KILL, exit=True, file=terminal)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def watched(seconds: float, terminal: int = 2) -> Iterator[None]:
    """Inside :func:`limited`: let it strike as soon as one call has not returned for ``seconds``.

    Looks from another thread find the test in the same place all the time, and are counted, not timed: so
    neither a test with much to do nor a machine with too much is taken for a kernel that hangs.
    """
    over, here = threading.Event(), threading.get_ident()
    thread = threading.Thread(target=_watch, args=(here, seconds, over, terminal), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(thread: int, seconds: float, over: threading.Event, terminal: int) -> None:
    seen: list[tuple[int, int]] = []
    looks = 0
    while not over.wait(_GLANCE):
        place = _place_of(thread)
        looks = looks + 1 if place == seen else 0
        seen = place
        if looks * _GLANCE >= seconds:
            # The signal comes through at once, or never will.
            faulthandler.dump_traceback_later(_KILL, exit=True, file=terminal)
            signal.pthread_kill(thread, signal.SIGALRM)
            looks = 0


def _place_of(thread: int) -> list[tuple[int, int]]:
    """The instruction a thread is at, and those that led there. No frame is kept: it would keep sockets open.

    The innermost alone can be the same for one call and the next, in a frame where the former one was.
    """
    frame = sys._current_frames().get(thread)  # none for a moment, where a call begins
    place = []
    while frame:
        place.append((id(frame), frame.f_lasti))
        frame = frame.f_back
    return place


def _patience(frame: FrameType | None) -> float:
    """How many times as long as for another call one waits for it."""
    modules = _modules(frame)
    return math.inf if _set_up(modules) else _PATIENCE if _CHILDREN in modules else 1


def _modules(frame: FrameType | None) -> set[str]:
    return {str(one.f_globals.get("__name__")) for one in _outwards(frame)}


def _awaited(frame: FrameType | None, file: str) -> str | None:
    """The call in a test that has not returned; None if it is setting up a namespace, or none of ``file``."""
    if _set_up(_modules(frame)):
        return None
    bodies = [one for one in _outwards(frame) if one.f_code.co_filename == file]
    return _call_at(bodies[-1]) if bodies else None


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame:
        yield frame
        frame = frame.f_back


def _set_up(modules: set[str]) -> bool:
    """Whether code of netns runs; but a child runs what a test gave it."""
    return any(name.startswith("netns.") and name != _CHILDREN for name in modules)


def _call_at(frame: FrameType) -> str:
    """The name of the function that is called there, or the line: the same on every run."""
    code = frame.f_code
    place = next(islice(code.co_positions(), frame.f_lasti // 2, None))
    lines = linecache.getlines(code.co_filename)
    nodes = (node for node in ast.walk(ast.parse("".join(lines))) if _place(node) == place)
    calls = [call for node in nodes for call in _calls(node)]
    return _name(calls[0].func) if calls else lines[frame.f_lineno - 1].strip()


def _place(node: ast.AST) -> tuple[int | None, ...]:
    """Where it is, in the order of ``co_positions``."""
    return tuple(
        getattr(node, name, None) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset")
    )


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls in it; of a with statement, whose end may wait too, those that its block is entered by."""
    parts: list[ast.AST] = [*node.items] if isinstance(node, ast.With) else [node]
    return (one for part in parts for one in ast.walk(part) if isinstance(one, ast.Call))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the terminal's descriptor from what pytest captures later."""
    config.stash[_TERMINAL] = os.dup(2)


def pytest_unconfigure(config: pytest.Config) -> None:
    os.close(config.stash[_TERMINAL])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    with _limit(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    with _limit(item), watched(TIMEOUT, item.config.stash[_TERMINAL]) if stated(item) else nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    with _limit(item):
        return (yield)


def _limit(item: pytest.Item) -> AbstractContextManager[None]:
    if stated(item) is None:
        return nullcontext()
    return limited(_WHOLE, file_of(item), item.config.stash[_TERMINAL])


def file_of(item: pytest.Item) -> str:
    """Where the body of a test stands: its file, but for a row of a table."""
    function = inspect.unwrap(getattr(item, "function"))  # noqa: B009  only a test function has one
    return inspect.getfile(function)
