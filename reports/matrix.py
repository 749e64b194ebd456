"""Claims by runs: every claim that any run was asked about, and what each run said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from reports.record import NOTHING, Claim, Expectation, Record, Run, Value, Verdict

MISSING = "missing"
NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one run says about one claim; ``claim`` is None when it was not asked."""

    run: Run
    claim: Claim | None
    record: Record | None

    @property
    def word(self) -> str:
        """The verdict, ``missing`` (asked, not answered) or ``not asked``."""
        if self.record is not None:
            return self.record.verdict.value
        return NOT_ASKED if self.claim is None else MISSING

    @property
    def note(self) -> str:
        """What a reader must know besides the word: whether it was declared, which need is missing."""
        match self.record:
            case Record(verdict=Verdict.DIFFERS, expected=expected):
                return "declared" if expected else "undeclared"
            case Record(verdict=Verdict.HOLDS, expected=False):
                return "declared to differ"
            case Record(verdict=Verdict.BLOCKED, need=need):
                return need or ""
        return ""

    @property
    def unexpected(self) -> bool:
        return self.record is not None and not self.record.expected

    @property
    def expectation(self) -> Expectation | None:
        """The difference that the run's own suite declared for its kernel."""
        return self.claim.expectation(self.run.header.base) if self.claim else None

    @property
    def observations(self) -> Mapping[str, Value]:
        return self.record.observations if self.record else NOTHING


@dataclass(frozen=True, slots=True)
class Change:
    """Two neighbouring runs, as given, that do not say the same."""

    before: Run
    after: Run
    verdict: bool
    observations: tuple[str, ...]
    """Names of the observations that are not the same."""


@dataclass(frozen=True, slots=True)
class Row:
    """One claim and a cell for each run."""

    claim: Claim
    cells: tuple[Cell, ...]

    @property
    def differ(self) -> bool:
        """Whether the runs that answered gave more than one verdict."""
        return len({cell.record.verdict for cell in self.cells if cell.record}) > 1

    @property
    def changes(self) -> tuple[Change | None, ...]:
        """One entry for each run: how it changed from the run before, None when it did not."""
        return (None, *(_change(before, after) for before, after in pairwise(self.cells)))

    @property
    def observed(self) -> tuple[str, ...]:
        """The names of all observations, in the order in which runs made them."""
        return tuple(dict.fromkeys(name for cell in self.cells for name in cell.observations))

    def saying(self, verdict: Verdict) -> Iterator[Cell]:
        return (cell for cell in self.cells if cell.record and cell.record.verdict is verdict)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Claims by runs, grouped by page and topic in order of first appearance."""

    runs: tuple[Run, ...]
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Self:
        asked = [{claim.id: claim for claim in run.header.claims} for run in runs]
        return cls(tuple(runs), tuple(_row(claim, runs, asked) for claim in _ordered(runs)))

    def changed(self, after: Run) -> list[tuple[Row, Change]]:
        """What changed from the run before to this one, changed verdicts first."""
        found = ((row, change) for row in self.rows for change in row.changes if change)
        return sorted((one for one in found if one[1].after is after), key=lambda one: not one[1].verdict)

    @property
    def pages(self) -> dict[str, dict[str, list[Row]]]:
        """Rows by page, then by topic."""
        pages: dict[str, dict[str, list[Row]]] = {}
        for row in self.rows:
            pages.setdefault(row.claim.page, {}).setdefault(row.claim.topic, []).append(row)
        return pages


def _ordered(runs: Sequence[Run]) -> list[Claim]:
    claims: dict[str, Claim] = {}
    for run in runs:
        for claim in run.header.claims:
            claims.setdefault(claim.id, claim)
    places: dict[tuple[str, ...], int] = {}
    for place, claim in enumerate(claims.values()):
        places.setdefault((claim.page,), place)
        places.setdefault((claim.page, claim.topic), place)
    # A stable sort keeps the claims of one topic as they appeared.
    return sorted(claims.values(), key=lambda one: (places[one.page,], places[one.page, one.topic]))


def _row(claim: Claim, runs: Sequence[Run], asked: Sequence[Mapping[str, Claim]]) -> Row:
    return Row(
        claim,
        tuple(
            Cell(run, claims.get(claim.id), run.records.get(claim.id))
            for run, claims in zip(runs, asked, strict=True)
        ),
    )


def _change(before: Cell, after: Cell) -> Change | None:
    if before.record is None or after.record is None:
        return None
    verdict = before.record.verdict is not after.record.verdict
    names = tuple(_changed(before.observations, after.observations))
    return Change(before.run, after.run, verdict, names) if verdict or names else None


def _changed(before: Mapping[str, Value], after: Mapping[str, Value]) -> Iterator[str]:
    """Names whose values are not the same.

    A float is a time that was measured, or one that depends on HZ, and never twice the same; the verdict
    tells whether it lay where it should.
    """
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if (name in before) != (name in after) or (not _measured(one, other) and one != other):
            yield name


def _measured(*values: Value) -> bool:
    return all(isinstance(value, float) for value in values)
