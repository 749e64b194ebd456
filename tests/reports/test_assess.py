"""Each rule by which an answer and its claim make a verdict."""

from __future__ import annotations

import pytest

from reports.assess import assess
from reports.model import LINUX, Answer, Claim, Expectation, Value, Verdict
from reports.ranges import Range

NAME = "page.7/topic/slug"
OLD, NEW = "5.10.1", "6.12.9"

PLAIN = Claim(NAME, "It is so.", range=Range("6.0"))


def declaring(**observed: Value) -> Claim:
    """A claim that is declared to differ since 6.0."""
    return Claim(NAME, "It is so.", expectations=(Expectation("it is not", Range("6.0"), observed=observed),))


def answered(verdict: Verdict, observations: dict[str, Value] | None = None, *also: Verdict) -> Answer:
    return Answer(NAME, verdict, observations or {}, also=also)


def expected(claim: Claim, answer: Answer) -> bool:
    return assess(claim, LINUX, NEW, answer).expected


@pytest.mark.parametrize(
    ("verdict", "is_expected"),
    [(Verdict.HOLDS, True), (Verdict.DIFFERS, False), (Verdict.BLOCKED, True), (Verdict.BROKEN, False)],
)
def test_without_a_declaration_a_claim_holds_or_cannot_be_tried(verdict: Verdict, is_expected: bool) -> None:
    found = assess(PLAIN, LINUX, NEW, answered(verdict))

    assert (found.verdict, found.expected, found.declared) == (verdict, is_expected, None)


@pytest.mark.parametrize("verdict", [Verdict.HOLDS, Verdict.DIFFERS])
def test_what_was_tried_outside_the_range_is_unclaimed(verdict: Verdict) -> None:
    found = assess(PLAIN, LINUX, OLD, answered(verdict))

    assert (found.verdict, found.expected) == (Verdict.UNCLAIMED, True)


@pytest.mark.parametrize(("verdict", "is_expected"), [(Verdict.BLOCKED, True), (Verdict.BROKEN, False)])
def test_what_was_not_tried_is_never_unclaimed(verdict: Verdict, is_expected: bool) -> None:
    found = assess(PLAIN, LINUX, OLD, answered(verdict))

    assert (found.verdict, found.expected) == (verdict, is_expected)


def test_declared_difference_is_expected() -> None:
    claim = declaring()

    found = assess(claim, LINUX, NEW, answered(Verdict.DIFFERS))

    assert (found.verdict, found.expected, found.declared) == (Verdict.DIFFERS, True, claim.expectations[0])


def test_declaration_for_other_kernels_does_not_count() -> None:
    found = assess(declaring(), LINUX, OLD, answered(Verdict.DIFFERS))

    assert (found.expected, found.declared) == (False, None)


def test_declaration_for_other_kernels_is_not_stale_here() -> None:
    assert assess(declaring(), LINUX, OLD, answered(Verdict.HOLDS)).expected


def test_declared_difference_that_holds_is_stale() -> None:
    found = assess(declaring(), LINUX, NEW, answered(Verdict.HOLDS))

    assert (found.verdict, found.expected) == (Verdict.HOLDS, False)


@pytest.mark.parametrize(("verdict", "is_expected"), [(Verdict.BLOCKED, True), (Verdict.BROKEN, False)])
def test_declaration_excuses_nothing_that_was_not_tried(verdict: Verdict, is_expected: bool) -> None:
    assert expected(declaring(), answered(verdict)) is is_expected


@pytest.mark.parametrize(
    ("observations", "is_expected"),
    [
        ({"size": 8192}, True),
        ({"size": 4096}, False),
        ({}, False),
        ({"size": 8192, "other": 1}, True),
        ({"size[4096]": 8192}, True),
        ({"size[4096]": 8192, "size[65536]": 8192}, True),
        ({"size[4096]": 8192, "size[65536]": 65536}, False),
        ({"size": 8192, "size[4096]": 1}, False),
        ({"size_of_it": 8192}, False),
        ({"sizes[4096]": 8192}, False),
    ],
)
def test_declared_observation_must_be_made_by_every_test(
    observations: dict[str, Value], is_expected: bool
) -> None:
    assert expected(declaring(size=8192), answered(Verdict.DIFFERS, observations)) is is_expected


def test_all_declared_observations_must_be_made() -> None:
    answer = answered(Verdict.DIFFERS, {"size": 8192})

    assert not expected(declaring(size=8192, flags=1), answer)


def test_lists_are_compared_by_their_values() -> None:
    answer = answered(Verdict.DIFFERS, {"order": ("b", "a")})

    assert expected(declaring(order=("b", "a")), answer)


