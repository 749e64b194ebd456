"""What a person reads when several kernels have been asked: what changed from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console
from rich.text import Text

from reports.lines import WRONG, Lines, counted
from reports.matrix import Matrix, Row
from reports.record import Expectation, Run
from reports.wording import commit, kernels, observations, plural, printable, system


def compare(runs: Sequence[Run], console: Console) -> None:
    """Prints each kernel's counts, what changed from each to the next, and every unexpected verdict."""
    _Comparison(runs, console).print()


class _Comparison(Lines):
    def __init__(self, runs: Sequence[Run], console: Console) -> None:
        super().__init__(console)
        self.runs = runs
        self.matrix = Matrix.of(runs)

    def print(self) -> None:
        for run in self.runs:
            self.line(system(run), style="bold")
            self.line(counted(run), indent=2)
        for before, after in pairwise(self.runs):
            self.changed(before, after)
        self.unexpected()

    def changed(self, before: Run, after: Run) -> None:
        """Verdicts that are not the same are told; values alone are only named."""
        changes = self.matrix.changed(after)
        if changes:
            self.console.print()
            releases = f"{before.header.release} and {after.header.release}"
            self.line(f"Changed between {printable(releases)}", style="bold yellow")
        for row, change in changes:
            if change.verdict:
                self.told(row, before, after)
            else:
                names = printable(", ".join(change.observations))
                self.line(f"{printable(row.claim.id)}: other values of {names}", indent=4, first="  ")

    def told(self, row: Row, before: Run, after: Run) -> None:
        self.text(Text(f"  {printable(row.claim.id)}", "bold"))
        self.line(printable(row.claim.says), indent=4)
        for cell in (cell for cell in row.cells if cell.run in (before, after)):
            seen = f"  {observations(cell.observations)}" if cell.observations else ""
            self.field(printable(cell.run.header.release)[:12], f"{cell.word}{seen}", width=14)
        for expectation in row.claim.expectations:
            self.field("because", _because(expectation), width=14)

    def unexpected(self) -> None:
        cells = [cell for row in self.matrix.rows for cell in row.cells if cell.unexpected]
        self.console.print()
        if not cells:
            self.line("Every verdict is the expected one.", style="green")
            return
        self.line(f"{plural(len(cells), 'verdict')} not as expected", style=WRONG)
        for cell in cells:
            self.claim(cell, f"{cell.word} on {printable(cell.run.header.kernel)}: ")
            self.seen(cell)
            self.detail(cell)


def _because(expectation: Expectation) -> str:
    known = commit(expectation)
    return f"{expectation.why} ({kernels(expectation.where)}{f', commit {known}' if known else ''})"
