"""A test that may have been held up is run again, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.model import Verdict
from tests.conformance import suites

TESTS = """
import time
from itertools import count

RUNS = {name: count(1) for name in ("late-once", "late", "soon")}


def runs(name, seconds):
    time.sleep(seconds)
    return next(RUNS[name])


@claim("doc.7/late-once/second", says="It differs in the first run.")
def test_late_once(observe):
    assert observe("run", runs("late-once", 0.11)) == 2


@claim("doc.7/late/never", says="It differs in each run.")
def test_late(observe):
    assert observe("run", runs("late", 0.11)) == 0


@claim("doc.7/soon/second", says="It differs in the first run, which does not take long.")
def test_soon(observe):
    assert observe("run", runs("soon", 0)) == 2
"""


@pytest.mark.parametrize("arguments", [[], ["-n", "1"]], ids=["alone", "worker"])
def test_the_last_run_counts(tmp_path: Path, arguments: list[str]) -> None:
    found = suites.run(tmp_path, TESTS, *arguments).run.answers

    assert {claim: (one.verdict, one.observations["run"]) for claim, one in found.items()} == {
        "doc.7/late-once/second": (Verdict.HOLDS, 2),
        "doc.7/late/never": (Verdict.DIFFERS, 3),
        "doc.7/soon/second": (Verdict.DIFFERS, 1),
    }
