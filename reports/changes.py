"""What changed from one run to another, for a person at a terminal: claim by claim."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from reports.lines import Lines
from reports.matrix import Cell, Change, Row
from reports.model import Verdict
from reports.printable import printable
from reports.wording import declared, kernels, observations

_WIDTH = 14


class Changes(Lines):
    """Lines about changes."""

    def explain(self, row: Row, change: Change) -> None:
        """The statement, what each run said, and why; of the same verdict only the values that are others."""
        self.text(Text(f"  {printable(row.claim.id)}", "bold"))
        self.line(printable(row.claim.says), indent=4)
        for name, cell in zip(_names(change), (change.before, change.after), strict=True):
            shown = cell.observations if change.verdict else change.observations
            seen = {one: cell.observations[one] for one in shown if one in cell.observations}
            self.field(name, f"{cell.word}  {observations(seen)}".rstrip(), _WIDTH)
        for why in dict.fromkeys(_reasons(row, change)):
            self.field("because", why, _WIDTH)


def _names(change: Change) -> tuple[str, str]:
    before, after = (cell.column[: _WIDTH - 2] for cell in (change.before, change.after))
    return (before, after) if before != after else ("before", "after")


def _reasons(row: Row, change: Change) -> Iterator[str]:
    """The differences that are declared for either kernel, and where the document speaks of one alone."""
    cells: tuple[Cell, ...] = (change.before, change.after)
    for cell in cells:
        if cell.declared:
            yield f"{cell.declared.why} ({declared(cell.declared)})"
    if any(cell.verdict is Verdict.UNCLAIMED for cell in cells):
        commit = f" (commit {row.claim.commit})" if row.claim.commit else ""
        yield f"documented {kernels(row.claim.range)}{commit}"
