"""The sentences of documents: a file for each page, ``socket.7.toml``, its sentences in order."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

from reports.errors import FileError
from reports.reading import contents


class Sentence(Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence of a document, in our own words."""

    id: str
    """``page/topic/slug``"""
    says: str
    tests: tuple[str, ...] = ()
    """The library's own tests, where the sentence is about a library and not about a kernel."""
    reason: str = ""
    """Why no kernel can answer, or what the claims leave untried; empty where one is still to come."""

    def status(self, *, cited: bool) -> str:
        """``tried``, where claims cite it; ``tested``, ``explained`` (it cannot be tried), ``untried``."""
        if cited:
            return "tried"
        if self.tests:
            return "tested"
        return "explained" if self.reason else "untried"


class Inventory(Struct, frozen=True, forbid_unknown_fields=True, rename={"sentences": "sentence"}):
    """The sentences of a page, and which edition of it they were read in."""

    page: str
    title: str
    project: str
    version: str
    url: str
    sentences: tuple[Sentence, ...]
    date: str = ""
    """When that edition was made, as YYYY-MM-DD; empty where it does not say."""
    sha256: str = ""
    """Of the manual page's file in that edition, uncompressed; empty where a document is none."""

    @property
    def edition(self) -> str:
        """``The Socket reference (libsocket 0.1.1)``"""
        return f"{self.title} ({self.project} {self.version})"


def read_inventory(path: Path) -> Inventory:
    """The sentences of the page that a file is named after. Raises: FileError."""
    text = contents(path, "the inventory")
    try:
        return msgspec.convert({**tomllib.loads(text.decode()), "page": path.stem}, Inventory)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise FileError(f"this is not an inventory: {error}", path) from error


def read_inventories(folder: Path) -> list[Inventory]:
    """Those of a folder, by page. Raises: FileError."""
    if files := sorted(folder.glob("*.toml")):
        return [read_inventory(path) for path in files]
    raise FileError("the folder holds no inventory, whose name ends in .toml", folder)
