"""Runs as one HTML page that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports import wording
from reports.matrix import MISSING, Cell, Change, Matrix, Row
from reports.record import Expectation, Run, Verdict


def html(runs: Sequence[Run]) -> str:
    """The page; the same runs give the same bytes."""
    matrix = Matrix.of(runs)
    words = [verdict.value for verdict in Verdict] + [MISSING]
    return (
        _environment()
        .get_template("report.html")
        .render(
            matrix=matrix,
            cards=[_card(run) for run in runs],
            words=[
                word for word in words if any(word == cell.word for row in matrix.rows for cell in row.cells)
            ],
            changes=any(change for row in matrix.rows for change in row.changes),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        printable=wording.printable,
        told=wording.told,
        kernels=wording.kernels,
        differences=_differences,
        details=_details,
        moved=_moved,
        tone=_tone,
        slug=_slug,
    )
    environment.globals["plural"] = wording.plural
    return environment


@dataclass(frozen=True, slots=True)
class _Card:
    """A run at a glance."""

    run: Run
    counts: list[tuple[str, int]]
    missing: int
    unexpected: int


def _card(run: Run) -> _Card:
    missing = sum(1 for _ in run.missing())
    counts = [*((verdict.value, run.counts()[verdict]) for verdict in Verdict), (MISSING, missing)]
    return _Card(
        run,
        [(word, count) for word, count in counts if count],
        missing,
        sum(not record.expected for record in run.records.values()),
    )


def _differences(row: Row) -> list[Expectation]:
    """What the suites of all runs declared about a claim, each once."""
    claims = [cell.claim for cell in row.cells if cell.claim]
    found: list[Expectation] = []
    for expectation in (one for claim in claims for one in claim.expectations):
        if expectation not in found:
            found.append(expectation)
    return found


def _details(row: Row) -> dict[str, list[str]]:
    """What was said in detail, and by which kernels: most often all say the same."""
    said: dict[str, list[str]] = {}
    for cell in row.cells:
        if cell.record and cell.record.detail:
            said.setdefault(cell.record.detail, []).append(cell.run.header.release)
    return said


def _moved(change: Change | None) -> str:
    if change is None:
        return ""
    return "changed" if change.verdict else "other values"


def _tone(cell: Cell) -> str:
    """The class that colours a cell: its word, and whether nobody expected it."""
    return f"{_slug(cell.word)}{' unexpected' if cell.unexpected else ''}"


def _slug(word: str) -> str:
    return word.lower().replace(" ", "-")
