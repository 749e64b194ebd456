"""What the site is drawn from, and what follows: a catalogue, runs, inventories, and what else is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from markupsafe import Markup

from reports.catalogue import Catalogue
from reports.coverage.model import Coverage
from reports.coverage.plan import FunctionShare, Plan, shares
from reports.inventory import Inventory, Sentence
from reports.matrix import Matrix
from reports.model import Run, Verdict
from reports.site import address
from reports.site.facts import Column, Fact, columns, is_linux, worst_first
from reports.site.materials import Material
from reports.site.options import OptionText
from reports.store import stem

NO_DOCUMENT: Final = {"defacto": "in no document"}
"""What is observed and nowhere written."""


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
    probed: Markup | None = None
    """How options were probed, drawn."""
    reached: Coverage | None = None
    """What of a kernel's source the claims reach, where that is known."""
    plan: Plan = field(default_factory=Plan)
    """What of it is to be reached."""
    url: str = ""
    """Where the site will be, for links in the feed; they are relative where that is not known."""

    @cached_property
    def matrix(self) -> Matrix:
        return Matrix.of(self.runs, self.catalogue, whole=True)

    @cached_property
    def stems(self) -> list[str]:
        """What the files of each run are called; a name that runs share is numbered."""
        seen: Counter[str] = Counter()
        found = []
        for run in self.runs:
            name = address.part(stem(run)) or "kernel"
            seen[name] += 1
            found.append(f"{name}~{seen[name]}" if seen[name] > 1 else name)
        return found

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

    @cached_property
    def worst(self) -> list[Fact]:
        """What documents say that is not so on the newest kernel."""
        return worst_first([fact for fact in self.facts if fact.wrong and fact.documented])

    @cached_property
    def errors(self) -> dict[str, dict[str, list[Fact]]]:
        """By errno, then by call, option or topic, the claims that say when it comes."""
        found: dict[str, dict[tuple[int, str], list[Fact]]] = {}
        for fact in self.facts:
            for errno in fact.errnos:
                found.setdefault(errno, {}).setdefault(fact.place, []).append(fact)
        return {
            errno: {where: facts for (_, where), facts in sorted(places.items(), key=lambda one: one[0])}
            for errno, places in sorted(found.items())
        }

    @cached_property
    def functions(self) -> list[FunctionShare]:
        """The kernel's functions that are to be reached, and how much of each is."""
        return shares(self.reached, self.plan) if self.reached else []

    def counts(self, run: Run) -> Counter[str]:
        return self._counts[self._column(run)]

    def stem(self, run: Run) -> str:
        """What the run's files are called."""
        return self.stems[self._column(run)]

    @cached_property
    def _counts(self) -> list[Counter[str]]:
        return [Counter(row.cells[place].word for row in self.matrix.rows) for place in range(len(self.runs))]

    def _column(self, run: Run) -> int:
        return next(place for place, one in enumerate(self.runs) if one is run)

    def blocked(self, run: Run) -> dict[str, list[Fact]]:
        """By what was missing, the claims that could not be tried on a kernel."""
        place = self._column(run)
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
        facts = self.citing.get(sentence.id, ())
        if any(fact.wrong for fact in facts):
            return "differs"
        if any(fact.newest for fact in facts):
            return "holds"
        if any(any(fact.row.with_verdict(Verdict.BLOCKED)) for fact in facts):
            return "blocked"
        return "tested" if sentence.tests else "untried"
