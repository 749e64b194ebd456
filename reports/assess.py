"""An answer held against its claim: where run and catalogue meet. What is expected is decided here only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from reports.model import Answer, Claim, Expectation, Value, Verdict

SPLAT: Final = "splat"
"""The observation that a kernel's log said during a test that the kernel is wrong: the first line of it."""
ENDINGS: Final = ("errno", "timed_out", "raised", SPLAT)
"""Observations that say what ended a test: an errno, a call that never returned, bytes that made no sense.
What the kernel's log says counts as such, however the test went."""


class Assessment(Struct, frozen=True):
    """What an answer comes to."""

    verdict: Verdict
    """The answer's, or UNCLAIMED where it was tried though the document says nothing of that kernel."""
    expected: bool
    """Whether it is the declared one; a run passes when every answer's is."""
    declared: Expectation | None
    """The difference that is declared for that kernel."""


def assess(claim: Claim, implementation: str, release: str, answer: Answer) -> Assessment:
    """Hold the answer of a kernel, of this implementation and (stable) release, against the claim."""
    declared = claim.expectation(implementation, release)
    tried = answer.verdict is Verdict.HOLDS or answer.verdict is Verdict.DIFFERS
    if tried and not claim.covers(implementation, release) and not splats(answer):
        return Assessment(Verdict.UNCLAIMED, True, declared)
    return Assessment(answer.verdict, _expected(answer, declared), declared)


def splats(answer: Answer) -> Mapping[str, Value]:
    """What the kernel's log said during the tests of a claim, whose documents never speak of that."""
    return _named(SPLAT, answer.observations)


def _expected(answer: Answer, declared: Expectation | None) -> bool:
    match answer.verdict:
        case Verdict.HOLDS:
            return declared is None
        case Verdict.DIFFERS:
            return declared is not None and _as_declared(declared, answer)
        case Verdict.BROKEN:  # a crash that is known: what ended the guest is what is declared
            return declared is not None and SPLAT in declared.observed and _as_declared(declared, answer)
        case _:
            return answer.verdict is Verdict.BLOCKED


def _as_declared(declared: Expectation, answer: Answer) -> bool:
    """All that is declared was observed by each test, and no test escaped the difference.

    What ended a test must itself be declared: a test that tripped elsewhere has shown nothing.
    Where the declaration names observations of single tests, the others may hold.
    """
    if Verdict.HOLDS in answer.also and not any("[" in name for name in declared.observed):
        return False
    ended = _all_named(ENDINGS, answer)
    return ended <= _all_named(declared.observed, answer) and all(
        _seen(name, value, answer) for name, value in declared.observed.items()
    )


def _seen(name: str, value: Value, answer: Answer) -> bool:
    values = _named(name, answer.observations).values()
    return bool(values) and all(one == value for one in values)


def _all_named(names: Iterable[str], answer: Answer) -> set[str]:
    return {seen for name in names for seen in _named(name, answer.observations)}


def _named(name: str, observations: Mapping[str, Value]) -> Mapping[str, Value]:
    """An observation by its name, once for each test: ``read_back``, or ``read_back[4096]``."""
    return {
        seen: value for seen, value in observations.items() if seen == name or seen.startswith(f"{name}[")
    }
