"""All pages and files of the site."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports import wording
from reports.atomic_write import atomic_write
from reports.errors import CannotWrite
from reports.model import Claim, Expectation, Run, Verdict
from reports.printable import printable
from reports.site import address, badges, compat, data, feed, glance
from reports.site.facts import WORDS, Fact, is_linux, kernel_name, label, newest_turns
from reports.site.materials import Material
from reports.site.options import OptionText
from reports.site.site import Site

TEMPLATES: Final = Path(__file__).with_name("templates")
ASSETS: Final = ("style.css", "site.js", "matrix.js", "compare.js")

COMMIT: Final = "https://git.kernel.org/linus/"
"""Leads to a commit of mainline by its hash, whole or abbreviated."""
_HASH: Final = re.compile(r"[0-9a-f]{7,40}")


def write(site: Site, folder: Path) -> None:
    """All of it, into a folder. Raises: CannotWrite."""
    for path, text in files(site):
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(text, target)
        except (OSError, ValueError) as error:
            raise CannotWrite(target, error) from error


def files(site: Site) -> Iterator[tuple[str, str]]:
    """Each file of the site: where it is, and its text. The same site gives the same bytes."""
    for name in ASSETS:
        yield name, (TEMPLATES / name).read_text()
    draw = _Drawing(site)
    yield draw.page("index.html", "start.html", worst=site.worst[:6], turns=newest_turns(site.facts))
    yield draw.page("matrix.html", "matrix.html")
    yield draw.page("compare.html", "compare.html")
    yield draw.page("kernels.html", "kernels.html")
    yield draw.page("errors.html", "errors.html", errors=site.errors)
    yield draw.page("changes.html", "changes.html", turns=newest_turns(site.facts))
    yield draw.page("findings.html", "findings.html", worst=site.worst)
    yield draw.page("documents.html", "documents.html")
    for inventory in site.inventories:
        yield draw.page(address.document(inventory.page), "document.html", inventory=inventory)
    texts = {one.constant: one for one in site.options}
    constants = list(dict.fromkeys([*texts, *site.by_option]))
    yield draw.page("options.html", "options.html", constants=constants, texts=texts)
    for constant in constants:
        yield draw.option(constant, texts.get(constant))
    if site.reached:
        yield draw.page("source.html", "source.html", constants=set(constants))
    for fact in site.facts:
        yield from draw.claim(fact)
    yield from data.files(site)
    if site.options:
        yield "data/support.json", compat.compat(site)
    yield "feed.atom", feed.atom(newest_turns(site.facts), site.url)
    yield from badges.files(site)


class _Drawing:
    """Pages by templates."""

    def __init__(self, site: Site) -> None:
        self._site = site
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
            run_file=site.stem,
            external=_external,
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

    def option(self, constant: str, text: OptionText | None) -> tuple[str, str]:
        own: list[Fact] = []
        others: list[Fact] = []
        for fact in self._site.by_option.get(constant, ()):
            (own if text is None or fact.claim.topic in text.names else others).append(fact)
        where = address.option(constant)
        return self.page(where, "option.html", constant=constant, text=text, facts=own, others=others)

    def claim(self, fact: Fact) -> Iterator[tuple[str, str]]:
        where = address.claim(fact.claim.id)
        material = self._site.materials.get(fact.claim.id, Material())
        yield self.page(where, "claim.html", fact=fact, material=material)
        stem = where.removesuffix(".html")
        if material.transcript:
            yield f"{stem}.txt", material.transcript
        if material.reproducer:
            yield f"{stem}.c", material.reproducer


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
    return f"{COMMIT}{one.commit}" if one.commit and _HASH.fullmatch(one.commit) else ""


def _external(url: str) -> str:
    """A link to another site, and to nothing else: no script is one."""
    return url if url.startswith(("https://", "http://")) else ""


def _quoted(text: str) -> str:
    """An argument of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
