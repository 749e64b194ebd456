"""Runs as one HTML page that needs nothing beside itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from reports import wording
from reports.catalogue import Catalogue
from reports.conclusion import conclusion
from reports.matrix import MISSING, Cell, Change, Matrix, Row, changed
from reports.model import Run, Value, Verdict
from reports.printable import printable


def html(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """The page; the same runs and catalogue give the same bytes."""
    matrix = Matrix.of(runs, catalogue)
    environment = _environment()
    columns = list(zip(*(row.cells for row in matrix.rows), strict=True)) or [() for _ in runs]
    counts = [Counter(cell.word for cell in cells) for cells in columns]
    return environment.get_template("report.html").render(
        matrix=matrix,
        cards=[_card(*one) for one in zip(runs, matrix.columns, counts, columns, strict=True)],
        words=[word for word in WORDS if any(count[word] for count in counts)],
        changes=any(change for row in matrix.rows for change in row.changes),
        drawing=_Drawing(environment.get_template("cell.html"), matrix.columns),
    )


WORDS = (*(verdict.value for verdict in Verdict), MISSING)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        printable=printable,
        value_text=wording.value_text,
        kernels=wording.kernels,
        differing=wording.differing,
        slug=_slug,
    )
    environment.globals["plural"] = wording.plural
    return environment


@dataclass(frozen=True, slots=True)
class _Card:
    """A run at a glance."""

    run: Run
    column: str
    counts: list[tuple[str, int]]
    missing: int
    unexpected: bool
    conclusion: str


def _card(run: Run, column: str, count: Counter[str], cells: Sequence[Cell]) -> _Card:
    return _Card(
        run,
        column,
        [(word, count[word]) for word in WORDS if count[word]],
        count[MISSING],
        any(cell.unexpected for cell in cells),
        conclusion(cells),
    )


class _Drawing:
    """What the page shows of a row. Most cells of a page are alike, so each kind is drawn once."""

    def __init__(self, template: Template, columns: Sequence[str]) -> None:
        self._columns = columns
        self._template = template
        self._cell = cache(self._draw)

    def cells(self, row: Row) -> str:
        """As HTML."""
        parts = zip(self._columns, row.cells, row.changes, strict=True)
        drawn = [
            self._cell(kernel, cell.word, cell.note, cell.unexpected, _moved(change))
            for kernel, cell, change in parts
        ]
        return "".join(drawn)

    def words(self, row: Row) -> str:
        """What a filter can ask of a row."""
        words = dict.fromkeys((cell.word, cell.unexpected) for cell in row.cells)
        tones = [_tone(*one) for one in words]
        return " ".join([*tones, "changed"] if any(row.changes) else tones)

    def observed(self, row: Row) -> list[_Observed]:
        """Observations, each with all kernels that made just those."""
        groups: dict[bytes, _Observed] = {}
        for kernel, cell in zip(self._columns, row.cells, strict=True):
            if cell.answer is None:
                continue
            key = _encode(cell.observations)  # True and 1 are equal in Python
            if key not in groups:
                before = next(reversed(groups.values())).values if groups else cell.observations
                names = frozenset(changed(before, cell.observations))
                groups[key] = _Observed([], cell.observations, names)
            groups[key].kernels.append(kernel)
        return list(groups.values())

    def details(self, row: Row) -> dict[str, list[str]]:
        """What tests gave in detail, and on which kernels: most often it is the same on all."""
        details: dict[str, list[str]] = {}
        for kernel, cell in zip(self._columns, row.cells, strict=True):
            if cell.answer and cell.answer.detail:
                details.setdefault(cell.answer.detail, []).append(kernel)
        return details

    def _draw(self, kernel: str, word: str, note: str, unexpected: bool, moved: str) -> str:
        tone = _tone(word, unexpected)
        return self._template.render(kernel=kernel, word=word, note=note, tone=tone, moved=moved)


_encode = msgspec.json.Encoder(order="sorted").encode


class _Observed(msgspec.Struct, frozen=True):
    """What some kernels observed alike."""

    kernels: list[str]
    values: Mapping[str, Value]
    changed: frozenset[str]
    """Names whose values are not those of the group before."""


def _moved(change: Change | None) -> str:
    if change is None:
        return ""
    return "changed" if change.verdict else "other values"


def _tone(word: str, unexpected: bool) -> str:
    """The class that colours a cell: its word, and whether nobody expected it."""
    return f"{_slug(word)}{' unexpected' if unexpected else ''}"


def _slug(word: str) -> str:
    return word.lower().replace(" ", "-")
