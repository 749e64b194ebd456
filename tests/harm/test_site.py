"""Whatever files the site is drawn from, nothing of them runs in it, and nothing is written beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conformance.plugin import inventory
from reports.site.pages import ASSETS
from tests.harm.test_run_files import (
    GVISOR,
    RUN,
    TEXTS,
    TRANSCRIPT,
    dumped,
    ended,
    lines,
    listing,
    mutated,
    rows,
    some,
    spoilt,
    tried,
    with_text,
)
from tests.harm.test_streams import main_of
from tests.reports.page import parse

HOSTILE_CHARACTERS = "\x1b\x9b\u202e\u2028\x00\x7f"
MARKUP = (
    "<u>",
    "\"'><u\u00a0onload=x>",
    "<!--<script>",
    "{{x}}{%x%}",
    "&#60;u&#62;",
    "${x}`",
    "javascript:x",
)
SWEPT = {
    "claim": "socket.7/SO_MARK/value",
    "place": "x.py:1",
    "faults": [{"test": "t", "operator": "refused", "call": "bind() = 0", "number": 1, "outcome": "differs"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Runs, a catalogue and all that can be beside them."""
    run = some(GVISOR)
    (tmp_path / "run.jsonl").write_bytes(b"".join(dumped(one) + b"\n" for one in run))
    (tmp_path / "catalogue.json").write_bytes(listing(run))
    (tmp_path / "faults.jsonl").write_bytes(dumped(SWEPT) + b"\n")
    (tmp_path / "transcripts" / "a.7" / "b").mkdir(parents=True)
    (tmp_path / "transcripts" / "a.7" / "b" / "c.jsonl").write_bytes(
        b"".join(dumped(one) + b"\n" for one in TRANSCRIPT)
    )
    (tmp_path / "inventories").mkdir()
    whole = (inventory.FOLDER / "bind.2.toml").read_bytes()
    (tmp_path / "inventories" / "bind.2.toml").write_bytes(whole)
    return tmp_path


def draw(folder: Path) -> None:
    """Draw the site, and see that nothing in it runs that is not its own, and that nothing is beside it."""
    before = {path for path in folder.rglob("*") if path.relative_to(folder).parts[0] != "site"}
    named = {"--catalogue": "catalogue.json", "-o": "site", "--faults": "faults.jsonl"}
    named |= {"--inventories": "inventories", "--transcripts": "transcripts"}
    paths = [word for option, name in named.items() for word in (option, folder / name)]

    ended(main_of("reports.__main__"), "site", folder / "run.jsonl", *paths)

    site = folder / "site"
    assert {path for path in folder.rglob("*") if path.relative_to(folder).parts[0] != "site"} == before
    assert [problem for path in site.rglob("*") if path.is_file() for problem in problems(site, path)] == []


def problems(site: Path, path: Path) -> Iterator[str]:
    name, text = str(path.relative_to(site)), path.read_text()
    if path.suffix == ".html":
        elements = list(parse(text).all())
        yield from (f"{name}: {one.tag}" for one in elements if one.tag in {"iframe", "object", "base", "u"})
        yield from (f"{name}: {key}" for one in elements for key in one.attributes if key.startswith("on"))
        if len([one for one in elements if one.tag == "script"]) > 4:
            yield f"{name}: a script"
        links = (one.attributes.get("href") or "" for one in elements)
        yield from (f"{name}: {link}" for link in links if link.startswith("javascript:"))
        yield from (f"{name}: {char!r}" for char in HOSTILE_CHARACTERS if char in text)
    elif path.suffix in {".svg", ".atom"}:
        ElementTree.fromstring(text)
    elif path.suffix == ".json":
        json.loads(text)
    elif path.suffix == ".js" and name not in ASSETS and ("<" in text or len(text.splitlines()) != 1):
        yield f"{name}: an end of a script"


@pytest.mark.parametrize("text", [*TEXTS, *MARKUP], ids=lambda text: ascii(text[:9]))
def test_no_text_of_a_file_runs(text: str, folder: Path) -> None:
    run = some(GVISOR)
    (folder / "run.jsonl").write_bytes(b"".join(dumped(with_text(one, text)) + b"\n" for one in run))
    (folder / "catalogue.json").write_bytes(dumped(with_text(json.loads(listing(run)), text)))
    (folder / "faults.jsonl").write_bytes(dumped(with_text(SWEPT, text)) + b"\n")

    draw(folder)

    refused = "/" in text  # by which a claim's id would have more than three parts
    assert refused or len(list((folder / "site" / "claim").rglob("*.html"))) == len(run) - 2


@pytest.mark.parametrize("path", [RUN, GVISOR], ids=["linux", "gvisor"])
def test_run_files(path: Path, tries: int, folder: Path) -> None:
    run = some(path)
    (folder / "catalogue.json").write_bytes(listing(run))

    def check(data: bytes) -> None:
        (folder / "run.jsonl").write_bytes(data)
        draw(folder)

    tried(tries, lines(run) | spoilt(b"".join(dumped(one) + b"\n" for one in run)), check)


def test_catalogues(tries: int, folder: Path) -> None:
    whole = (folder / "catalogue.json").read_bytes()

    def check(data: bytes) -> None:
        (folder / "catalogue.json").write_bytes(data)
        draw(folder)

    tried(tries, mutated(json.loads(whole)).map(dumped) | spoilt(whole), check)


def test_sweeps_of_faults(tries: int, folder: Path) -> None:
    def check(data: bytes) -> None:
        (folder / "faults.jsonl").write_bytes(data)
        draw(folder)

    tried(tries, lines([SWEPT]) | spoilt(dumped(SWEPT)), check)


def test_transcripts(tries: int, folder: Path) -> None:
    path = folder / "transcripts" / "a.7" / "b" / "c.jsonl"
    whole = path.read_bytes()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        draw(folder)

    tried(tries, lines(TRANSCRIPT) | spoilt(whole), check)


def test_inventories(tries: int, folder: Path) -> None:
    path = folder / "inventories" / "bind.2.toml"
    whole = path.read_bytes()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        draw(folder)

    tried(tries, rows(whole), check)
