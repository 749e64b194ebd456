from __future__ import annotations

from dataclasses import replace

import pytest

from reports.ranges import Range
from reports.record import Claim, Expectation, Run, Verdict
from tests.reports import sample


def test_every_verdict_outweighs_the_milder_ones() -> None:
    words = [verdict.value for verdict in sorted(Verdict, key=lambda verdict: verdict.weight)]

    assert words == ["HOLDS", "UNCLAIMED", "BLOCKED", "DIFFERS", "BROKEN"]


def test_id_names_page_and_topic() -> None:
    assert (sample.DOUBLED.page, sample.DOUBLED.topic) == ("socket.7", "SO_RCVBUF")


@pytest.mark.parametrize(
    ("release", "why"), [("4.3.9", None), ("4.4.1", "one"), ("5.0", "two"), ("6.0", "two")]
)
def test_expectation_is_that_of_the_kernel(release: str, why: str | None) -> None:
    claim = Claim(
        "a.7/b/c", "", expectations=(Expectation("one", Range("4.4", "5")), Expectation("two", Range("5")))
    )

    found = claim.expectation(release)

    assert (found and found.why) == why


def test_run_without_a_footer_was_interrupted() -> None:
    cut = replace(sample.OLD, footer=None)

    assert (sample.OLD.interrupted, cut.interrupted) == (False, True)


def test_claim_without_a_record_is_missing() -> None:
    assert list(sample.NEW.missing()) == [sample.NODELAY]


def test_run_counts_its_verdicts() -> None:
    assert sample.OLD.counts() == {
        Verdict.HOLDS: 2,
        Verdict.DIFFERS: 2,
        Verdict.UNCLAIMED: 1,
        Verdict.BLOCKED: 1,
        Verdict.BROKEN: 1,
    }


def test_empty_run_misses_everything() -> None:
    assert list(Run(sample.header(), {}).missing()) == list(sample.CLAIMS)
