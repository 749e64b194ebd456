"""What hypothesis draws for a property."""

from __future__ import annotations

import subprocess
import sys

from tests.conformance.suites import ROOT

COUNT = """
from conformance.plugin import properties
{before}
properties.load_hypothesis()
from hypothesis.internal.conjecture import providers
print(len(providers._local_constants))
"""


def constants_drawn_from(before: str = "") -> int:
    """How many constants of modules hypothesis draws too, in a process of its own."""
    program = [sys.executable, "-c", COUNT.format(before=before)]
    return int(subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_constants_of_modules_are_not_drawn() -> None:
    untouched = constants_drawn_from("properties._draw_from_ranges_only = lambda: None")

    assert [constants_drawn_from(), untouched > 0] == [0, True]
