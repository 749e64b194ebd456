"""Which sentences of a document are checked, and why the others are not.

``python -m conformance.plugin.inventory`` prints it. A page has one file in ``conformance/inventory/``, its
sentences in order.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "inventory"


@dataclass(frozen=True)
class Sentence:
    """One sentence of a document, in our own words, and what became of it."""

    id: str
    says: str
    claims: tuple[str, ...] = ()
    """The claims that try it on a kernel."""
    tests: tuple[str, ...] = ()
    """The library's own tests, where the sentence is about a library and not about a kernel."""
    reason: str = ""
    """Why it cannot be tried, or what is left untried by the claims."""

    @property
    def fate(self) -> str:
        """``tried``, ``tested`` or ``untried``."""
        if self.claims:
            return "tried"
        return "tested" if self.tests else "untried"


@dataclass(frozen=True)
class Inventory:
    """The sentences of a page."""

    page: str
    title: str
    sentences: tuple[Sentence, ...]

    def share(self, fate: str) -> float:
        return sum(one.fate == fate for one in self.sentences) / len(self.sentences)

    def __str__(self) -> str:
        count = {
            fate: sum(one.fate == fate for one in self.sentences) for fate in ("tried", "tested", "untried")
        }
        return (
            f"{self.title}: {len(self.sentences)} sentences, {count['tried']} tried by claims, "
            f"{count['tested']} by the library's tests, {count['untried']} not to be tried"
        )


def pages() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def inventory(page: str) -> Inventory:
    page_file = tomllib.loads((FOLDER / f"{page}.toml").read_text(encoding="utf-8"))
    return Inventory(page, page_file["title"], tuple(_sentence(one) for one in page_file["sentence"]))


def _sentence(fields: dict[str, str | list[str]]) -> Sentence:
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return Sentence(**texts, **lists)  # type: ignore[arg-type]


def main(chosen: Sequence[str]) -> None:
    for page in chosen or pages():
        listed = inventory(page)
        print(listed)
        for one in listed.sentences:
            print(f"  {one.id:46} {', '.join(one.claims or one.tests) or 'untried: ' + one.reason}")


if __name__ == "__main__":
    main(sys.argv[1:])
