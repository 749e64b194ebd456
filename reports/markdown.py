"""Runs as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from reports.catalogue import Catalogue
from reports.matrix import MISSING, Cell, Change, Matrix, Row
from reports.model import Expectation, Run, Verdict
from reports.printable import printable
from reports.wording import column, differing, observations, plural

# An underscore within a word emphasises nothing, so SO_RCVBUF may stay legible.
_MARKS = re.compile(r"[\\`*\[\]<>&|#~!@$]|(?<!\w)_|_(?!\w)")


def markdown(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """A matrix of claims and kernels, the differences explained, then what is not known."""
    matrix = Matrix.of(runs, catalogue)
    return "\n".join(_lines(matrix)).rstrip("\n") + "\n"


def escape(text: str) -> str:
    """Text that shows as itself in a line or a table cell: no mark, no HTML, no link, no second line."""
    return "<br>".join(_MARKS.sub(_reference, line) for line in printable(text).splitlines())


def _reference(mark: re.Match[str]) -> str:
    # A reference, unlike a backslash, also keeps a table's cells and GitHub's own mentions apart.
    return f"\\{mark[0]}" if mark[0] in "_*`[]" else f"&#{ord(mark[0])};"


def code(text: str) -> str:
    line = " ".join(printable(text).splitlines())
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _lines(matrix: Matrix) -> Iterator[str]:
    yield "# Sockets, documented and seen"
    yield ""
    yield from _runs(matrix)
    for before, after, changes in matrix.changes():
        yield from _changed(before, after, changes)
    for page, topics in matrix.pages.items():
        yield from _page(matrix, page, topics)
    yield from _differences(matrix)
    yield from _unknown(matrix, Verdict.BROKEN, "Broken")
    yield from _unknown(matrix, Verdict.BLOCKED, "Blocked")
    yield from _unknown(matrix, Verdict.UNCLAIMED, "Unclaimed")
    yield from _missing(matrix)


def _runs(matrix: Matrix) -> Iterator[str]:
    words = [*(verdict.value for verdict in Verdict), MISSING]
    yield table("Kernel", "Asked for as", "Machine", *words)
    yield _rule(3 + len(words))
    for place, run in enumerate(matrix.runs):
        counts = Counter(row.cells[place].word for row in matrix.rows)
        cut = " (interrupted)" if run.interrupted else ""
        names = (column(run) + cut, run.header.kernel, run.header.machine)
        yield table(*map(escape, names), *(str(counts[word]) for word in words))
    yield ""


def _changed(before: str, after: str, changes: Sequence[tuple[Row, Change]]) -> Iterator[str]:
    if changes:
        yield f"## Changed between {escape(before)} and {escape(after)}"
        yield ""
    for row, change in changes:
        values = f"other values of {escape(', '.join(change.observations))}"
        became = f"{change.before.word} to {change.after.word}" if change.verdict else values
        yield f"- {code(row.claim.id)}: {became}. {escape(row.claim.says)}"
        yield from (f"  - {why}" for why in _explanations(row) if why and change.verdict)
    if changes:
        yield ""


def _page(matrix: Matrix, page: str, topics: dict[str, list[Row]]) -> Iterator[str]:
    yield f"## {escape(page)}"
    yield ""
    yield table("Claim", *map(escape, matrix.columns))
    yield _rule(1 + len(matrix.runs))
    for topic, rows in topics.items():
        yield table(f"**{escape(topic)}**", *("" for _ in matrix.runs))
        for row in rows:
            yield table(escape(row.claim.says or row.claim.id), *map(_cell, row.cells))
    yield ""


def _cell(cell: Cell) -> str:
    word = f"**{cell.word}**" if cell.unexpected else cell.word
    return f"{word}, {escape(cell.note)}" if cell.note else word


def _differences(matrix: Matrix) -> Iterator[str]:
    rows = [row for row in matrix.rows if any(row.with_verdict(Verdict.DIFFERS)) or _unexpected(row)]
    if rows:
        yield "## Differences"
        yield ""
    for row in rows:
        yield f"### {escape(row.claim.id)}"
        yield ""
        yield f"> {escape(row.claim.says)}"
        yield ""
        yield from _explanations(row)
        yield from (f"- {_seen(cell)}" for cell in row.cells if cell.answer)
        yield ""


def _unexpected(row: Row) -> bool:
    return any(cell.unexpected for cell in row.with_verdict(Verdict.HOLDS))


def _explanations(row: Row) -> Iterator[str]:
    for one in row.expectations:
        yield f"Instead ({declared(one)}): {escape(one.why)}"
        yield ""


def declared(one: Expectation) -> str:
    """Where a difference is, and what made it so."""
    commit = f"commit {code(printable(one.commit))}" if one.commit else ""
    source = code(printable(one.source)) if one.source else ""
    return ", ".join(filter(None, (escape(differing(one)), commit, source)))


def _seen(cell: Cell) -> str:
    seen = f": {code(observations(cell.observations))}" if cell.observations else ""
    return f"{escape(cell.column)} {_cell(cell)}{seen}"


def _unknown(matrix: Matrix, verdict: Verdict, title: str) -> Iterator[str]:
    rows = [row for row in matrix.rows if any(row.with_verdict(verdict))]
    yield from _list(title, [(row, list(row.with_verdict(verdict))) for row in rows])


def _missing(matrix: Matrix) -> Iterator[str]:
    rows = [(row, [cell for cell in row.cells if cell.word == MISSING]) for row in matrix.rows]
    yield from _list("Missing", [(row, cells) for row, cells in rows if cells])


def _list(title: str, rows: Sequence[tuple[Row, Sequence[Cell]]]) -> Iterator[str]:
    if rows:
        yield f"## {title}"
        yield ""
        yield f"{plural(len(rows), 'claim')}:"
        yield ""
        yield from (_item(row, cells) for row, cells in rows)
        yield ""


def _item(row: Row, cells: Sequence[Cell]) -> str:
    where = ", ".join(escape(cell.column) + (f" ({code(cell.note)})" if cell.note else "") for cell in cells)
    return f"- {code(row.claim.id)} on {where}"


def table(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|" + " --- |" * columns
