"""The links of a folder of pages: each leads to a file that is there, and to a place in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

FILTERED = {"matrix.html", "compare.html"}
"""Pages whose fragments are what a script filters by."""

_LINK = re.compile(r'<[^>]*\s(?:href|src|action)="([^"]*)"')
_ID = re.compile(r'<[^>]*\sid="([^"]*)"')


def links(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every page and what it refers to, less what is elsewhere."""
    for page in sorted(folder.rglob("*.html")):
        for target in dict.fromkeys(_LINK.findall(page.read_text())):
            if not urlsplit(target).scheme:
                yield page, target


def broken(folder: Path) -> list[tuple[str, str]]:
    """The links that lead nowhere, with the page that has them."""
    places: dict[Path, set[str]] = {}
    found = []
    for page, link in links(folder):
        target = urlsplit(link)
        file = (page.parent / unquote(target.path)).resolve() if target.path else page
        if target.fragment and file.name not in FILTERED and file.is_file():
            if file not in places:
                places[file] = {*_ID.findall(file.read_text())}
            there = unquote(target.fragment) in places[file]
        else:
            there = file.is_file() and file.is_relative_to(folder.resolve())
        if not there:
            found.append((str(page.relative_to(folder)), link))
    return found
