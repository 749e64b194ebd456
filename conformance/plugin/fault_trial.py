"""One run of a test, in a process of its own, under strace, which may change one answer of the kernel."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import pytest

from conformance.plugin.claim import stated
from conformance.plugin.implementation import implementation
from conformance.plugin.outcome import answer_on, without_traceback
from conformance.plugin.strace import Call, Strace, print_sockets_silently
from conformance.plugin.timing import TIMEOUT
from conformance.plugin.watchdog import file_of, limited
from netns import Child
from reports.assess import Assessment, assess
from reports.model import Answer, Verdict
from reports.ranges import base

_GRACE = 5.0
"""Seconds for a test that is over its limit to end by itself."""


@dataclass(frozen=True)
class Trial:
    """How a run of a test ended."""

    answer: Answer | None
    """None where the test's process died or had to be killed."""
    assessed: Assessment | None
    """What the answer comes to on the kernel that runs."""
    seconds: float
    calls: tuple[Call, ...]
    """What strace was asked to trace, without what was called after the test's own end."""
    main: int
    """The thread that the test ran in."""

    @property
    def verdict(self) -> Verdict:
        return self.assessed.verdict if self.assessed else Verdict.BROKEN

    @property
    def expected(self) -> bool:
        """Whether that is as declared."""
        return self.assessed is not None and self.assessed.expected


class _Answered(BaseException):
    """The test has answered: what follows is teardown, and its process ends instead."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class _Body:
    """A part of the plugin that is there in the test's process alone."""

    def __init__(self, limit: float) -> None:
        self._limit = limit

    @pytest.hookimpl(wrapper=True, trylast=True)  # innermost: nothing but the test's own function is inside
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        os.kill(os.getpid(), signal.SIGSTOP)  # until strace is attached
        try:
            with limited(self._limit, file_of(pyfuncitem)):
                return (yield)
        except BaseExceptionGroup as flaky:  # hypothesis tries a failure again, but a fault comes once
            raise flaky.exceptions[0] from flaky
        finally:
            os.kill(os.getpid(), 0)  # a mark in the trace: the test's own calls end here

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if answer := answer_on(report):
            raise _Answered(answer)


def trial(item: pytest.Item, options: Sequence[str], limit: float = TIMEOUT) -> Trial:
    """Run a collected test that has not run in this process. ``limit`` is in seconds.

    Raises: NotTraced.
    """
    with Child(lambda: _answer(item, limit), timeout=limit + _GRACE) as child:
        pid = child.pid
        calls: list[Call] = []
        if _stops(pid):
            with Strace(pid, *options) as strace:
                began = time.monotonic()
                os.kill(pid, signal.SIGCONT)
                answer = _value(child)
                seconds = time.monotonic() - began
                calls = strace.calls()
        else:  # it was answered before the test began
            answer, seconds = _value(child), 0.0
    return Trial(answer, _assessed(item, answer), seconds, tuple(_own(calls)), pid)


def _stops(pid: int) -> bool:
    """Whether a child waits for strace; otherwise it has ended."""
    state = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
    return state is not None and state.si_code == os.CLD_STOPPED


def _answer(item: pytest.Item, limit: float) -> Answer | None:
    """All of the test's life, in its process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print_sockets_silently()
    item.config.pluginmanager.unregister(name="terminalreporter")
    item.config.pluginmanager.register(_Body(limit))
    try:
        with without_traceback(item):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    except _Answered as answered:
        return answered.answer
    return None


def _value(child: Child[Answer | None]) -> Answer | None:
    try:
        return child.value()
    except Exception:  # whatever a changed answer did to the process, there is none
        return None


def _assessed(item: pytest.Item, answer: Answer | None) -> Assessment | None:
    marked = stated(item)
    if marked is None or answer is None:
        return None
    return assess(marked.claim, implementation(), base(os.uname().release, os.uname().version), answer)


def _own(calls: Iterable[Call]) -> Iterator[Call]:
    """The calls up to the mark, which is among them where it is traced."""
    return takewhile(lambda call: call.name != "kill", calls)
