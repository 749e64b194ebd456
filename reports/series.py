"""What kernels say of a claim, folded by series: ``holds on 5.10 to 6.12, differs from 6.16 on``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from reports.matrix import NOT_ASKED, Cell
from reports.model import LINUX, Verdict
from reports.ranges import version

TRIED: Final = (Verdict.HOLDS, Verdict.DIFFERS, Verdict.UNCLAIMED)
"""Verdicts of what could be tried."""


def folded(cells: Sequence[Cell]) -> str:
    """The verdicts of one claim's cells: Linux by series, other implementations by name; empty for none."""
    linux = [cell for cell in cells if cell.run.header.implementation == LINUX]
    others = [cell for cell in cells if cell.run.header.implementation != LINUX and cell.word != NOT_ASKED]
    return ", ".join([*_linux(linux), *(f"{cell.word.lower()} on {cell.column}" for cell in others)])


def _linux(cells: Sequence[Cell]) -> Iterator[str]:
    found = [(series, word) for series, word in _by_series(cells) if word]
    groups = [(word, [one for one, _ in group]) for word, group in groupby(found, lambda one: one[1])]
    for place, (word, names) in enumerate(groups):
        if place and place == len(groups) - 1:
            yield f"{word} from {names[0]} on"
        else:
            yield f"{word} on {names[0]}{f' to {names[-1]}' if len(names) > 1 else ''}"


def _by_series(cells: Sequence[Cell]) -> Iterator[tuple[str, str]]:
    """Each series, oldest first, with what its kernels say; nothing where none was asked."""
    ordered = sorted(cells, key=_series)
    for series, group in groupby(ordered, _series):
        asked = [cell for cell in group if cell.word != NOT_ASKED]
        words = [cell.word for cell in asked if cell.verdict in TRIED] or [cell.word for cell in asked]
        yield ".".join(map(str, series)), " or ".join(dict.fromkeys(words)).lower()


def _series(cell: Cell) -> tuple[int, ...]:
    return version(cell.run.header.base)[:2]
