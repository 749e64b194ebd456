"""From what a test did to a verdict. Nothing else in the project makes one."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from conformance.plugin.refusal import Unrefused, errno_name
from netns import NetnsError
from reports.record import Claim, Expectation, Value, Verdict

_SURROUNDINGS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}
"""Errors that speak of a machine in want, not of how its sockets behave."""


@dataclass(frozen=True)
class Judgement:
    """What one test found about its claim."""

    verdict: Verdict
    expected: bool
    detail: str = ""
    observations: tuple[tuple[str, Value], ...] = ()
    need: str | None = None
    """For BLOCKED: what is missing."""


def judge(
    claim: Claim, release: str, error: BaseException | None, observations: Mapping[str, Value], detail: str
) -> Judgement:
    """Judge the body of a test by the error it ended with, or by its having ended with none."""
    seen = {**observations, **errno_of(error)}
    verdict = _verdict(error)
    if release not in claim.where and verdict is not Verdict.BROKEN:
        detail = f"not said of this kernel; tried all the same, it {verdict.value.lower()}: {detail}".rstrip(
            ": "
        )
        verdict = Verdict.UNCLAIMED
    declared = claim.expectation(release)
    return Judgement(verdict, _expected(verdict, declared, seen), detail, tuple(seen.items()))


def _verdict(error: BaseException | None) -> Verdict:
    if error is None:
        return Verdict.HOLDS
    return Verdict.DIFFERS if is_difference(error) else Verdict.BROKEN


def is_difference(error: BaseException) -> bool:
    """An assertion or an errno is the kernel's answer; anything else is the test's own failure."""
    if isinstance(error, NetnsError):
        return False
    if isinstance(error, OSError):
        return error.errno is not None and error.errno not in _SURROUNDINGS
    return isinstance(error, AssertionError | pytest.fail.Exception)


def errno_of(error: BaseException | None) -> dict[str, Value]:
    """The errno a test met where it expected another or none is an observation like any other."""
    if isinstance(error, Unrefused):
        return {"errno": error.seen}
    if isinstance(error, OSError) and error.errno is not None:
        return {"errno": errno_name(error.errno)}
    return {}


def _expected(verdict: Verdict, declared: Expectation | None, seen: Mapping[str, Value]) -> bool:
    if verdict is Verdict.HOLDS:
        return declared is None
    if verdict is Verdict.DIFFERS:
        return declared is not None and _as_declared(declared, seen)
    return verdict in {Verdict.UNCLAIMED, Verdict.BLOCKED}


def _as_declared(declared: Expectation, seen: Mapping[str, Value]) -> bool:
    """An escaped errno must itself be declared: a test that tripped elsewhere has shown nothing."""
    awaited = {"errno", *declared.observed} if "errno" in seen else set(declared.observed)
    return all(name in declared.observed and seen.get(name) == declared.observed[name] for name in awaited)
