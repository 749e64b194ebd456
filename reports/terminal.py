"""What a person reads when a run has ended."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from reports.lines import WRONG, Lines, claim_id, counted
from reports.matrix import Cell, Matrix
from reports.record import Run, Verdict
from reports.wording import commit, kernels, observations, plural, printable, system

STYLES = {
    Verdict.HOLDS: "green",
    Verdict.DIFFERS: "yellow",
    Verdict.UNCLAIMED: "cyan",
    Verdict.BLOCKED: "blue",
    Verdict.BROKEN: "bold red",
}


def summarise(run: Run, console: Console) -> None:
    """Prints which kernel spoke, how often it gave each verdict, and everything that does not hold.

    Nothing depends on colour, and no line is longer than the console is wide.
    """
    _Summary(run, console).print()


class _Summary(Lines):
    def __init__(self, run: Run, console: Console) -> None:
        super().__init__(console)
        self.run = run
        self.cells = [row.cells[0] for row in Matrix.of([run]).rows]

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
        self.line(counted(self.run))

    def differences(self) -> None:
        cells = self.saying(Verdict.DIFFERS)
        self.title("DIFFERS", STYLES[Verdict.DIFFERS], cells)
        for cell in sorted(cells, key=lambda cell: cell.unexpected):
            if cell.unexpected:
                self.undeclared(cell)
            else:
                self.declared(cell)

    def declared(self, cell: Cell) -> None:
        self.claim(cell)
        if expectation := cell.expectation:
            self.field("instead", expectation.why)
            known = commit(expectation)
            self.field("kernels", kernels(expectation.where) + (f", commit {known}" if known else ""))
        self.seen(cell)

    def undeclared(self, cell: Cell) -> None:
        self.claim(cell, "UNDECLARED ")
        if expectation := cell.expectation:
            must = observations(expectation.observed)
            self.field("declared", expectation.why + (f" ({must})" if must else ""))
        self.seen(cell)
        self.detail(cell)

    def stale(self) -> None:
        cells = [cell for cell in self.saying(Verdict.HOLDS) if cell.unexpected]
        self.title("HOLDS, THOUGH DECLARED TO DIFFER: the expectation is stale", WRONG, cells)
        for cell in cells:
            self.claim(cell)
            if cell.expectation:
                self.field("declared", cell.expectation.why)
            self.seen(cell)
            self.detail(cell)

    def broken(self) -> None:
        cells = self.saying(Verdict.BROKEN)
        self.title("BROKEN: nothing is known about the kernel", STYLES[Verdict.BROKEN], cells)
        for cell in cells:
            self.claim(cell)
            self.detail(cell)

    def blocked(self) -> None:
        cells = self.saying(Verdict.BLOCKED)
        self.title("BLOCKED for want of", STYLES[Verdict.BLOCKED], cells)
        needs: dict[str, list[str]] = {}
        for cell in cells:
            needs.setdefault(cell.note or "a need that was not named", []).append(claim_id(cell))
        for need, ids in needs.items():
            self.line(f"{printable(need)} ({plural(len(ids), 'claim')})", indent=2, style="bold")
            self.lines(ids, indent=4)

    def unclaimed(self) -> None:
        if cells := self.saying(Verdict.UNCLAIMED):
            self.console.print()
            self.line(
                f"UNCLAIMED: of {plural(len(cells), 'claim')} the documents say nothing for this kernel."
            )

    def missing(self) -> None:
        cells = [cell for cell in self.cells if cell.record is None]
        self.title("missing: asked and never answered", WRONG, cells)
        self.lines([claim_id(cell) for cell in cells], indent=2)

    def ending(self) -> None:
        wrong = sum(cell.unexpected for cell in self.cells)
        self.console.print()
        if self.run.interrupted:
            self.line("Interrupted: the run has no end, so this is not all.", style=WRONG)
        if wrong:
            self.line(f"{plural(wrong, 'verdict')} not as expected.", style=WRONG)
        elif not self.run.interrupted and not any(self.run.missing()):
            self.line("Every verdict is the expected one.", style="green")

    def title(self, text: str, style: str, cells: Sequence[Cell]) -> None:
        if cells:
            self.console.print()
            self.line(text, style=style)

    def saying(self, verdict: Verdict) -> list[Cell]:
        return [cell for cell in self.cells if cell.record and cell.record.verdict is verdict]
