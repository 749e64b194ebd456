"""Pictures for other pages: a badge, and a summary of all kernels (SVG)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from reports.catalogue import Catalogue
from reports.model import Run
from reports.printable import printable
from reports.site.facts import kernel_name
from reports.site.site import Site

_COLOURS: Final = {"HOLDS": "#3f8f63", "DIFFERS": "#d68f3a", "UNCLAIMED": "#b5afa3", "BLOCKED": "#8aa5d0"}
_FONT: Final = 'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"'
_WIDE: Final = 6.6
"""Of a character of that font, about."""


def files(site: Site) -> Iterator[tuple[str, str]]:
    """Where each file is, and its text."""
    yield "badge.svg", _not_so(site)
    yield "summary.svg", _summary(site)


def badge_of(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """How many statements of documents are not so on the newest Linux."""
    return _not_so(Site(runs, catalogue))


def summary_of(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """A bar for each run."""
    return _summary(Site(runs, catalogue))


def _not_so(site: Site) -> str:
    if site.newest is None:
        return badge("man pages", "no Linux answered yet", _COLOURS["UNCLAIMED"])
    said = f"{len(site.worst)} of {site.tried()} not so on the newest Linux"
    return badge("man pages", said, _COLOURS["DIFFERS"])


def badge(name: str, said: str, colour: str) -> str:
    """A name and what is said of it, side by side."""
    left, right = (round(len(text) * _WIDE) + 12 for text in (name, said))
    title = escape(f"{name}: {said}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img">'
        f"<title>{title}</title>"
        f'<rect width="{left + right}" height="20" rx="3" fill="#444"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z" fill="{colour}"/>'
        f'<g fill="#fff" text-anchor="middle" {_FONT}>'
        f'<text x="{left / 2:g}" y="14">{escape(name)}</text>'
        f'<text x="{left + right / 2:g}" y="14" fill="#000">{escape(said)}</text></g></svg>\n'
    )


def _summary(site: Site) -> str:
    return "\n".join(_bars(site)) + "\n"


def _bars(site: Site) -> Iterator[str]:
    height = 22 * len(site.runs) + 8
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" role="img" {_FONT}>'
    yield "<title>What each kernel answered</title>"
    yield "<style>text{fill:#333}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>"
    for place, run in enumerate(site.runs):
        counts = site.counts(run)
        whole = sum(counts[word] for word in _COLOURS) or 1
        top, left = 22 * place + 4, 160.0
        yield f'<text x="0" y="{top + 13}">{escape(printable(kernel_name(run)))}</text>'
        for word, colour in _COLOURS.items():
            wide = 440 * counts[word] / whole
            yield (
                f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="16" fill="{colour}">'
                f"<title>{word}: {counts[word]}</title></rect>"
            )
            left += wide
        yield f'<text x="608" y="{top + 13}">{counts["DIFFERS"]} of {whole} differ</text>'
    yield "</svg>"
