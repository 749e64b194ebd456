"""The claims about each option, and what kernels answered to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, Final

from libsocket import OPTIONS, Level, Option
from reports.matrix import NOT_ASKED, Cell, Matrix, Row
from reports.model import Claim, Run, Verdict
from reports.ranges import version

PAGES: Final = {level: level.page.replace("(", ".").rstrip(")") for level in Level}
"""The pages that describe one level each, as claims' ids name them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A claim, the newest kernel's verdict, and the verdicts of those that gave another."""

    claim: Claim
    verdict: str
    instead: str
    """What is true where it differs, if that was declared."""
    others: Mapping[str, tuple[str, ...]]
    """By verdict, the kernels that gave it: ``5.10`` or ``5.10 to 6.1``."""


def summary(row: Row) -> Summary:
    """What a row of the matrix comes to; its runs are those of Linux, oldest kernel first."""
    cells = [cell for cell in row.cells if cell.word != NOT_ASKED]
    newest = cells[-1]
    differs = newest.verdict is Verdict.DIFFERS and newest.declared
    return Summary(
        row.claim,
        newest.word,
        differs.why if differs else "",
        {word: spans for word, spans in _spans(cells).items() if word != newest.word},
    )


def _spans(cells: Sequence[Cell]) -> dict[str, tuple[str, ...]]:
    """By verdict, the neighbouring kernels that gave it."""
    split = _split(cells)
    spans: dict[str, tuple[str, ...]] = {}
    for word, same in groupby(cells, key=lambda cell: cell.word):
        first, *more = dict.fromkeys(_label(cell, split) for cell in same)
        spans[word] = (*spans.get(word, ()), f"{first} to {more[-1]}" if more else first)
    return spans


def _split(cells: Sequence[Cell]) -> set[str]:
    """The series whose releases gave different verdicts, so that only the release shows which is meant."""
    words: dict[str, set[str]] = {}
    for cell in cells:
        words.setdefault(_series(cell.run), set()).add(cell.word)
    return {series for series, said in words.items() if len(said) > 1}


def _series(run: Run) -> str:
    return ".".join(map(str, version(run.header.base)[:2]))


def _label(cell: Cell, split: set[str]) -> str:
    series = _series(cell.run)
    return ".".join(map(str, version(cell.run.header.base))) if series in split else series


def about(option: Option[Any], claim: Claim) -> bool:
    """Whether a claim's id or text has the option's name as a whole word.

    MCAST_* are one name of two options: on a page of one level it is that level's, elsewhere both are meant.
    """
    words = _words(f"{claim.id} {claim.says}")
    here = claim.page == PAGES[option.level] or claim.page not in PAGES.values()
    shared = option.name != option.constant
    return option.constant in words or (shared and here and option.name in words)


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def by_option(matrix: Matrix) -> Mapping[str, tuple[Summary, ...]]:
    """For each option that has any, its claims: those of its own topic first, then those that mention it."""
    rows = [summary(row) for row in matrix.rows]
    found = {option: [one for one in rows if about(option, one.claim)] for option in OPTIONS}
    return {
        option.constant: tuple(sorted(claims, key=lambda one: not own_topic(option, one)))
        for option, claims in found.items()
        if claims
    }


def own_topic(option: Option[Any], one: Summary) -> bool:
    """Whether an option is what a claim is about, and not just named by it."""
    return one.claim.topic in {option.name, option.constant}
