"""All pages of the site, from a catalogue, runs and inventories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import wording
from reports.atomic_write import atomic_write
from reports.catalogue import Catalogue
from reports.inventory import Inventory, Sentence
from reports.matrix import Matrix
from reports.model import Claim, Expectation, Run, Verdict
from reports.printable import printable
from reports.site import address, badges, data, feed, glance
from reports.site.facts import (
    WORDS,
    Column,
    Fact,
    columns,
    is_linux,
    kernel_name,
    label,
    newest_turns,
    worst_first,
)
from reports.store import file_stem

TEMPLATES: Final = Path(__file__).with_name("templates")
ASSETS: Final = ("style.css", "site.js", "matrix.js", "compare.js")

NO_DOCUMENT: Final = {"defacto": "in no document"}
"""What is observed and nowhere written."""

COMMIT: Final = "https://git.kernel.org/linus/"
"""Leads to a commit of mainline by its hash, whole or abbreviated."""


class Material(msgspec.Struct, frozen=True):
    """What there may be of a claim beside its answers."""

    transcript: str = ""
    reproducer: str = ""
    """A program in C."""
    faults: tuple[tuple[str, str], ...] = ()
    """Changed answers of the kernel that the test noticed: what was changed, and in which call."""


class OptionText(msgspec.Struct, frozen=True):
    """What is known of an option that no claim says."""

    constant: str
    level: str
    since: str
    body: Markup
    """Its declaration, drawn."""
    glance: str
    """The kernels that have it, in short."""


@dataclass(frozen=True)
class Site:
    """What the site is drawn from; the same gives the same bytes."""

    runs: Sequence[Run]
    """As columns: oldest first."""
    catalogue: Catalogue
    inventories: Sequence[Inventory] = ()
    materials: Mapping[str, Material] = field(default_factory=dict)
    options: Sequence[OptionText] = ()
    claims_of_option: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By constant, the ids of claims about it and of those that name it; by topic where it is empty."""

    @cached_property
    def matrix(self) -> Matrix:
        return Matrix.of(self.runs, self.catalogue)

    @cached_property
    def facts(self) -> list[Fact]:
        return [Fact(row) for row in self.matrix.rows]

    @cached_property
    def by_claim(self) -> Mapping[str, Fact]:
        return {fact.claim.id: fact for fact in self.facts}

    @cached_property
    def columns(self) -> list[Column]:
        return columns(self.runs)

    @cached_property
    def newest(self) -> Run | None:
        """Linux's newest kernel."""
        return next((run for run in reversed(self.runs) if is_linux(run)), None)

    @cached_property
    def by_topic(self) -> Mapping[tuple[str, str], list[Fact]]:
        found: dict[tuple[str, str], list[Fact]] = {}
        for fact in self.facts:
            found.setdefault((fact.claim.page, fact.claim.topic), []).append(fact)
        return found

    @cached_property
    def by_option(self) -> Mapping[str, list[Fact]]:
        """The claims about each option and those that name it."""
        if self.claims_of_option:
            return {
                constant: [self.by_claim[one] for one in claims if one in self.by_claim]
                for constant, claims in self.claims_of_option.items()
            }
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            if "_" in fact.claim.topic and fact.claim.topic.isupper():
                found.setdefault(fact.claim.topic, []).append(fact)
        return found

    @cached_property
    def sentences(self) -> Mapping[str, tuple[Inventory, Sentence]]:
        return {one.id: (page, one) for page in self.inventories for one in page.sentences}

    @cached_property
    def citing(self) -> Mapping[str, list[Fact]]:
        """By sentence, the claims that try it."""
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            for sentence in fact.claim.sentences:
                found.setdefault(sentence, []).append(fact)
        return found

    def write(self, folder: Path) -> None:
        """All of it, into a folder."""
        for path, text in self.files():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(text, target)

    def files(self) -> Iterator[tuple[str, str]]:
        """Each file of the site: where it is, and its text."""
        for name in ASSETS:
            yield name, (TEMPLATES / name).read_text()
        draw = _Drawing(self)
        yield draw.page("index.html", "start.html", worst=self.worst[:6], turns=newest_turns(self.facts))
        yield draw.page("matrix.html", "matrix.html")
        yield draw.page("compare.html", "compare.html")
        yield draw.page("kernels.html", "kernels.html")
        yield draw.page("errors.html", "errors.html", errors=self.errors())
        yield draw.page("changes.html", "changes.html", turns=newest_turns(self.facts))
        yield draw.page("findings.html", "findings.html", worst=self.worst)
        yield draw.page("documents.html", "documents.html")
        for inventory in self.inventories:
            yield draw.page(address.document(inventory.page), "document.html", inventory=inventory)
        texts = {one.constant: one for one in self.options}
        constants = list(dict.fromkeys([*texts, *self.by_option]))
        yield draw.page("options.html", "options.html", constants=constants, texts=texts)
        for constant in constants:
            yield draw.page(
                address.option(constant),
                "option.html",
                constant=constant,
                text=texts.get(constant),
                facts=self.by_option.get(constant, []),
            )
        for fact in self.facts:
            yield from self._claim(draw, fact)
        yield from data.files(self)
        yield "feed.atom", feed.atom(newest_turns(self.facts))
        yield from badges.files(self)

    @cached_property
    def worst(self) -> list[Fact]:
        return worst_first(self.facts)

    def _claim(self, draw: _Drawing, fact: Fact) -> Iterator[tuple[str, str]]:
        claim = fact.claim
        where = address.claim(claim.id)
        material = self.materials.get(claim.id, Material())
        yield draw.page(where, "claim.html", fact=fact, material=material)
        stem = where.removesuffix(".html")
        if material.transcript:
            yield f"{stem}.txt", material.transcript
        if material.reproducer:
            yield f"{stem}.c", material.reproducer

    def errors(self) -> dict[str, dict[tuple[str, str], list[Fact]]]:
        """By errno, then by document and topic, the claims that say when it comes."""
        found: dict[str, dict[tuple[str, str], list[Fact]]] = {}
        for fact in self.facts:
            for errno in fact.errnos:
                place = (fact.claim.page, fact.claim.topic)
                found.setdefault(errno, {}).setdefault(place, []).append(fact)
        return dict(sorted(found.items()))

    def counts(self, run: Run) -> Counter[str]:
        place = self.runs.index(run)
        return Counter(row.cells[place].word for row in self.matrix.rows)

    def blocked(self, run: Run) -> dict[str, list[Fact]]:
        """By what was missing, the claims that could not be tried on a kernel."""
        place = self.runs.index(run)
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            cell = fact.row.cells[place]
            if cell.verdict is Verdict.BLOCKED:
                found.setdefault((cell.answer and cell.answer.need) or "", []).append(fact)
        return dict(sorted(found.items()))

    def title(self, page: str) -> str:
        """A document's name as people write it: ``socket(7)``."""
        return self._titles.get(page, NO_DOCUMENT.get(page, page))

    @cached_property
    def _titles(self) -> Mapping[str, str]:
        return {one.page: one.title for one in self.inventories}

    def tried(self) -> int:
        """Documented claims that the newest kernel of Linux answered."""
        return sum(1 for fact in self.facts if fact.documented and fact.newest is not None)

    def coverage(self, inventory: Inventory) -> Counter[str]:
        """Of a document's sentences, how many hold, differ, are tried by tests alone, or are not tried."""
        return Counter(self.status(one) for one in inventory.sentences)

    def status(self, sentence: Sentence) -> str:
        """``holds``, ``blocked``, ``untried``; ``differs`` where a claim of it does on the newest kernel.

        ``tested``: by the library's own tests.
        """
        facts = [fact for fact in self.citing.get(sentence.id, ()) if fact.newest]
        if any(fact.wrong for fact in facts):
            return "differs"
        if facts or self.citing.get(sentence.id):
            return "holds" if facts else "blocked"
        return "tested" if sentence.tests else "untried"


