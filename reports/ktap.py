"""Runs in the Kernel Test Anything Protocol (KTAP), version 1: pages, and in each its claims.

Documentation/dev-tools/ktap.rst of the kernel describes it. A declared difference passes (XFAIL).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from reports.catalogue import Catalogue
from reports.matrix import Cell, Matrix, Row
from reports.model import Run, Verdict
from reports.outcome import Outcome, outcome, reason
from reports.printable import one_line
from reports.wording import observations, system

DIRECTIVES: Final = {Outcome.SKIPPED: "SKIP ", Outcome.ERROR: "ERROR "}


class _Test(Struct, frozen=True):
    """A result, and what stands before it."""

    name: str
    outcome: Outcome
    about: str = ""
    """A directive, and why it came to that: ``SKIP needs CAP_NET_ADMIN``."""
    diagnostics: tuple[str, ...] = ()
    subtests: tuple[_Test, ...] = ()


def ktap(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """Runs as KTAP. Those of several kernels are a test each, one level above the pages."""
    kernels = [_kernel(run, catalogue) for run in runs]
    tests = kernels[0].subtests if len(kernels) == 1 else kernels
    return "\n".join(_lines(tests, [system(run) for run in runs])) + "\n"


def _kernel(run: Run, catalogue: Catalogue) -> _Test:
    pages = Matrix.of([run], catalogue).pages
    claims = {
        page: [_claim(row) for rows in topics.values() for row in rows] for page, topics in pages.items()
    }
    return _group(system(run), [_group(page, tests) for page, tests in claims.items()])


def _group(name: str, tests: Iterable[_Test]) -> _Test:
    """Fails where one of its tests does, and is skipped where all are."""
    subtests = tuple(tests)
    found = {test.outcome for test in subtests}
    if found & {Outcome.FAILED, Outcome.ERROR}:
        return _Test(name, Outcome.FAILED, subtests=subtests)
    if found == {Outcome.SKIPPED}:
        return _Test(name, Outcome.SKIPPED, "SKIP", subtests=subtests)
    return _Test(name, Outcome.PASSED, subtests=subtests)


def _claim(row: Row) -> _Test:
    (cell,) = row.cells
    detail = cell.answer.detail.splitlines() if cell.answer and cell.unexpected else []
    about = (row.claim.says, observations(cell.observations), *detail)
    return _Test(row.claim.id, outcome(cell), _about(cell), tuple(filter(None, about)))


def _about(cell: Cell) -> str:
    known = cell.verdict is Verdict.DIFFERS and not cell.unexpected
    return ("XFAIL " if known else DIRECTIVES.get(outcome(cell), "")) + reason(cell)


def _lines(tests: Sequence[_Test], about: Sequence[str] = ()) -> Iterator[str]:
    yield "KTAP version 1"
    yield f"1..{len(tests)}"
    yield from _diagnostics(about)
    for number, test in enumerate(tests, start=1):
        if test.subtests:
            yield from (f"  {line}" for line in _lines(test.subtests))
        yield from _diagnostics(test.diagnostics)
        result = "ok" if test.outcome in {Outcome.PASSED, Outcome.SKIPPED} else "not ok"
        about_it = f" # {one_line(test.about)}" if test.about else ""
        yield f"{result} {number} {_description(test.name)}{about_it}"


def _diagnostics(texts: Iterable[str]) -> Iterator[str]:
    return (f"# {one_line(text)}" for text in texts)


def _description(text: str) -> str:
    """A name without the sign that would end it."""
    return one_line(text).replace("#", "\\x23")
