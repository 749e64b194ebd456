"""Runs as JUnit's XML: a suite for each kernel, a case for each claim, its observations as properties."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from reports.catalogue import Catalogue
from reports.matrix import Matrix, Row
from reports.model import Answer, Expectation, Run, Verdict
from reports.outcome import Outcome, outcome, reason
from reports.printable import printable
from reports.wording import system, value_text


def junit(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """The file. A declared difference passes: readers take what is skipped for not tried."""
    root = Element("testsuites")
    for run in runs:
        _suite(root, Matrix.of([run], catalogue))
    indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def properties(answer: Answer, verdict: Verdict, declared: Expectation | None) -> list[tuple[str, str]]:
    """What is known of an answer besides its outcome."""
    known = {
        "claim": answer.claim,
        "verdict": verdict.value,
        "need": answer.need,
        "declared": declared.why if declared else None,
    }
    observed = {f"observed {name}": value_text(value) for name, value in answer.observations.items()}
    return [(name, text) for name, text in {**known, **observed}.items() if text]


ELEMENTS: Final = {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.SKIPPED: "skipped"}


def _suite(root: Element, matrix: Matrix) -> None:
    (run,) = matrix.runs
    head = run.header
    counts = Counter(outcome(row.cells[0]) for row in matrix.rows)
    suite = SubElement(
        root,
        "testsuite",
        name=system(run),
        tests=str(len(matrix.rows)),
        failures=str(counts[Outcome.FAILED]),
        errors=str(counts[Outcome.ERROR]),
        skipped=str(counts[Outcome.SKIPPED]),
    )
    about = {"kernel": head.kernel, "release": head.release, "version": head.version, "suite": head.suite}
    _properties(suite, about.items())
    for row in matrix.rows:
        _case(suite, row)


def _case(suite: Element, row: Row) -> None:
    (cell,) = row.cells
    case = SubElement(suite, "testcase", classname=printable(row.claim.page), name=printable(row.claim.id))
    if row.claim.tests:
        case.set("file", printable(row.claim.tests[0].file))
        case.set("line", str(row.claim.tests[0].line))
    if cell.answer and cell.answer.duration is not None:
        case.set("time", f"{cell.answer.duration:.3f}")
    if cell.answer and cell.verdict:
        says = [("says", row.claim.says)] if row.claim.says else []
        _properties(case, [*says, *properties(cell.answer, cell.verdict, cell.declared)])
    if element := ELEMENTS.get(outcome(cell)):
        result = SubElement(case, element, message=printable(reason(cell)), type=printable(cell.word))
        result.text = printable(cell.answer.detail) if cell.answer and cell.unexpected else None


def _properties(element: Element, named: Iterable[tuple[str, str]]) -> None:
    group = SubElement(element, "properties")
    for name, value in named:
        SubElement(group, "property", name=printable(name), value=printable(value))
