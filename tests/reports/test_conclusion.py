"""No success is told of what was not tried."""

from __future__ import annotations

import pytest

from reports.conclusion import conclusion
from reports.matrix import Matrix
from reports.model import Answer, Run, Verdict
from tests.reports import sample

HOLDS = Answer(sample.DOUBLED.id, Verdict.HOLDS)
BLOCKED = Answer(sample.MARK.id, Verdict.BLOCKED, need="CAP_NET_ADMIN")
STALE = Answer(sample.STALE.id, Verdict.HOLDS)


def of(*runs: Run) -> str:
    return conclusion([cell for row in Matrix.of(runs, sample.CATALOGUE).rows for cell in row.cells])


@pytest.mark.parametrize(
    ("answers", "asked", "words"),
    [
        ([HOLDS], 1, "Every verdict is the expected one."),
        (
            [HOLDS, BLOCKED],
            2,
            "Every verdict of those that ran is the expected one; 1 BLOCKED (needs CAP_NET_ADMIN).",
        ),
        ([HOLDS], 2, "Every verdict of those that ran is the expected one; 1 missing."),
        ([BLOCKED], 2, "No claim was tried: 1 BLOCKED (needs CAP_NET_ADMIN), 1 missing."),
        (
            [STALE],
            1,
            "1 verdict not as expected: 1 HOLDS though declared to differ (the expectation is stale).",
        ),
    ],
    ids=["whole", "blocked", "missing", "nothing", "stale"],
)
def test_a_conclusion_says_of_how_many_claims_it_is(answers: list[Answer], asked: int, words: str) -> None:
    others = [sample.NODELAY] * (asked - len(answers))
    claims = [sample.CATALOGUE.claim(one.claim) for one in answers]

    assert of(sample.cut(sample.header("6.1.0", *claims, *others), *answers)) == words
