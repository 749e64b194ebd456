"""A run held against the reference run of its kernel or series: what was answered and is not any more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from reports.catalogue import Catalogue
from reports.errors import FileError
from reports.lines import WRONG, Lines
from reports.matrix import Cell, Matrix, Row
from reports.model import Run, Verdict
from reports.printable import printable
from reports.ranges import version
from reports.run_file import read_run
from reports.store import stem
from reports.wording import column, observations, plural, system

_ANSWERS = {Verdict.HOLDS, Verdict.DIFFERS, Verdict.UNCLAIMED}


_SAME_WAY = {"built": "uml"}
"""What ``python -m kernels build`` makes is user-mode Linux."""


class NoReference(FileError):
    """No run of that kernel, nor of one that it can be held against, is among the references."""


def reference_of(run: Run, references: Path) -> Run:
    """The run that a run is held against, among the files of a folder. Raises: NoReference, FileError.

    That of the same kernel; for another, such as one that somebody built, that of the newest series up to its
    own which answered in the same way: in user-mode Linux, in a virtual machine, or as the host.
    """
    known = [read_run(file) for file in sorted(references.glob("*.jsonl"))]
    for reference in known:
        if stem(reference) == stem(run):
            return reference
    alike = [one for one in known if _way(one) == _way(run) and _series(one) <= _series(run)]
    if not alike:
        raise NoReference(
            f"no file in {references} is a run of {system(run)}, or of an earlier series like it"
        )
    return max(alike, key=_series)


def _way(run: Run) -> tuple[str, str]:
    """Whose kernel it was, and how it was started: ``Linux``, ``uml``."""
    prefix = run.header.kernel.partition(":")[0]
    return run.header.implementation, _SAME_WAY.get(prefix, prefix)


def _series(run: Run) -> tuple[int, ...]:
    return version(run.header.base)[:2]


def against(run: Run, reference: Run, catalogue: Catalogue, console: Console) -> bool:
    """Print what changed since the reference run. Whether nothing was lost and nothing undeclared is new.

    A verdict may change to another that is the declared one. What the reference answered must be answered:
    a capability or a module that is gone must not look like a pass.
    """
    return _Held(run, reference, catalogue, console).print()


class _Held(Lines):
    def __init__(self, run: Run, reference: Run, catalogue: Catalogue, console: Console) -> None:
        super().__init__(console)
        self.run, self.reference = run, reference
        self.rows = Matrix.of([reference, run], catalogue).rows

    def print(self) -> bool:
        changed = [row for row in self.rows if _word(row.cells[0]) != _word(row.cells[1])]
        asked = [row for row in changed if all(cell.asked for cell in row.cells)]
        wrong = [row for row in self.rows if _wrong(row)]
        self.line(f"{system(self.run)}, held against {column(self.reference)}", style="bold")
        self.list("lost, or new and undeclared", wrong, WRONG)
        self.list("changed as declared", [row for row in asked if row not in wrong], "yellow")
        if not wrong:
            held = sum(row.cells[1].asked for row in self.rows)
            self.line(f"Nothing is lost: {plural(held, 'claim')}.", indent=2, style="green")
        return not wrong

    def list(self, title: str, rows: Sequence[Row], style: str) -> None:
        if rows:
            self.line(title, indent=2, style=style)
        for row in rows:
            before, after = (_word(cell) for cell in row.cells)
            seen = observations(row.cells[1].observations)
            self.line(f"{printable(row.claim.id)}: {before}, now {after} {seen}".rstrip(), 6, first="    ")


def _word(cell: Cell) -> str:
    return f"{cell.word} ({cell.note})" if cell.unexpected and cell.note else cell.word


def _wrong(row: Row) -> bool:
    before, after = row.cells
    if not after.asked:
        return False
    answered, answers = before.verdict in _ANSWERS, after.verdict in _ANSWERS
    return (answered and not answers) or (after.unexpected and _word(before) != _word(after))
