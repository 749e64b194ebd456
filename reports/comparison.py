"""What a person reads when several kernels have been asked: what changed from one to the next."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from reports.catalogue import Catalogue
from reports.changes import Changes
from reports.conclusion import conclusion
from reports.lines import WRONG, counted
from reports.matrix import Change, Matrix, Row
from reports.model import Run, oldest_first
from reports.printable import printable
from reports.wording import system


def compare(runs: Sequence[Run], catalogue: Catalogue, console: Console) -> None:
    """Prints each kernel's counts, what changed from each to the next, and every unexpected verdict."""
    _Comparison(runs, catalogue, console).print()


class _Comparison(Changes):
    def __init__(self, runs: Sequence[Run], catalogue: Catalogue, console: Console) -> None:
        super().__init__(console)
        self.runs = oldest_first(runs)
        self.matrix = Matrix.of(self.runs, catalogue)

    def print(self) -> None:
        for place, run in enumerate(self.runs):
            self.line(system(run), style="bold")
            self.line(counted([row.cells[place] for row in self.matrix.rows]), indent=2)
        for before, after, changes in self.matrix.changes():
            self.changed(before, after, changes)
        self.unexpected()

    def changed(self, before: str, after: str, changes: Sequence[tuple[Row, Change]]) -> None:
        """Verdicts that are not the same are explained; values alone are only named."""
        if changes:
            self.console.print()
            self.line(f"Changed between {before} and {after}", style="bold yellow")
        for row, change in changes:
            if change.verdict:
                self.explain(row, change)
            else:
                names = printable(", ".join(change.observations))
                self.line(f"{printable(row.claim.id)}: other values of {names}", indent=4, first="  ")

    def unexpected(self) -> None:
        cells = [(row, cell) for row in self.matrix.rows for cell in row.cells]
        wrong = [(row, cell) for row, cell in cells if cell.unexpected]
        self.console.print()
        self.line(printable(conclusion([cell for _, cell in cells])), style=WRONG if wrong else "green")
        for row, cell in wrong:
            self.claim(row, f"{cell.word} on {printable(cell.run.header.kernel)}: ")
            if cell.declared:
                self.field("declared", cell.declared.why)
            self.seen(cell)
            self.detail(cell)
