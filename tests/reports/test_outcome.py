"""What a claim comes to on one kernel for other programs."""

from __future__ import annotations

import pytest

from reports.catalogue import Catalogue
from reports.matrix import Matrix
from reports.model import Answer, Claim, Expectation, Footer, Run, Verdict
from reports.outcome import Outcome, outcome, reason
from tests.reports.sample import header

CRASHING = Claim(
    "doc.7/one/crashes",
    "It is so.",
    expectations=(Expectation("the kernel panics", observed={"splat": "Kernel panic"}),),
)


@pytest.mark.parametrize(
    ("splat", "is_declared"), [("Kernel panic", True), ("BUG: another", False)], ids=["declared", "another"]
)
def test_a_crash_that_is_declared_is_no_error(splat: str, *, is_declared: bool) -> None:
    answer = Answer(CRASHING.id, Verdict.BROKEN, {"splat": splat})
    run = Run(header("6.1.0", CRASHING), {CRASHING.id: answer}, Footer(1))

    (row,) = Matrix.of([run], Catalogue.of([CRASHING])).rows
    (cell,) = row.cells

    assert (outcome(cell) is Outcome.PASSED) is is_declared
    assert (reason(cell) == "the kernel panics") is is_declared
    assert (cell.note == "declared") is is_declared
