"""The catalogue of what was collected: what the suite says of each claim, for reports to join with runs."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

import reports
from conformance.plugin import inventory
from conformance.plugin.claim import stated
from conformance.plugin.plan import tests_by_claim
from conformance.plugin.tables.table import text_of
from reports.atomic_write import atomic_write
from reports.catalogue import Catalogue
from reports.model import Claim, Test

_ROOT = Path(__file__).parents[2]

_SUITE = ("conftest.py", "conformance", "netns", "libsocket")
"""What the answers of a kernel depend on, besides the kernel."""


def detailed(claims: Sequence[Claim], items: Sequence[pytest.Item]) -> tuple[Claim, ...]:
    """Claims with their document's edition and their tests."""
    tests = tests_by_claim(items)
    return tuple(
        replace(
            claim,
            document=_document(claim.page),
            tests=tuple(dict.fromkeys(map(test_of, tests[claim.id]))),
        )
        for claim in claims
    )


def write_catalogue(claims: Sequence[Claim], path: Path) -> None:
    """Put claims into a file. Raises: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = Catalogue(suite=reports.__version__, suite_digest=suite_digest(), claims=tuple(claims))
    atomic_write(whole.encode(), path)


@cache
def suite_digest() -> str:
    """The suite's files in short: two runs with the same digest were asked in the same way."""
    digest = hashlib.sha256()
    for path in sorted(path for place in _SUITE for path in _files(_ROOT / place)):
        digest.update(f"{path.relative_to(_ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    kinds = {".py", ".toml", ".c", ".h"}
    yield from (path for path in place.rglob("*") if path.suffix in kinds and path.is_file())


def test_of(item: pytest.Item) -> Test:
    """Where a collected test stands: its function, or its row of a table."""
    place = str(item.path.relative_to(item.config.rootpath))
    marked = stated(item)
    if item.path.suffix == ".toml" and marked:
        return Test(place, *text_of(item.path, marked.claim.id))
    function = inspect.unwrap(getattr(item, "function"))  # noqa: B009  only a test function has one
    source, line = inspect.getsourcelines(function)
    return Test(place, line, "".join(source))


@cache
def _document(page: str) -> str:
    """The page and its edition, which its inventory has; without one its name: ``socket.7`` is socket(7)."""
    if page == "defacto":
        return "No document says it"
    if page in inventory.pages():
        return inventory.inventory(page).edition
    return re.sub(r"^(.+)\.(\d\w*)$", r"\1(\2)", page)
