"""An HTML page as a reader's machine takes it: its elements and the text they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    inside: list[Element] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Element]:
        """Every element below this one, in order; only those with one of the tags if any is named."""
        for one in self.inside:
            if not tags or one.tag in tags:
                yield one
            yield from one.all(*tags)

    def only(self, tag: str) -> Element:
        (one,) = self.all(tag)
        return one


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.open[-1].inside.append(element)
        if tag == "br":
            self.handle_data("\n")
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open[-1].tag == tag, f"{self.open[-1].tag} is closed as {tag} at {self.getpos()}"
            self.open.pop()
        if tag in {"dt", "td", "th"}:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def parse(html: str) -> Element:
    """The document; fails unless every element is closed where it should be."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    (document,) = parser.open
    return document
