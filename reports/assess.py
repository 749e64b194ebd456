"""An answer held against its claim: where run and catalogue meet. What is expected is decided here only."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from reports.model import Answer, Claim, Expectation, Value, Verdict


class Assessment(Struct, frozen=True):
    """What an answer comes to."""

    verdict: Verdict
    """The answer's, or UNCLAIMED where it was tried though the document says nothing of that kernel."""
    expected: bool
    """Whether it is the declared one; a run passes when every answer's is."""
    declared: Expectation | None
    """The difference that is declared for that kernel."""


def assess(claim: Claim, release: str, answer: Answer) -> Assessment:
    """Hold the answer of a kernel with this (stable) release against the claim."""
    declared = claim.expectation(release)
    tried = answer.verdict is Verdict.HOLDS or answer.verdict is Verdict.DIFFERS
    if tried and release not in claim.range:
        return Assessment(Verdict.UNCLAIMED, True, declared)
    return Assessment(answer.verdict, _expected(answer, declared), declared)


def _expected(answer: Answer, declared: Expectation | None) -> bool:
    match answer.verdict:
        case Verdict.HOLDS:
            return declared is None
        case Verdict.DIFFERS:
            return declared is not None and _as_declared(declared, answer)
        case _:
            return answer.verdict is Verdict.BLOCKED


def _as_declared(declared: Expectation, answer: Answer) -> bool:
    """All that is declared was observed by each test, and no test escaped the difference or with an errno.

    An errno that ended a test must itself be declared: a test that tripped elsewhere has shown nothing.
    """
    if Verdict.HOLDS in answer.also:
        return False
    wanted = {"errno", *declared.observed} if any(_named("errno", answer)) else set(declared.observed)
    return all(_seen(name, declared, answer) for name in wanted)


def _seen(name: str, declared: Expectation, answer: Answer) -> bool:
    values = list(_named(name, answer))
    return (
        bool(values) and name in declared.observed and all(one == declared.observed[name] for one in values)
    )


def _named(name: str, answer: Answer) -> Iterator[Value]:
    """An observation by its name, once for each test: ``read_back``, or ``read_back[4096]``."""
    return (
        value for seen, value in answer.observations.items() if seen == name or seen.startswith(f"{name}[")
    )
