"""Run tests of CPython's own test package, and print how each ended: a JSON line for each.

``python -m tests.cpython.suite standard|libsocket NAME...``. With ``libsocket`` every module that is imported
later finds ``libsocket.Socket`` as ``socket.socket``. A name is a module, a class or a test.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import unittest
from typing import Any, Final, NoReturn, TextIO

LIMIT: Final = 30
"""Seconds after which a test is interrupted, and after which each of its fixtures is."""


class Endings(unittest.TestResult):
    """Prints how each test ended, as soon as it has: ``passed``, ``skipped`` or ``failed``."""

    def __init__(self, output: TextIO) -> None:
        super().__init__()
        self.output = output

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name, as those below
        super().startTest(test)
        self.ending, self.detail = "passed", ""
        signal.signal(signal.SIGALRM, _interrupt)
        signal.setitimer(signal.ITIMER_REAL, LIMIT, LIMIT)

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        signal.setitimer(signal.ITIMER_REAL, 0)
        super().stopTest(test)
        self._print(test.id())

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        super().addSkip(test, reason)
        self._ended(test, "skipped", reason)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addError(test, err)
        self._ended(test, "failed", self.errors[-1][1])

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addFailure(test, err)
        self._ended(test, "failed", self.failures[-1][1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._ended(test, "failed", (self.errors + self.failures)[-1][1])

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test)
        self._ended(test, "failed", "it passed, though it is expected to fail")

    def _ended(self, test: unittest.TestCase, ending: str, detail: str) -> None:
        self.ending, self.detail = ending, detail
        if not isinstance(
            test, unittest.TestCase
        ):  # a fixture of a class or a module, which stands for its tests
            self._print(test.id())

    def _print(self, test: str) -> None:
        print(json.dumps([test, self.ending, self.detail]), file=self.output, flush=True)


def _interrupt(*_: object) -> NoReturn:
    raise TimeoutError(f"the test did not end within {LIMIT} seconds")


def main(kind: str, *names: str) -> None:
    """Run the named tests with one kind of socket."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what tests print
    if kind == "libsocket":
        from libsocket import Socket

        socket.socket = Socket  # type: ignore[misc]
    from test import support  # type: ignore[import-not-found]

    support.use_resources = ("network",)  # none of those that reach other machines
    unittest.defaultTestLoader.loadTestsFromNames(names).run(Endings(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