class _Drawing:
    """Pages by templates."""

    def __init__(self, site: Site) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            printable=printable,
            value_text=wording.value_text,
            declared=wording.declared,
            differing=wording.differing,
            kernels=wording.kernels,
            kernel_name=kernel_name,
            series=label,
            claim_address=lambda claim: address.claim(claim.id),
            option_address=address.option,
            document_address=address.document,
            releases=_releases,
            quoted=_quoted,
            by_commit=glance.by_commit,
            instead=glance.instead,
            table=glance.table,
            run_file=lambda run: file_stem(run.header.kernel),
            groupby_level=_by_level,
        )
        self._environment.globals.update(
            words=WORDS,
            site=site,
            plural=wording.plural,
            commit_url=_commit_url,
            is_linux=is_linux,
            Verdict=Verdict,
        )

    def page(self, where: str, template: str, **values: Any) -> tuple[str, str]:
        text = self._environment.get_template(template).render(root=address.root(where), here=where, **values)
        return where, text


def _releases(runs: Sequence[Run]) -> str:
    return ", ".join(dict.fromkeys(map(kernel_name, runs)))


def _by_level(constants: Sequence[str], texts: Mapping[str, OptionText]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for constant in constants:
        found.setdefault(texts[constant].level if constant in texts else "Named by claims", []).append(
            constant
        )
    return found


def _commit_url(one: Expectation | Claim) -> str:
    """Where the commit that made it so can be read; empty where none is known."""
    return f"{COMMIT}{one.commit}" if one.commit and one.commit.isalnum() else ""


def _quoted(text: str) -> str:
    """An argument of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
