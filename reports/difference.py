"""Two runs, or two folders of runs, held against each other: every verdict and value that is another."""

from __future__ import annotations

from collections.abc import Sequence
from os.path import isdir
from pathlib import Path

from msgspec import Struct
from rich.console import Console

from reports.catalogue import Catalogue
from reports.changes import Changes
from reports.errors import FileError
from reports.matrix import Cell, Change, Matrix, Row
from reports.model import SCHEMA, ClaimId, Expectation, Run, Value, oldest_first
from reports.run_file import read_run, run_files
from reports.store import stem
from reports.wording import plural, system


class Pairs(Struct, frozen=True):
    """The runs of two sides, each beside the one of the same kernel."""

    runs: Sequence[tuple[Run, Run]]
    only_before: Sequence[Run] = ()
    only_after: Sequence[Run] = ()


def pairs(before: Path, after: Path) -> Pairs:
    """What is to be compared: two files, whatever their kernels; else the runs of the same kernels.

    Raises: FileError, also where there are no two of one kernel.
    """
    if not isdir(before) and not isdir(after):
        return Pairs([(read_run(before), read_run(after))])
    old, new = _by_kernel(before), _by_kernel(after)
    common = [(old[kernel], new[kernel]) for kernel in old if kernel in new]
    if not common:
        raise FileError(f"{before} and {after} hold no runs of one kernel")
    if not isdir(before) or not isdir(after):
        return Pairs(common)
    return Pairs(
        common,
        [old[kernel] for kernel in old if kernel not in new],
        [new[kernel] for kernel in new if kernel not in old],
    )


def _by_kernel(path: Path) -> dict[str, Run]:
    """Runs by the names that their kernels have among reference runs, oldest kernel first."""
    files: dict[str, Path] = {}
    runs: list[Run] = []
    for file in run_files(path) if isdir(path) else [path]:
        run = read_run(file)
        other = files.setdefault(stem(run), file)
        if other is not file:
            raise FileError(f"{other} and {file} are runs of one kernel, {system(run)}")
        runs.append(run)
    return {stem(run): run for run in oldest_first(runs)}


class Difference:
    """What is not the same in two runs. A claim that only one of them was asked is no change."""

    def __init__(self, before: Run, after: Run, catalogue: Catalogue) -> None:
        self.before, self.after = before, after
        rows = Matrix.of([before, after], catalogue).rows
        found = [(row, change) for row in rows if (change := row.changes[1] or _lost(row))]
        self.changes = sorted(found, key=lambda one: not one[1].verdict)
        """Changed verdicts first. An answer that one run owes is a change."""
        asked = [tuple(cell.asked for cell in row.cells) for row in rows]
        self.compared = asked.count((True, True))
        self.only_before = [
            row.claim.id for row, one in zip(rows, asked, strict=True) if one == (True, False)
        ]
        self.only_after = [row.claim.id for row, one in zip(rows, asked, strict=True) if one == (False, True)]


def _lost(row: Row) -> Change | None:
    before, after = row.cells
    answered = sum(cell.answer is not None for cell in row.cells)
    return Change(before, after, True, ()) if before.asked and after.asked and answered == 1 else None


def differences(found: Pairs, catalogue: Catalogue) -> list[Difference]:
    """Raises: FileError where two runs have no claim in common, since that is not the same as no change."""
    held = [Difference(before, after, catalogue) for before, after in found.runs]
    for one in held:
        if not one.compared:
            raise FileError(f"{system(one.before)} and {system(one.after)} were asked no claim in common")
    return held


class Kernel(Struct, frozen=True):
    """Which kernel answered, as the header of its run has it."""

    kernel: str
    implementation: str
    release: str
    version: str
    machine: str


class Seen(Struct, frozen=True):
    """What one run has of a claim."""

    verdict: str
    """A verdict, or ``missing``."""
    observations: dict[str, Value]


class Changed(Struct, frozen=True):
    """A claim that is not answered alike."""

    claim: ClaimId
    says: str
    before: Seen
    after: Seen
    observations: tuple[str, ...]
    """The names of those whose values are not the same."""
    declared: tuple[Expectation, ...]
    """The differences that are declared for either kernel."""


class Compared(Struct, frozen=True):
    """Two runs."""

    before: Kernel
    after: Kernel
    compared: int
    """How many claims both were asked."""
    changes: tuple[Changed, ...]
    only_before: tuple[ClaimId, ...]
    only_after: tuple[ClaimId, ...]


class DifferenceFile(Struct, frozen=True):
    """What ``python -m reports diff --json`` prints."""

    schema: int
    runs: tuple[Compared, ...]
    only_before: tuple[Kernel, ...]
    only_after: tuple[Kernel, ...]


def as_data(held: Sequence[Difference], found: Pairs) -> DifferenceFile:
    """The differences for scripts."""
    return DifferenceFile(
        SCHEMA,
        tuple(map(_compared, held)),
        tuple(map(_kernel, found.only_before)),
        tuple(map(_kernel, found.only_after)),
    )


def _compared(one: Difference) -> Compared:
    return Compared(
        _kernel(one.before),
        _kernel(one.after),
        one.compared,
        tuple(_changed(row, change) for row, change in one.changes),
        tuple(one.only_before),
        tuple(one.only_after),
    )


def _kernel(run: Run) -> Kernel:
    head = run.header
    return Kernel(head.kernel, head.implementation, head.release, head.version, head.machine)


def _changed(row: Row, change: Change) -> Changed:
    cells = (change.before, change.after)
    declared = [one for one in row.claim.expectations if any(cell.declared is one for cell in cells)]
    before, after = map(_seen, cells)
    return Changed(row.claim.id, row.claim.says, before, after, change.observations, tuple(declared))


def _seen(cell: Cell) -> Seen:
    return Seen(cell.word, dict(cell.observations))


def print_differences(held: Sequence[Difference], found: Pairs, console: Console) -> None:
    """The differences for a person."""
    printed = _Printed(console)
    for place, one in enumerate(held):
        if place:
            console.print()
        printed.difference(one)
    for side, runs in (("before", found.only_before), ("after", found.only_after)):
        printed.lines([f"Only {side}: {system(run)}" for run in runs], indent=0)


class _Printed(Changes):
    def difference(self, one: Difference) -> None:
        self.line(f"before  {system(one.before)}", style="bold")
        self.line(f"after   {system(one.after)}", style="bold")
        for row, change in one.changes:
            self.explain(row, change)
        verdicts = sum(change.verdict for _, change in one.changes)
        others = len(one.changes) - verdicts
        words = [
            f"{verdicts} with another verdict, {others} with other values" if one.changes else "no change",
            *(f"{len(ids)} only {side}" for side, ids in _sides(one) if ids),
        ]
        style = "yellow" if one.changes else "green"
        self.line(f"{plural(one.compared, 'claim')}: {'; '.join(words)}", style=style)


def _sides(one: Difference) -> tuple[tuple[str, list[str]], ...]:
    return ("before", one.only_before), ("after", one.only_after)
