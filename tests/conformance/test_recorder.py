"""Several tests of one claim give one answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.plugin.recorder import merged
from reports.model import Answer, Verdict
from tests.conformance import suites


def answers(*verdicts: Verdict) -> list[Answer]:
    return [Answer("a/b/c", verdict) for verdict in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "heaviest"),
    [
        ([Verdict.BLOCKED, Verdict.HOLDS], Verdict.BLOCKED),
        ([Verdict.DIFFERS, Verdict.BLOCKED], Verdict.DIFFERS),
        ([Verdict.BROKEN, Verdict.DIFFERS], Verdict.BROKEN),
    ],
)
def test_the_heaviest_verdict_counts(verdicts: list[Verdict], heaviest: Verdict) -> None:
    assert merged("a/b/c", answers(*verdicts)).verdict is heaviest


def test_the_lighter_verdicts_are_named() -> None:
    several = answers(Verdict.BLOCKED, Verdict.DIFFERS, Verdict.HOLDS, Verdict.DIFFERS)

    assert merged("a/b/c", several).also == (Verdict.HOLDS, Verdict.BLOCKED)


def test_all_observations_are_kept_and_times_added() -> None:
    several = [Answer("a/b/c", Verdict.HOLDS, {name: 1}, duration=0.25) for name in "xy"]

    answer = merged("a/b/c", several)

    assert (answer.observations, answer.duration) == ({"x": 1, "y": 1}, 0.5)


def test_an_observation_that_two_tests_make_is_a_fault_of_the_suite() -> None:
    several = [Answer("a/b/c", Verdict.HOLDS, {"received": value}) for value in "ab"]

    answer = merged("a/b/c", several)

    assert (answer.verdict, answer.detail) == (
        Verdict.BROKEN,
        "two tests of this claim both observe received",
    )


@pytest.mark.parametrize("lean", [True, False])
def test_a_guest_is_told_the_digest_and_draws_no_summary(tmp_path: Path, lean: bool) -> None:
    tests = """
    @claim("doc.7/a/holds", says="It is so.")
    def test_it():
        pass
    """
    options = ("--suite-digest", "known", "--no-summary") if lean else ()

    ended = suites.run(tmp_path, tests, *options)

    digest = ended.run.header.suite_digest
    assert [digest == "known", "what this kernel says" in ended.said] == [lean, not lean]
