"""What people read on the repository's page: the differences, and a table of the kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from reports.catalogue import Catalogue
from reports.markdown import code, declared, escape, table
from reports.matrix import Matrix, Row
from reports.model import LINUX, Run, Verdict
from reports.ranges import version
from reports.wording import column

INTRODUCTION: Final = """\
# Where the documentation is wrong

Every statement that does not hold on some of the Linux kernels that have answered, by page. *Instead* is what
is true, on which kernels, and the commit that made it so (1da177e4c3f4: older than the history in git).
What was observed is in the matrix, which `make site` draws."""


def findings(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """The differences of Linux's runs as Markdown."""
    return "\n".join(_findings([run for run in runs if _is_linux(run)], catalogue)) + "\n"


def _findings(runs: Sequence[Run], catalogue: Catalogue) -> Iterator[str]:
    yield INTRODUCTION
    for page, topics in Matrix.of(runs, catalogue).pages.items():
        rows = [row for rows in topics.values() for row in rows if any(row.with_verdict(Verdict.DIFFERS))]
        if rows:
            yield f"\n## {escape(rows[0].claim.document or page)}\n"
        for row in rows:
            yield from _finding(row)


def _finding(row: Row) -> Iterator[str]:
    seen = _series([cell.run for cell in row.with_verdict(Verdict.DIFFERS)])
    yield f"- {escape(row.claim.says or row.claim.id)} {code(row.claim.id)}  "
    yield f"  Differs on {seen}."
    for one in row.expectations:
        yield f"  - Instead ({declared(one)}): {escape(one.why)}."


def kernel_table(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """One line for each kernel: how many claims it answered, and with which verdicts."""
    matrix = Matrix.of(runs, catalogue)
    words = [verdict.value for verdict in Verdict]
    lines = [table("Kernel", "Asked for as", *words), table(*["---"] * 2, *["---:"] * len(words))]
    for place, run in enumerate(runs):
        counts = Counter(row.cells[place].word for row in matrix.rows)
        lines.append(
            table(escape(column(run)), escape(run.header.kernel), *(str(counts[word]) for word in words))
        )
    return "\n".join(lines) + "\n"


def put_between(marks: str, text: str, document: str) -> str:
    """A document with other text between two comments: ``<!-- kernels -->`` and ``<!-- end of kernels -->``.

    Raises: ValueError where the document has no such comments.
    """
    begin, end = f"<!-- {marks} -->\n", f"<!-- end of {marks} -->\n"
    before, found, rest = document.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"there are no lines {begin.strip()} and {end.strip()} to write between")
    return f"{before}{begin}{text}{end}{after}"


def _is_linux(run: Run) -> bool:
    return run.header.implementation == LINUX


def _series(runs: Sequence[Run]) -> str:
    """``5.10, 6.1, 6.12``, each series once."""
    bases = sorted(version(run.header.base) for run in runs)
    return ", ".join(".".join(map(str, series)) for series, _ in groupby(base[:2] for base in bases))
