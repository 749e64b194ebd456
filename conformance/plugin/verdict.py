"""From what a test did to a verdict. Nothing else in the project makes one."""

from __future__ import annotations

import errno
from collections.abc import Mapping

import pytest

from conformance.plugin.refusal import Unrefused, errno_name
from netns import NetnsError
from reports.model import Answer, Value, Verdict

_SURROUNDINGS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}
"""Errors that speak of a machine in want, not of how its sockets behave."""


def judge(
    claim: str,
    error: BaseException | None,
    observations: Mapping[str, Value],
    detail: str,
    parameters: str = "",
) -> Answer:
    """The answer of a test by the error its body ended with, or by its having ended with none.

    ``parameters`` tells the observations of the tests of one claim apart.
    """
    seen = {**observations, **errno_of(error)}
    named = {f"{name}{parameters}": value for name, value in seen.items()}
    return Answer(claim, _verdict(error), named, detail=detail)


def blocked(claim: str, need: str) -> Answer:
    """The answer about a claim that cannot be tried for want of something."""
    return Answer(claim, Verdict.BLOCKED, need=need, detail=f"{need} is missing")


def broken(claim: str, detail: str) -> Answer:
    """The answer of a test whose surroundings failed."""
    return Answer(claim, Verdict.BROKEN, detail=detail)


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
