"""What people read on the repository's page: the differences, and a table of the kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from reports.catalogue import Catalogue
from reports.markdown import code, declared, escape, table
from reports.matrix import Matrix
from reports.model import Run, Verdict
from reports.site.facts import Fact, is_linux, kernel_name, worst_first
from reports.wording import column

INTRODUCTION: Final = """\
# Where the documentation is wrong

What man pages and kernel documents say, in our words, that some kernels of Linux do not do: for whoever
maintains such a page. By page, the worst first: what is not so on the newest kernel, and in most series.
*Instead* is what is true, on which kernels, and the commit that made it so (1da177e4c3f4: older than the
history in git). Each ends in the name of its claim, by which root sees it happen on the kernel that runs:

    sudo .venv/bin/pytest conformance/ -v --claim NAME

`make reproducers` writes a claim as a C program into build/reproducers, and `make site` draws what each
kernel answered."""


def findings(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """The differences of Linux's runs as Markdown."""
    return "\n".join(_findings([run for run in runs if is_linux(run)], catalogue)) + "\n"


def _findings(runs: Sequence[Run], catalogue: Catalogue) -> Iterator[str]:
    yield INTRODUCTION
    if runs:
        yield f"\nKernels that answered: {escape(', '.join(dict.fromkeys(map(kernel_name, runs))))}."
    facts = [Fact(row) for row in Matrix.of(runs, catalogue).rows if any(row.with_verdict(Verdict.DIFFERS))]
    # What no document says comes last. A stable sort keeps the pages in order.
    for page, found in groupby(
        sorted(facts, key=lambda fact: not fact.documented), lambda fact: fact.claim.page
    ):
        group = worst_first(list(found))
        yield f"\n## {escape(group[0].claim.document or page)}\n"
        for fact in group:
            yield from _finding(fact)


def _finding(fact: Fact) -> Iterator[str]:
    claim = fact.claim
    section = f"*{escape(claim.section)}*: " if claim.section else ""
    yield f"- {section}{escape(claim.says or claim.id)}  "
    spans = [f"{word.lower()} on {where}" for word, where in fact.spans]
    everywhere = " every kernel that answered," if len(spans) == 1 else ""
    yield f"  {', '.join(spans).capitalize().replace(' on', f' on{everywhere}', 1)}. {code(claim.id)}"
    for one in fact.row.expectations:
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


def result(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """One sentence: how many statements of documents are not so."""
    facts = [Fact(row) for row in Matrix.of([run for run in runs if is_linux(run)], catalogue).rows]
    answered = [fact for fact in facts if fact.documented and fact.newest]
    wrong = sum(fact.wrong for fact in answered)
    return (
        f"**{wrong} of {len(answered)} statements** of man pages and kernel documents about sockets, tried "
        "one by one, are not so on the newest Linux that answered: [which, since when, by which "
        "commit](docs/findings.md).\n"
    )


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
