"""A step of a bisection: a run held against that of the good end, as git takes the answer."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from reports.bisection import step
from reports.model import Answer, Run, Verdict
from tests.reports import sample

CLAIM = "doc.7/topic/claim"


def run(verdict: Verdict, **observed: object) -> Run:
    return sample.single(Answer(CLAIM, verdict, dict(observed)))  # type: ignore[arg-type]


def stepped(good: Run, now: Run) -> tuple[int, str]:
    out = io.StringIO()
    return step(good, now, Console(file=out, width=100)), out.getvalue()


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (Verdict.HOLDS, Verdict.HOLDS, 0),
        (Verdict.DIFFERS, Verdict.DIFFERS, 0),
        (Verdict.HOLDS, Verdict.DIFFERS, 1),
        (Verdict.DIFFERS, Verdict.HOLDS, 1),
        (Verdict.HOLDS, Verdict.BLOCKED, 125),
        (Verdict.DIFFERS, Verdict.BROKEN, 125),
        (Verdict.BLOCKED, Verdict.HOLDS, 125),
        (Verdict.BROKEN, Verdict.DIFFERS, 125),
    ],
)
def test_only_another_answer_is_bad_and_no_answer_is_skipped(
    before: Verdict, after: Verdict, status: int
) -> None:
    assert stepped(run(before), run(after))[0] == status


@pytest.mark.parametrize(("now", "status"), [(2304, 1), (256, 0)])
def test_another_observation_is_another_answer(now: int, status: int) -> None:
    assert stepped(run(Verdict.DIFFERS, size=256), run(Verdict.DIFFERS, size=now))[0] == status


def test_a_time_that_was_measured_is_never_another_answer() -> None:
    assert stepped(run(Verdict.HOLDS, waited=0.25), run(Verdict.HOLDS, waited=0.5))[0] == 0


def test_one_other_answer_is_bad_whatever_is_missing() -> None:
    answers = [Answer(f"doc.7/topic/{name}", Verdict.HOLDS) for name in ("one", "two")]
    good = Run(sample.header(), {one.claim: one for one in answers})
    now = Run(sample.header(), {answers[0].claim: Answer(answers[0].claim, Verdict.DIFFERS)})

    assert stepped(good, now)[0] == 1


def test_what_changed_is_printed() -> None:
    text = stepped(run(Verdict.HOLDS, mark=7), run(Verdict.HOLDS, mark=8))[1]

    assert f"    {CLAIM}: HOLDS mark = 7, now HOLDS mark = 8\n" in text
    assert "1 claim: 1 changed, 0 not to be had" in text
