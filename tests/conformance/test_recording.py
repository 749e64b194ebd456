"""Several tests of one claim give one record."""

from __future__ import annotations

import pytest

from conformance.plugin.recorder import found_in_test, merged
from reports.record import Verdict


@pytest.mark.parametrize(
    ("verdicts", "heaviest"),
    [
        ([Verdict.HOLDS, Verdict.UNCLAIMED], Verdict.UNCLAIMED),
        ([Verdict.BLOCKED, Verdict.HOLDS], Verdict.BLOCKED),
        ([Verdict.DIFFERS, Verdict.BLOCKED], Verdict.DIFFERS),
        ([Verdict.BROKEN, Verdict.DIFFERS], Verdict.BROKEN),
    ],
)
def test_the_heaviest_verdict_counts(verdicts: list[Verdict], heaviest: Verdict) -> None:
    found = [found_in_test(verdict, expected=True) for verdict in verdicts]

    assert merged("a/b/c", found).verdict is heaviest


def test_one_unexpected_verdict_makes_the_record_unexpected() -> None:
    found = [found_in_test(Verdict.DIFFERS, expected=expected) for expected in (True, False, True)]

    assert not merged("a/b/c", found).expected


def test_all_observations_are_kept_and_times_added() -> None:
    found = [
        found_in_test(Verdict.HOLDS, expected=True, observations=[(name, 1)], duration=0.25) for name in "xy"
    ]

    record = merged("a/b/c", found)

    assert (dict(record.observations), record.duration) == ({"x": 1, "y": 1}, 0.5)


def test_an_observation_that_two_tests_make_is_a_fault_of_the_suite() -> None:
    found = [
        found_in_test(Verdict.HOLDS, expected=True, observations=[("received", value)]) for value in "ab"
    ]

    record = merged("a/b/c", found)

    assert (record.verdict, record.detail) == (
        Verdict.BROKEN,
        "two tests of this claim both observe received",
    )
