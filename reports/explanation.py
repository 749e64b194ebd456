"""What a person looks up in a terminal: a claim on one screen, or the claims about an option."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from reports.catalogue import Catalogue
from reports.lines import Lines
from reports.matrix import Cell, Matrix, Row
from reports.model import LINUX, Run, Verdict
from reports.nearest import nearest
from reports.printable import one_line, printable
from reports.ranges import EVERY_KERNEL
from reports.series import TRIED, folded
from reports.terminal import STYLES
from reports.wording import declared, kernels, observations

SCREEN: Final = 23
"""Lines of a terminal, less the one for the next command."""


class UnknownName(Exception):
    """No claim and no option has that name; the message has those that may have been meant."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = nearest(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else "a claim's id or an option's name is needed"
        super().__init__(f"no claim and no option is called {name!r}; {hint}")


def explain(name: str, runs: Sequence[Run], catalogue: Catalogue, console: Console) -> None:
    """Prints what is known of a claim, or of the claims about an option. Raises: UnknownName."""
    rows = {row.claim.id: row for row in _rows(runs, catalogue)}
    options: dict[str, list[Row]] = {}
    for row in rows.values():
        options.setdefault(row.claim.topic, []).append(row)
    known = [*rows, *options]
    meant = name if name in known else next((one for one in known if one.lower() == name.lower()), None)
    if meant is None:
        raise UnknownName(name, known)
    explanation = _Explanation(console)
    if meant in rows:
        explanation.statement(rows[meant])
    else:
        explanation.option(options[meant])


def _rows(runs: Sequence[Run], catalogue: Catalogue) -> Iterator[Row]:
    """Every claim, whether or not a run was asked about it."""
    rows = Matrix.of(runs, catalogue).rows
    asked = {row.claim.id for row in rows}
    yield from rows
    yield from (Row(claim, ()) for claim in catalogue.claims if claim.id not in asked)


class _Explanation(Lines):
    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.printed = 0
        self.room = SCREEN

    def statement(self, row: Row) -> None:
        """A claim on one screen: what is long is cut, since runs, catalogue and test have all of it."""
        claim = row.claim
        self.part("", claim.id, "bold")
        self.part("", claim.says, most=6)
        self.text(Text())
        self.part("page", ", ".join(filter(None, (claim.document or claim.page, claim.section))), most=2)
        if claim.range != EVERY_KERNEL or claim.commit:
            commit = f", commit {claim.commit}" if claim.commit else ""
            self.part("documented", f"{kernels(claim.range)}{commit}", most=2)
        self.part("verdict", folded(row.cells) or "no run was asked", _style(row), most=2)
        test = claim.tests[0] if claim.tests else None
        self.room = SCREEN - bool(claim.needs) - bool(test) - self.rows(_command(row))
        self.instead(row)
        self.observed(row)
        if claim.needs:
            self.part("needs", ", ".join(claim.needs))
        if test:
            more = f" and {len(claim.tests) - 1} more" if len(claim.tests) > 1 else ""
            self.part("test", f"{test.file}:{test.line}{more}")
        self.console.print(Text(_command(row)), soft_wrap=True)  # in one piece, to be copied

    def instead(self, row: Row) -> None:
        """What is declared of the kernels that differ: the newest Linux first, other implementations last."""
        cells = [*reversed(_linux(row)), *row.cells]
        found = [cell.declared for cell in cells if cell.verdict is Verdict.DIFFERS and cell.declared]
        reasons = [(one.why, declared(one)) for one in found or row.claim.expectations]
        for why, where in dict.fromkeys(reasons):
            if (rest := self.room - self.printed - 2) > 0:
                self.part("instead", why, most=min(rest, 3))
                self.part("kernels", where, most=2)

    def observed(self, row: Row) -> None:
        rest = max(0, self.room - self.printed)
        seen = list(_telling(row))[:rest]
        for cell in seen:
            text = f"{cell.column}: {observations(cell.observations)}"
            self.part("observed", text, most=min(rest // len(seen), 4))

    def option(self, rows: Sequence[Row]) -> None:
        """A line for each claim, those that differ on the newest kernel first."""
        for row in sorted(rows, key=_order):
            newest = _newest(row)
            words = {cell.word for cell in _linux(row) if cell.verdict in TRIED}
            when = f"({folded(_linux(row))}) " if len(words) > 1 else ""
            line = Text(f"{newest.word if newest else 'not tried':<9} ", _style(row))
            line.append(one_line(row.claim.id), "bold")
            line.append(one_line(f"  {when}{row.claim.says}"), "none")
            line.truncate(self.console.width, overflow="ellipsis")
            self.text(line)

    def part(self, name: str, text: str, style: str = "", most: int = 1) -> None:
        self.line(one_line(text), 13 if name else 2, style, f"  {name:<11}" if name else None, most)

    def text(self, text: Text) -> None:
        self.printed += 1
        super().text(text)

    def rows(self, text: str) -> int:
        """Of a terminal, for text that is not broken into lines."""
        return -(-len(text) // self.console.width)


def _command(row: Row) -> str:
    return printable(f"  try        sudo .venv/bin/pytest conformance/ --claim {shlex.quote(row.claim.id)}")


def _linux(row: Row) -> list[Cell]:
    return [cell for cell in row.cells if cell.run.header.implementation == LINUX]


def _newest(row: Row) -> Cell | None:
    """The cell of the newest Linux on which it was tried."""
    return next((cell for cell in reversed(_linux(row)) if cell.verdict in TRIED), None)


def _telling(row: Row) -> Iterator[Cell]:
    """The newest Linux, and the last one before it that said otherwise."""
    if newest := _newest(row):
        tried = [cell for cell in reversed(_linux(row)) if cell.verdict in TRIED]
        other = next((cell for cell in tried if cell.verdict is not newest.verdict), None)
        yield from (cell for cell in (newest, other) if cell and cell.observations)


def _style(row: Row) -> str:
    newest = _newest(row)
    return STYLES[newest.verdict] if newest and newest.verdict else ""


def _order(row: Row) -> tuple[bool, bool]:
    newest = _newest(row)
    now = newest is not None and newest.verdict is Verdict.DIFFERS
    return not now, not any(cell.verdict is Verdict.DIFFERS for cell in _linux(row))
