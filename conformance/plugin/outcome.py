"""A verdict said in pytest's own words: its outcome, what it prints, what travels with the report."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.plugin.recorder import found_in_test
from conformance.plugin.verdict import Judgement
from reports.record import Expectation, Verdict


def crash_line(report: pytest.TestReport) -> str:
    """The one line of a traceback that says what was expected and what was seen."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    return text.strip().split("\n")[0].removeprefix("AssertionError: ").removeprefix("assert ")


def say(
    report: pytest.TestReport, judgement: Judgement, declared: Expectation | None, suffix: str = ""
) -> None:
    """Put a judgement on a report; ``suffix`` tells the observations of a test's parameters apart."""
    named = [(name + suffix, value) for name, value in judgement.observations]
    report.found = found_in_test(  # type: ignore[attr-defined]
        judgement.verdict,
        expected=judgement.expected,
        detail=judgement.detail,
        observations=named,
        duration=report.duration,
        need=judgement.need,
    )
    report.user_properties += [("verdict", judgement.verdict.value), *named]
    _settle(report, judgement, declared)


def _settle(report: pytest.TestReport, judgement: Judgement, declared: Expectation | None) -> None:
    """Make pytest's outcome agree: what is as declared passes, what is not fails."""
    verdict = judgement.verdict
    if not judgement.expected:
        report.outcome = "failed"
        report.longrepr = _failure(report, judgement, declared)
    elif verdict is Verdict.DIFFERS:
        report.outcome, report.longrepr = "skipped", judgement.detail
        report.wasxfail = declared.why if declared else ""
    elif verdict is Verdict.BLOCKED:
        report.outcome, report.longrepr = (
            "skipped",
            (report.location[0], report.location[1] or 0, judgement.detail),
        )
    else:
        report.outcome, report.longrepr = "passed", None


def _failure(report: pytest.TestReport, judgement: Judgement, declared: Expectation | None) -> Any:
    """The traceback where there is one; for what another kernel did, its detail."""
    if judgement.verdict is Verdict.HOLDS and declared:
        return f"the expectation is stale: it holds, but was declared to differ ({declared.why})"
    if judgement.verdict is Verdict.DIFFERS and declared:
        report.sections.append(("declared difference", _otherwise(declared)))
    return report.longrepr or f"{judgement.verdict.value}: {judgement.detail}"


def _otherwise(declared: Expectation) -> str:
    return f"it differs, but not as declared: {declared.why}; to be seen: {dict(declared.observed)}"


_WORDS = {
    Verdict.HOLDS: ("passed", ".", ("HOLDS", {"green": True})),
    Verdict.DIFFERS: ("xfailed", "d", ("DIFFERS as declared", {"yellow": True})),
    Verdict.UNCLAIMED: ("passed", "u", ("UNCLAIMED", {"green": True})),
    Verdict.BLOCKED: ("skipped", "b", ("BLOCKED", {"yellow": True})),
}


def words(report: pytest.TestReport) -> Any:
    """How pytest counts and prints a verdict that is as declared; None for everything else."""
    found = getattr(report, "found", None)
    if found is None or report.failed or not found["expected"]:
        return None
    return _WORDS[Verdict(found["verdict"])]
