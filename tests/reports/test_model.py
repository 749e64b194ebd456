from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

from reports.model import LINUX, Answer, Claim, Expectation, Run, Verdict, frozen
from reports.ranges import Range
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

    found = claim.expectation(LINUX, release)

    assert (found and found.why) == why


def test_first_of_several_expectations_for_a_kernel_counts() -> None:
    claim = Claim("a.7/b/c", "", expectations=(Expectation("one"), Expectation("two")))

    assert claim.expectation(LINUX, "6.1") is claim.expectations[0]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (True, True),
        (None, None),
        (0.5, 0.5),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        ([1, ["a", []]], (1, ("a", ()))),
        ("caf\xe9", "caf\xe9"),
        ("\udcff", "\\udcff"),
        (["\udcff"], ("\\udcff",)),
    ],
)
def test_observation_is_kept_as_what_json_can_hold(value: object, kept: object) -> None:
    assert frozen(value) == kept


@pytest.mark.parametrize(
    "value", [{}, b"", object(), math.inf, math.nan, 2**64, -(2**63) - 1, [1, [{}]], {1}]
)
def test_what_json_cannot_hold_is_no_observation(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be an observation"):
        frozen(value)


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_lists_may_be_nested_16_deep() -> None:
    assert frozen(nested(16)) != ()


def test_lists_nested_deeper_are_no_observation() -> None:
    with pytest.raises(TypeError, match="nested deeper than 16"):
        frozen(nested(17))


def test_observations_of_an_answer_and_of_an_expectation_compare_equal() -> None:
    expected = Expectation("", observed={"order": ["a", "b"]})  # type: ignore[dict-item]

    assert Answer("a.7/b/c", Verdict.HOLDS, {"order": ("a", "b")}).observations == expected.observed


def test_stray_bytes_in_names_and_details_become_escapes() -> None:
    answer = Answer("a.7/b/c", Verdict.HOLDS, {"\udc80": 1}, detail="\udc81")

    assert (answer.observations, answer.detail) == ({"\\udc80": 1}, "\\udc81")


def test_stray_bytes_in_the_name_of_a_kernel_become_escapes() -> None:
    assert replace(sample.header(), kernel="uml:/\udcff").kernel == "uml:/\\udcff"


def test_header_of_another_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="schema 1 is not known here, only schema 2"):
        replace(sample.header(), schema=1)


def test_release_that_is_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match="'next' does not begin with a kernel version"):
        sample.header("next")


def test_base_of_a_distribution_kernel_is_its_stable_release() -> None:
    header = replace(sample.header("6.1.0-49-amd64"), version="#1 SMP Debian 6.1.192-1 (2026-11-01)")

    assert header.base == "6.1.192"


def test_run_without_a_footer_was_interrupted() -> None:
    assert (sample.OLD.interrupted, sample.NEW.interrupted) == (False, True)


def test_claims_without_an_answer_are_missing() -> None:
    assert list(sample.NEW.missing()) == [sample.NODELAY.id]


def test_run_that_lists_no_claims_was_asked_what_it_answered() -> None:
    run = sample.run(sample.header(), *sample.OLD_ANSWERS)

    assert (run.asked, list(run.missing())) == (tuple(claim.id for claim in sample.CLAIMS), [])


def test_run_counts_the_verdicts_of_its_answers() -> None:
    assert sample.OLD.counts() == {
        Verdict.HOLDS: 3,
        Verdict.DIFFERS: 2,
        Verdict.BLOCKED: 1,
        Verdict.BROKEN: 1,
    }


def test_empty_run_misses_everything() -> None:
    run = Run(sample.header("6.1", *sample.CLAIMS), {})

    assert list(run.missing()) == [claim.id for claim in sample.CLAIMS]
