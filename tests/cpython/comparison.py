"""Tests run with the standard library's socket and with libsocket's, and which of them end otherwise."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final, NamedTuple

from netns import Namespace

ROOT: Final = Path(__file__).parents[2]
KINDS: Final = ("standard", "libsocket")
NOT_LOADED: Final = "unittest.loader._FailedTest"
"""What unittest makes of a module that cannot be imported."""


class Ending(NamedTuple):
    """How a test ended: ``passed``, ``skipped``, ``failed``, or ``missing`` where it did not run."""

    ending: str
    detail: str = ""


MISSING: Final = Ending("missing")
Endings = Mapping[str, Ending]


class NotRun(Exception):
    """The tests could not be loaded, or their process died."""


class Comparison(NamedTuple):
    """The endings with both kinds of socket, and the tests that ended otherwise each time."""

    standard: Endings
    ours: Endings
    differing: Sequence[str]


def compare(names: Sequence[str], ended: Callable[[str], None]) -> Comparison:
    """Run tests with both kinds of socket at once; those that end otherwise are run once more, on their own.

    That is no second chance to pass: both kinds run again, and only a difference that repeats is one, since
    some of these tests fail now and then on a busy machine with either socket. ``ended`` is given each kind
    of socket as one of its tests has ended.
    """
    with ThreadPoolExecutor(len(KINDS)) as both:
        standard, ours = both.map(lambda kind: run(kind, names, ended), KINDS)
    if doubtful := otherwise(standard, ours):
        again = [run(kind, sorted(set(map(name_of, doubtful))), ended) for kind in KINDS]
        doubtful = [test for test in otherwise(*again) if test in doubtful]
    return Comparison(standard, ours, doubtful)


def otherwise(standard: Endings, ours: Endings) -> list[str]:
    """The tests whose endings differ."""
    tests = sorted(standard.keys() | ours.keys())
    return [one for one in tests if standard.get(one, MISSING).ending != ours.get(one, MISSING).ending]


def name_of(test: str) -> str:
    """What unittest loads it by: a fixture, ``setUpClass (test.test_ssl.Case)``, by its class or module."""
    fixture = re.fullmatch(r"\w+ \((.+)\)", test)
    return fixture[1] if fixture else test


def run(kind: str, names: Iterable[str], ended: Callable[[str], None]) -> Endings:
    """The endings of tests with one kind of socket, in a namespace and a folder of their own."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    endings = {}
    with Namespace(), tempfile.TemporaryDirectory() as folder, _said() as errors:
        with subprocess.Popen(
            [sys.executable, "-m", "tests.cpython.suite", kind, *names],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process:
            for line in process.stdout or ():
                test, *ending = json.loads(line)
                endings[test] = Ending(*ending)
                ended(kind)
        errors.seek(0)
        _check(process.returncode, endings, errors.read())
    return endings


def _said() -> IO[str]:
    """For standard error: a test of TLS may print what it received, whatever bytes these are."""
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="backslashreplace")


def _check(status: int, endings: Endings, errors: str) -> None:
    if status:
        raise NotRun(f"{errors}\nthe tests' process ended with status {status}")
    for test, ending in endings.items():
        if test.startswith(NOT_LOADED):
            raise NotRun(ending.detail)
