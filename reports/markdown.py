"""Runs as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from reports.matrix import Cell, Matrix, Row
from reports.record import Run, Verdict
from reports.wording import commit, kernels, observations, plural, printable

# An underscore within a word emphasises nothing, so SO_RCVBUF may stay legible.
_MARKS = re.compile(r"[\\`*\[\]<>&|#~!@$]|(?<!\w)_|_(?!\w)")


def markdown(runs: Sequence[Run]) -> str:
    """A matrix of claims and kernels, the differences explained, then what could not be told."""
    matrix = Matrix.of(runs)
    return "\n".join(_lines(matrix)).rstrip("\n") + "\n"


def escape(text: str) -> str:
    """Text that shows as itself in a line or a table cell: no mark, no HTML, no link, no second line."""
    return "<br>".join(_MARKS.sub(_reference, line) for line in printable(text).splitlines())


def _reference(mark: re.Match[str]) -> str:
    # A reference, unlike a backslash, also keeps a table's cells and GitHub's own mentions apart.
    return f"\\{mark[0]}" if mark[0] in "_*`[]" else f"&#{ord(mark[0])};"


def _code(text: str) -> str:
    line = " ".join(printable(text).splitlines())
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _lines(matrix: Matrix) -> Iterator[str]:
    yield "# Sockets, documented and seen"
    yield ""
    yield from _runs(matrix)
    for before, after in pairwise(matrix.runs):
        yield from _changed(matrix, before, after)
    for page, topics in matrix.pages.items():
        yield from _page(matrix, page, topics)
    yield from _differences(matrix)
    yield from _untold(matrix, Verdict.BROKEN, "Broken")
    yield from _untold(matrix, Verdict.BLOCKED, "Blocked")
    yield from _untold(matrix, Verdict.UNCLAIMED, "Unclaimed")
    yield from _missing(matrix)


def _runs(matrix: Matrix) -> Iterator[str]:
    words = [verdict.value for verdict in Verdict] + ["missing"]
    yield _table("Kernel", "Asked for as", "Machine", *words)
    yield _rule(3 + len(words))
    for run in matrix.runs:
        counts = [run.counts()[verdict] for verdict in Verdict] + [sum(1 for _ in run.missing())]
        cut = " (interrupted)" if run.interrupted else ""
        names = (run.header.release + cut, run.header.kernel, run.header.machine)
        yield _table(*map(escape, names), *map(str, counts))
    yield ""


def _changed(matrix: Matrix, before: Run, after: Run) -> Iterator[str]:
    changes = matrix.changed(after)
    if changes:
        yield f"## Changed between {escape(before.header.release)} and {escape(after.header.release)}"
        yield ""
    for row, change in changes:
        words = [escape(cell.word) for cell in row.cells if cell.run in (before, after)]
        values = f"other values of {escape(', '.join(change.observations))}"
        became = " to ".join(words) if change.verdict else values
        yield f"- {_code(row.claim.id)}: {became}. {escape(row.claim.says)}"
        yield from (f"  - {why}" for why in _explanations(row) if why and change.verdict)
    if changes:
        yield ""


def _page(matrix: Matrix, page: str, topics: dict[str, list[Row]]) -> Iterator[str]:
    yield f"## {escape(page)}"
    yield ""
    yield _table("Claim", *(escape(run.header.release) for run in matrix.runs))
    yield _rule(1 + len(matrix.runs))
    for topic, rows in topics.items():
        yield _table(f"**{escape(topic)}**", *("" for _ in matrix.runs))
        for row in rows:
            yield _table(escape(row.claim.says), *map(_cell, row.cells))
    yield ""


def _cell(cell: Cell) -> str:
    word = f"**{cell.word}**" if cell.unexpected else cell.word
    return f"{word}, {escape(cell.note)}" if cell.note else word


def _differences(matrix: Matrix) -> Iterator[str]:
    rows = [row for row in matrix.rows if any(row.saying(Verdict.DIFFERS)) or _unexpected(row)]
    if rows:
        yield "## Differences"
        yield ""
    for row in rows:
        yield f"### {escape(row.claim.id)}"
        yield ""
        yield f"> {escape(row.claim.says)}"
        yield ""
        yield from _explanations(row)
        yield from (f"- {_seen(cell)}" for cell in row.cells if cell.record)
        yield ""


def _unexpected(row: Row) -> bool:
    return any(cell.unexpected for cell in row.saying(Verdict.HOLDS))


def _explanations(row: Row) -> Iterator[str]:
    expectations = dict.fromkeys(
        (one.why, kernels(one.where), commit(one))
        for cell in row.cells
        for one in (cell.claim.expectations if cell.claim else ())
    )
    for why, where, known in expectations:
        yield f"Instead ({where}{f', commit {_code(known)}' if known else ''}): {escape(why)}"
        yield ""


def _seen(cell: Cell) -> str:
    seen = f": {_code(observations(cell.observations))}" if cell.observations else ""
    return f"{escape(cell.run.header.release)} {_cell(cell)}{seen}"


def _untold(matrix: Matrix, verdict: Verdict, title: str) -> Iterator[str]:
    rows = [row for row in matrix.rows if any(row.saying(verdict))]
    yield from _list(title, [(row, list(row.saying(verdict))) for row in rows])


def _missing(matrix: Matrix) -> Iterator[str]:
    rows = [(row, [cell for cell in row.cells if cell.word == "missing"]) for row in matrix.rows]
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
    where = ", ".join(
        escape(cell.run.header.release) + (f" ({_code(cell.note)})" if cell.note else "") for cell in cells
    )
    return f"- {_code(row.claim.id)} on {where}"


def _table(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|" + " --- |" * columns
