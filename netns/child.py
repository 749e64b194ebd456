"""A function run in a child process: forked, never exec'ed, always reaped, dead when its parent is."""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, NoReturn, Self, TypeVar

from netns.errors import setting_up
from netns.syscalls import PR_SET_PDEATHSIG, prctl

T = TypeVar("T")

_LENGTH = struct.Struct("!Q")
_OUTSIDE = 0
"""The parent of the first process in a PID namespace, which has no number there."""


class ChildDied(RuntimeError):
    """The child ended without a result: it was killed, or exited by itself."""

    def __init__(self, exitcode: int) -> None:
        super().__init__(exitcode)
        self.exitcode = exitcode
        """Exit status; when a signal ended it, minus that signal."""

    def __str__(self) -> str:
        if self.exitcode < 0:
            return f"the child was killed by {signal.Signals(-self.exitcode).name} before it returned"
        return f"the child exited with status {self.exitcode} before it returned"


class Child(Generic[T]):
    """A forked process that runs one function and returns its value, or raises its exception.

    The child is a copy of this process with the calling thread alone. A lock that another thread held
    during the fork stays locked in it for ever, so the function should neither log nor print where other
    threads do; ``timeout``, in seconds, bounds the wait if it does all the same.

    Leaving the ``with`` block kills and reaps a child that is still there.
    """

    pid = 0
    _pipe = -1

    def __init__(self, function: Callable[[], T], *, timeout: float = 60.0) -> None:
        self._timeout = timeout
        parent = os.getpid()
        with setting_up("a child process"):
            self._pipe, answers = os.pipe()
        try:
            with setting_up("a child process"):
                self.pid = _fork()
            if self.pid == 0:
                _run_child(function, answers, parent)
        finally:
            os.close(answers)

    def value(self) -> T:
        """Wait for the function and return its value.

        Raises what the function raised (an OSError keeps its errno), ChildDied when the child ended first,
        TimeoutError after ``timeout`` seconds; by then the child is killed and reaped.
        """
        try:
            answer = self._answer()
        except TimeoutError:
            self.close()
            raise
        exitcode = self._reap()
        if answer is None:
            raise ChildDied(exitcode)
        returned, outcome = pickle.loads(answer)
        if not returned:
            error, cause = outcome
            raise error from cause
        value: T = outcome
        return value

    def kill(self) -> None:
        """End the child with SIGKILL; it is reaped by value() or close()."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the child if it is still there, and reap it."""
        self.kill()
        self._reap()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _answer(self) -> bytes | None:
        deadline = time.monotonic() + self._timeout
        header = self._read(_LENGTH.size, deadline)
        if header is None:
            return None
        return self._read(_LENGTH.unpack(header)[0], deadline)

    def _read(self, size: int, deadline: float) -> bytes | None:
        """So many bytes, or None when the child ends before it wrote them."""
        poll, data = select.poll(), b""
        poll.register(self._pipe, select.POLLIN)
        while len(data) < size:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError(f"the child did not return within {self._timeout} seconds")
            piece = os.read(self._pipe, size - len(data))
            if not piece:
                return None
            data += piece
        return data

    def _reap(self) -> int:
        pid, self.pid = self.pid, 0
        pipe, self._pipe = self._pipe, -1
        if pipe != -1:
            os.close(pipe)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else 0


def in_child(function: Callable[[], T], *, timeout: float = 60.0) -> T:
    """Run a function in a child process and return its value; see Child for what is raised."""
    with Child(function, timeout=timeout) as child:
        return child.value()


def die_with_parent(parent: int) -> None:
    """Let this process be killed when its parent ends; a change of user undoes this (prctl(2))."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() not in {parent, _OUTSIDE}:
        os._exit(1)


def _fork() -> int:
    # From Python 3.12 a fork beside other threads warns, as it may deadlock; Child's timeout bounds that.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        return os.fork()


def _run_child(function: Callable[[], object], answers: int, parent: int) -> NoReturn:
    """All of the child's life; the caller's code never goes on in it."""
    try:
        die_with_parent(parent)
        answer = _outcome(function)
        with open(answers, "wb", closefd=False) as pipe:
            pipe.write(_LENGTH.pack(len(answer)) + answer)
    finally:
        os._exit(0)


def _outcome(function: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps((True, function()))
    except BaseException as error:  # the parent decides what an exit or an interrupt means
        return _failure(error)


def _failure(error: BaseException) -> bytes:
    text = "".join(traceback.format_exception(error))
    error.add_note(f"In the child process:\n{text}")
    # Pickling loses the cause, and not every exception can be pickled.
    for outcome in ((error, error.__cause__), (error, None)):
        with suppress(Exception):
            failure = pickle.dumps((False, outcome))
            pickle.loads(failure)
            return failure
    return pickle.dumps((False, (RuntimeError(text), None)))
