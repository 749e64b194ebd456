"""Claims by runs: every claim that any run was asked about, and what each run answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, Self

from msgspec import Struct

from reports.assess import Assessment, assess
from reports.catalogue import Catalogue
from reports.model import Answer, Claim, Expectation, Run, Value, Verdict
from reports.wording import columns

MISSING: Final = "missing"
NOT_ASKED: Final = "not asked"

_NOTHING: Final[Mapping[str, Value]] = {}


class Cell(Struct, frozen=True):
    """What one run answered to one claim; answer and verdict are None where it answered nothing."""

    run: Run
    column: str
    """The run's name among those of the matrix."""
    asked: bool
    answer: Answer | None
    verdict: Verdict | None
    word: str
    """The verdict, ``missing`` (asked, not answered) or ``not asked``."""
    note: str
    """What a reader must know besides the word: whether it was declared, which need is missing."""
    unexpected: bool
    declared: Expectation | None
    """The difference that the catalogue declares for the run's kernel."""

    @property
    def observations(self) -> Mapping[str, Value]:
        return self.answer.observations if self.answer else _NOTHING


class Change(Struct, frozen=True):
    """Cells of two neighbouring runs, as given, that are not the same."""

    before: Cell
    after: Cell
    verdict: bool
    observations: tuple[str, ...]
    """Names of the observations that are not the same."""


@dataclass(frozen=True)
class Row:
    """One claim and a cell for each run."""

    claim: Claim
    cells: tuple[Cell, ...]

    @cached_property
    def changes(self) -> tuple[Change | None, ...]:
        """One entry for each run: how it changed from the run before, None when it did not."""
        return (None, *(_change(before, after) for before, after in pairwise(self.cells)))

    @property
    def observed(self) -> tuple[str, ...]:
        """The names of all observations, in the order in which runs made them."""
        return tuple(dict.fromkeys(name for cell in self.cells for name in cell.observations))

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """The differences that are declared for any of the implementations that were asked."""
        asked = {cell.run.header.implementation for cell in self.cells}
        return tuple(one for one in self.claim.expectations if one.implementation in asked)

    def with_verdict(self, verdict: Verdict) -> Iterator[Cell]:
        return (cell for cell in self.cells if cell.verdict is verdict)


@dataclass(frozen=True)
class Matrix:
    """Claims by runs, grouped by page and topic in the order of the catalogue."""

    runs: tuple[Run, ...]
    columns: tuple[str, ...]
    """What the runs are called at the head of their columns."""
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, runs: Sequence[Run], catalogue: Catalogue, *, whole: bool = False) -> Self:
        """Of the claims that were asked, or also of all others that the catalogue lists."""
        names = columns(runs)
        shared = [
            _Column(run, name, run.header.implementation, run.header.base, frozenset(run.asked))
            for run, name in zip(runs, names, strict=True)
        ]
        rows = (
            Row(claim, tuple([_cell(claim, column) for column in shared]))
            for claim in _ordered(runs, catalogue, whole=whole)
        )
        return cls(tuple(runs), tuple(names), tuple(rows))

    def changes(self) -> Iterator[tuple[str, str, list[tuple[Row, Change]]]]:
        """Two neighbouring columns and what changed from one to the other, changed verdicts first."""
        for place, (before, after) in enumerate(pairwise(self.columns), start=1):
            found = [(row, change) for row in self.rows if (change := row.changes[place])]
            yield before, after, sorted(found, key=lambda one: not one[1].verdict)

    @property
    def pages(self) -> dict[str, dict[str, list[Row]]]:
        """Rows by page, then by topic."""
        pages: dict[str, dict[str, list[Row]]] = {}
        for row in self.rows:
            pages.setdefault(row.claim.page, {}).setdefault(row.claim.topic, []).append(row)
        return pages


def _ordered(runs: Sequence[Run], catalogue: Catalogue, *, whole: bool) -> list[Claim]:
    asked = dict.fromkeys(name for run in runs for name in run.asked)
    listed = [claim for claim in catalogue.claims if whole or claim.id in asked]
    claims = [*listed, *(catalogue.claim(name) for name in asked if name not in catalogue.by_id)]
    places: dict[tuple[str, ...], int] = {}
    for place, claim in enumerate(claims):
        places.setdefault((claim.page,), place)
        places.setdefault((claim.page, claim.topic), place)
    # A stable sort keeps the claims of one topic as they appeared.
    return sorted(claims, key=lambda one: (places[one.page,], places[one.page, one.topic]))


class _Column(Struct, frozen=True):
    """What all cells of a run have in common."""

    run: Run
    name: str
    implementation: str
    base: str
    asked: frozenset[str]


def _cell(claim: Claim, column: _Column) -> Cell:
    run, name, asked = column.run, column.name, claim.id in column.asked
    answer = run.answers.get(claim.id)
    if answer is None:
        return Cell(run, name, asked, None, None, MISSING if asked else NOT_ASKED, "", False, None)
    found = assess(claim, column.implementation, column.base, answer)
    word, note = found.verdict.value, _note(found, answer)
    return Cell(run, name, asked, answer, found.verdict, word, note, not found.expected, found.declared)


def _note(found: Assessment, answer: Answer) -> str:
    if found.verdict is Verdict.DIFFERS or (found.verdict is Verdict.BROKEN and found.expected):
        return "declared" if found.expected else "undeclared"
    if found.verdict is Verdict.BLOCKED:
        return answer.need or ""
    return "declared to differ" if found.verdict is Verdict.HOLDS and not found.expected else ""


def _change(before: Cell, after: Cell) -> Change | None:
    if before.answer is None or after.answer is None:
        return None
    verdict = before.verdict is not after.verdict
    names: tuple[str, ...] = ()
    if before.answer.observations != after.answer.observations:
        names = tuple(changed(before.answer.observations, after.answer.observations))
    return Change(before, after, verdict, names) if verdict or names else None


def changed(before: Mapping[str, Value], after: Mapping[str, Value]) -> Iterator[str]:
    """Names whose values are not the same.

    A float is a time that was measured, or one that depends on HZ, and never twice the same; the verdict
    shows whether it was where it should be.
    """
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if (name in before) != (name in after) or (not _measured(one, other) and one != other):
            yield name


def _measured(*values: Value) -> bool:
    return all(isinstance(value, float) for value in values)
