"""What the pages' scripts and other people's programs read: JSON, and the same as scripts.

A page that is opened from a folder may load a script but no JSON, so the pages get scripts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from reports.matrix import Cell
from reports.model import SCHEMA as RUN_SCHEMA
from reports.model import Value
from reports.printable import printable
from reports.site import address
from reports.site.facts import GLYPHS, Fact, is_linux, kernel_name, label
from reports.site.site import Site

SCHEMA: Final = 1
"""Of the published JSON; a field that goes or means something else makes another."""


class Kernel(msgspec.Struct, frozen=True):
    """One that answered."""

    id: str
    """What answers call it, and its file in ``data/run/``: ``uml-6.1``."""
    name: str
    """As it was asked for: ``uml:6.1``."""
    series: str
    """``6.1``, or an implementation's name."""
    implementation: str
    release: str
    """``uname -r``; of another implementation, a Linux that it does as if it were."""
    version: str
    machine: str
    suite: str


class Answered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a kernel answered to a claim."""

    verdict: str
    expected: bool
    need: str = ""
    observed: dict[str, Value] = {}


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is true instead, and of which kernels."""

    implementation: str
    instead: str
    since: str | None = None
    until: str | None = None
    backports: tuple[str, ...] = ()
    commit: str | None = None


class Stated(msgspec.Struct, frozen=True, omit_defaults=True):
    """A claim, and what kernels answered."""

    id: str
    says: str
    address: str
    """Its page, from the site's folder."""
    document: str
    section: str
    sentences: tuple[str, ...]
    families: list[str]
    errnos: list[str]
    wrong: bool
    """Whether the newest kernel of Linux that answered differs from the document."""
    changed: bool
    """Whether Linux's verdict became another."""
    kernels: dict[str, Answered]
    """By the kernel's id."""
    differences: list[Difference] = []


class Published(msgspec.Struct, frozen=True):
    """``data/claims.json``"""

    schema: int
    kernels: list[Kernel]
    claims: list[Stated]


def files(site: Site) -> Iterator[tuple[str, str]]:
    """Where each file is, and its text."""
    yield "data/claims.json", _json(published(site)) + "\n"
    yield "data/schema.json", json.dumps(msgspec.json.schema(Published), indent=1) + "\n"
    yield "data/index.js", f"site.index = {_script(_index(site))};\n"
    for place, stem in enumerate(site.stems):
        answers = {
            fact.claim.id: _short(fact.row.cells[place])
            for fact in site.facts
            if fact.row.cells[place].answer is not None
        }
        yield f"data/run/{stem}.js", f"site.answers({_script(stem)}, {_script(answers)});\n"


def published(site: Site) -> Published:
    """Everything that programs may want."""
    return Published(
        SCHEMA,
        [
            Kernel(
                site.stem(run),
                run.header.kernel,
                label(run),
                run.header.implementation,
                run.header.release,
                run.header.version,
                run.header.machine,
                run.header.suite,
            )
            for run in site.runs
        ],
        [_stated(fact, site.stems) for fact in site.facts],
    )


def _stated(fact: Fact, stems: Sequence[str]) -> Stated:
    claim = fact.claim
    return Stated(
        claim.id,
        claim.says,
        address.claim(claim.id),
        claim.document,
        claim.section,
        claim.sentences,
        fact.families,
        fact.errnos,
        fact.wrong,
        bool(fact.turns),
        {
            stem: _answered(cell)
            for stem, cell in zip(stems, fact.row.cells, strict=True)
            if cell.answer is not None
        },
        [
            Difference(
                one.implementation,
                one.why,
                one.range.since,
                one.range.until,
                one.range.backports,
                one.commit,
            )
            for one in claim.expectations
        ],
    )


def _answered(cell: Cell) -> Answered:
    need = cell.answer.need if cell.answer else None
    return Answered(cell.word, not cell.unexpected, need or "", dict(cell.observations))


def _short(cell: Cell) -> list[Any]:
    return [GLYPHS.get(cell.word, "-"), dict(cell.observations)] if cell.observations else [GLYPHS[cell.word]]


def _index(site: Site) -> dict[str, Any]:
    """What search and matrix need of all claims; lists, since names would be most of what is loaded."""
    pages = list(dict.fromkeys(fact.claim.page for fact in site.facts))
    documents = {one.page for one in site.inventories}
    constants = [one.constant for one in site.options] or list(site.by_option)
    return {
        "schema": RUN_SCHEMA,
        "columns": [[printable(one.label), one.linux, len(one.places)] for one in site.columns],
        "kernels": [
            [
                site.stem(run),
                *map(printable, (kernel_name(run), run.header.kernel, label(run))),
                is_linux(run),
            ]
            for run in site.runs
        ],
        "pages": [
            [page, printable(site.title(page)), address.document(page) if page in documents else ""]
            for page in pages
        ],
        "options": constants,
        "claims": [
            [
                fact.claim.id,
                printable(fact.claim.says),
                pages.index(fact.claim.page),
                fact.letters(site.columns),
                int(fact.wrong) + 2 * bool(fact.turns),
                fact.families,
                fact.errnos,
                ""
                if address.claim(fact.claim.id) == f"claim/{fact.claim.id}.html"
                else address.claim(fact.claim.id),
            ]
            for fact in site.facts
        ],
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _script(value: Any) -> str:
    """A value as JavaScript has it, which no text in it can end."""
    return _json(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
