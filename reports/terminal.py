"""What a person reads when a run has ended."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from reports.catalogue import Catalogue
from reports.conclusion import conclusion
from reports.lines import WRONG, Lines, claim_id, counted
from reports.matrix import Matrix, Row
from reports.model import Run, Verdict
from reports.printable import printable
from reports.wording import declared, observations, plural, system

STYLES = {
    Verdict.HOLDS: "green",
    Verdict.DIFFERS: "yellow",
    Verdict.UNCLAIMED: "cyan",
    Verdict.BLOCKED: "blue",
    Verdict.BROKEN: "bold red",
}


def summarise(run: Run, catalogue: Catalogue, console: Console) -> None:
    """Prints which kernel answered, how often it gave each verdict, and everything that does not hold.

    Nothing depends on colour, and no line is longer than the console is wide.
    """
    _Summary(run, catalogue, console).print()


class _Summary(Lines):
    def __init__(self, run: Run, catalogue: Catalogue, console: Console) -> None:
        super().__init__(console)
        self.run = run
        self.rows = Matrix.of([run], catalogue).rows
        self.cells = [row.cells[0] for row in self.rows]

    def print(self) -> None:
        self.counts()
        self.differences()
        self.stale()
        self.broken()
        self.blocked()
        self.unclaimed()
        self.missing()
        self.ending()

    def counts(self) -> None:
        self.line(system(self.run), style="bold")
        self.line(counted(self.cells))

    def differences(self) -> None:
        rows = self.rows_with(Verdict.DIFFERS)
        self.title("DIFFERS", STYLES[Verdict.DIFFERS], rows)
        for row in sorted(rows, key=lambda row: row.cells[0].unexpected):
            if row.cells[0].unexpected:
                self.undeclared(row)
            else:
                self.declared(row)

    def declared(self, row: Row) -> None:
        (cell,) = row.cells
        self.claim(row)
        if expectation := cell.declared:
            self.field("instead", expectation.why)
            self.field("kernels", declared(expectation))
        self.seen(cell)

    def undeclared(self, row: Row) -> None:
        (cell,) = row.cells
        self.claim(row, "UNDECLARED ")
        if expectation := cell.declared:
            must = observations(expectation.observed)
            self.field("declared", expectation.why + (f" ({must})" if must else ""))
        self.seen(cell)
        self.detail(cell)

    def stale(self) -> None:
        rows = [row for row in self.rows_with(Verdict.HOLDS) if row.cells[0].unexpected]
        self.title("HOLDS, THOUGH DECLARED TO DIFFER: the expectation is stale", WRONG, rows)
        for row in rows:
            (cell,) = row.cells
            self.claim(row)
            if cell.declared:
                self.field("declared", cell.declared.why)
            self.seen(cell)
            self.detail(cell)

    def broken(self) -> None:
        rows = self.rows_with(Verdict.BROKEN)
        self.title("BROKEN: the test failed, or the kernel crashed", STYLES[Verdict.BROKEN], rows)
        for row in rows:
            self.claim(row)
            self.detail(row.cells[0])

    def blocked(self) -> None:
        rows = self.rows_with(Verdict.BLOCKED)
        self.title("BLOCKED for want of", STYLES[Verdict.BLOCKED], rows)
        needs: dict[str, list[str]] = {}
        for row in rows:
            needs.setdefault(row.cells[0].note or "a need that was not named", []).append(claim_id(row))
        for need, ids in needs.items():
            self.line(f"{printable(need)} ({plural(len(ids), 'claim')})", indent=2, style="bold")
            self.lines(ids, indent=4)

    def unclaimed(self) -> None:
        if rows := self.rows_with(Verdict.UNCLAIMED):
            self.console.print()
            self.line(
                f"UNCLAIMED: of {plural(len(rows), 'claim')} the documents say nothing for this kernel."
            )

    def missing(self) -> None:
        rows = [row for row in self.rows if row.cells[0].answer is None]
        self.title("missing: asked and never answered", WRONG, rows)
        self.lines([claim_id(row) for row in rows], indent=2)

    def ending(self) -> None:
        wrong = any(cell.unexpected for cell in self.cells)
        self.console.print()
        if self.run.interrupted:
            self.line("Interrupted: the run has no end, so this is not all.", style=WRONG)
        if wrong or not self.run.interrupted:
            self.line(printable(conclusion(self.cells)), style=WRONG if wrong else "green")

    def title(self, text: str, style: str, rows: Sequence[Row]) -> None:
        if rows:
            self.console.print()
            self.line(text, style=style)

    def rows_with(self, verdict: Verdict) -> list[Row]:
        return [row for row in self.rows if row.cells[0].verdict is verdict]
