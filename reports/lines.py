"""Lines for a terminal: no longer than it is wide, and nothing that depends on colour."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from reports.matrix import MISSING, NOT_ASKED, Cell, Row
from reports.model import Verdict
from reports.printable import LONGEST, printable
from reports.wording import observations, plural

WRONG = "bold red"
DETAIL_LINES = 12


class Lines:
    """What reports for a terminal are made of."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def claim(self, row: Row, mark: str = "") -> None:
        head = Text("  ")
        head.append(mark, WRONG)
        head.append(claim_id(row), "bold")
        self.text(head)
        self.line(printable(row.claim.says), indent=4)

    def seen(self, cell: Cell) -> None:
        if cell.observations:
            self.field("observed", observations(cell.observations))

    def detail(self, cell: Cell) -> None:
        lines = printable(cell.answer.detail if cell.answer else "").splitlines()
        for line in lines[:DETAIL_LINES]:
            self.line(line, indent=6, style="dim")
        if (rest := len(lines) - DETAIL_LINES) > 0:
            self.line(f"({plural(rest, 'more line')} in the run file)", indent=6)

    def field(self, name: str, text: str, width: int = 9) -> None:
        self.line(printable(text), indent=6 + width, first=f"      {name:<{width}}")

    def lines(self, texts: Iterable[str], indent: int) -> None:
        for text in texts:
            self.line(text, indent)

    def line(
        self, text: str, indent: int = 0, style: str = "", first: str | None = None, most: int | None = None
    ) -> None:
        """Text in as many lines as it takes, or in as many as there may be."""
        margin = " " * indent
        if (rest := len(text) - LONGEST) > 0:
            text = f"{text[:LONGEST]} ({plural(rest, 'more character')} in the run file)"
        room = max(self.console.width, indent + 20)
        for line in textwrap.wrap(
            text,
            room,
            initial_indent=margin if first is None else first,
            subsequent_indent=margin,
            break_on_hyphens=False,
            max_lines=most,
            placeholder=" ...",
        ):
            self.text(Text(line, style))

    def text(self, text: Text) -> None:
        self.console.print(text, overflow="fold", highlight=False)


def claim_id(row: Row) -> str:
    return printable(row.claim.id)


def counted(cells: Sequence[Cell]) -> str:
    """How many claims were asked, and how often each verdict was given."""
    counts = Counter(cell.word for cell in cells)
    words = [f"{counts[word]} {word}" for word in (*(one.value for one in Verdict), MISSING) if counts[word]]
    return f"{plural(counts.total() - counts[NOT_ASKED], 'claim')}: {', '.join(words) or 'none answered'}"
