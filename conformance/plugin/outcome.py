"""An answer in pytest's own words: its outcome, what it prints, what travels with the report."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reports.assess import Assessment
from reports.junit import properties
from reports.model import Answer, Expectation, Verdict
from reports.run_file import decode, encode


def crash_line(call: pytest.CallInfo[None]) -> str:
    """The one line of an error that says what was expected and what was seen.

    Of one in another thread pytest says where it was, and has what it was as the cause; so it does of what
    nobody could be told, as that a socket was left open, of which there may be several.
    """
    if call.excinfo is None:
        return ""
    line = call.excinfo.exconly(tryshort=True).strip().split("\n")[0]
    error = call.excinfo.value
    if isinstance(error, BaseExceptionGroup):
        return f"{line}: {'; '.join(map(_origin, error.exceptions))}"
    if isinstance(
        error, (pytest.PytestUnhandledThreadExceptionWarning, pytest.PytestUnraisableExceptionWarning)
    ):
        return f"{line}: {_origin(error)}"
    return line.removeprefix("AssertionError: ").removeprefix("assert ")


def _origin(error: BaseException) -> str:
    """What an error was, and the line that raised it."""
    cause = error.__cause__ or error
    places = traceback.extract_tb(cause.__traceback__)
    at = f" in {places[-1].name}, line {places[-1].lineno}" if places else ""
    return traceback.format_exception_only(cause)[-1].strip() + at


@contextmanager
def without_traceback(item: pytest.Item) -> Iterator[None]:
    """Report an error without its traceback where nobody sees it: it takes 15 ms, and 200 under strace."""
    item.repr_failure = _short  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        vars(item).pop("repr_failure", None)  # one within another has taken it away


def _short(error: pytest.ExceptionInfo[BaseException]) -> str:
    return error.exconly(tryshort=True)


def put_answer(item: pytest.Item, report: pytest.TestReport, answer: Answer, assessment: Assessment) -> None:
    """Put an answer on a report, and make pytest's outcome agree with it."""
    # The line of a run file, since what xdist carries between processes are plain values.
    report.answer = encode(answer)  # type: ignore[attr-defined]
    report.expected_verdict = assessment.verdict.value if assessment.expected else None  # type: ignore[attr-defined]
    # Of the item, since the report of its teardown is the one that JUnit's XML takes them from.
    item.user_properties[:] = report.user_properties = [
        *properties(answer, assessment.verdict, assessment.declared)
    ]
    _settle(report, answer, assessment)


def answer_on(report: pytest.TestReport) -> Answer | None:
    """The answer that a report carries."""
    line: bytes | None = getattr(report, "answer", None)
    if line is None:
        return None
    answer = decode(line)
    assert isinstance(answer, Answer)
    return answer


def _settle(report: pytest.TestReport, answer: Answer, assessment: Assessment) -> None:
    """What is as declared passes, what is not fails."""
    declared = assessment.declared
    if not assessment.expected:
        report.outcome = "failed"
        report.longrepr = _failure(report, answer, declared)
    elif assessment.verdict in {Verdict.DIFFERS, Verdict.BROKEN}:
        # Passed, since readers of JUnit's XML take what is skipped for not tried; pytest counts by words().
        report.outcome, report.longrepr = "passed", answer.detail
        report.wasxfail = declared.why if declared else ""
    elif assessment.verdict is Verdict.BLOCKED:
        where = (report.location[0], report.location[1] or 0, f"BLOCKED: {answer.detail}")
        report.outcome, report.longrepr = "skipped", where
    else:
        report.outcome, report.longrepr = "passed", None


def _failure(report: pytest.TestReport, answer: Answer, declared: Expectation | None) -> Any:
    """The traceback where there is one; for what another kernel did, its detail."""
    if answer.verdict is Verdict.HOLDS and declared:
        return f"the expectation is stale: it holds, but was declared to differ ({declared.why})"
    if answer.verdict is Verdict.DIFFERS and declared:
        otherwise = f"it differs, but not as declared: {declared.why}; to be seen: {dict(declared.observed)}"
        report.sections.append(("declared difference", otherwise))
    return report.longrepr or f"{answer.verdict.value}: {answer.detail}"


_WORDS = {
    Verdict.HOLDS.value: ("passed", ".", ("HOLDS", {"green": True})),
    Verdict.DIFFERS.value: ("xfailed", "d", ("DIFFERS as declared", {"yellow": True})),
    Verdict.BROKEN.value: ("xfailed", "d", ("BROKEN as declared", {"yellow": True})),
    Verdict.UNCLAIMED.value: ("passed", "u", ("UNCLAIMED", {"green": True})),
    Verdict.BLOCKED.value: ("skipped", "b", ("BLOCKED", {"yellow": True})),
}


def words(report: pytest.TestReport) -> Any:
    """How pytest counts and prints a verdict that is as declared; None for everything else."""
    verdict = getattr(report, "expected_verdict", None)
    return None if verdict is None or report.failed else _WORDS[verdict]