@pytest.mark.parametrize("suffix", ["", "[udp]"])
@pytest.mark.parametrize("name", ["errno", "timed_out", "raised", "splat"])
def test_what_ended_a_test_must_be_declared(name: str, suffix: str) -> None:
    answer = answered(Verdict.DIFFERS, {"size": 8192, f"{name}{suffix}": "that"})

    assert [
        expected(declaring(size=8192), answer),
        expected(declaring(size=8192, **{name: "another"}), answer),
        expected(declaring(size=8192, **{name: "that"}), answer),
    ] == [False, False, True]


@pytest.mark.parametrize(
    ("declared", "seen", "is_expected"),
    [
        ({"splat": "panic"}, {"splat": "panic"}, True),
        ({"splat": "panic"}, {"splat": "another"}, False),
        ({"splat": "panic"}, {}, False),
        ({}, {"splat": "panic"}, False),
        ({"timed_out": "recv"}, {"timed_out": "recv"}, False),
    ],
)
def test_of_what_is_broken_a_splat_alone_can_be_declared(
    declared: dict[str, Value], seen: dict[str, Value], is_expected: bool
) -> None:
    assert expected(declaring(**declared), answered(Verdict.BROKEN, seen)) is is_expected


def test_declared_errno_must_be_met() -> None:
    assert not expected(declaring(errno="EINVAL"), answered(Verdict.DIFFERS))


def test_each_test_must_meet_the_declared_errno() -> None:
    answer = answered(Verdict.DIFFERS, {"errno[tcp]": "EINVAL", "errno[udp]": "EPERM"})

    assert not expected(declaring(errno="EINVAL"), answer)


@pytest.mark.parametrize(
    ("also", "is_expected"), [((Verdict.HOLDS,), False), ((Verdict.BLOCKED,), True), ((), True)]
)
def test_no_test_may_escape_a_declared_difference(also: tuple[Verdict, ...], is_expected: bool) -> None:
    assert expected(declaring(), answered(Verdict.DIFFERS, None, *also)) is is_expected


def test_backport_declares_the_difference_for_its_series() -> None:
    claim = Claim(NAME, "", expectations=(Expectation("", Range("7.1", backports=("6.12.9",))),))

    declared = [
        assess(claim, LINUX, release, answered(Verdict.DIFFERS)).expected
        for release in ("6.12.8", "6.12.9", "6.13")
    ]

    assert declared == [False, True, False]


def elsewhere(**observed: Value) -> Claim:
    """A claim of Linux since 6.0 that is declared to differ on gVisor."""
    declared = Expectation("it is not", observed=observed, implementation="gVisor")
    return Claim(NAME, "It is so.", range=Range("6.0"), expectations=(declared,))


@pytest.mark.parametrize(
    ("claim", "implementation", "is_expected"),
    [
        (elsewhere(), "gVisor", True),
        (elsewhere(), LINUX, False),
        (declaring(), "gVisor", False),
        (declaring(), LINUX, True),
    ],
)
def test_a_difference_is_declared_for_one_implementation(
    claim: Claim, implementation: str, is_expected: bool
) -> None:
    assert assess(claim, implementation, NEW, answered(Verdict.DIFFERS)).expected is is_expected


@pytest.mark.parametrize(
    ("verdict", "is_expected"), [(Verdict.DIFFERS, True), (Verdict.HOLDS, False), (Verdict.BROKEN, False)]
)
def test_no_range_is_of_another_implementation(verdict: Verdict, is_expected: bool) -> None:
    found = assess(elsewhere(), "gVisor", OLD, answered(verdict))

    assert (found.verdict, found.expected) == (verdict, is_expected)


@pytest.mark.parametrize(
    ("observations", "is_expected"),
    [
        ({"errno[tcp]": "EINVAL", "size[udp]": 1}, True),
        ({"errno[tcp]": "EINVAL", "size[udp]": 2}, True),
        ({"errno[tcp]": "EPERM"}, False),
        ({"errno[tcp]": "EINVAL", "errno[udp]": "EINVAL"}, False),
        ({"errno": "EINVAL"}, False),
    ],
)
def test_a_difference_of_one_test_leaves_the_others_to_hold(
    observations: dict[str, Value], is_expected: bool
) -> None:
    claim = elsewhere(**{"errno[tcp]": "EINVAL"})

    found = assess(claim, "gVisor", OLD, answered(Verdict.DIFFERS, observations, Verdict.HOLDS))

    assert found.expected is is_expected
