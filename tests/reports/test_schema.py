"""SCHEMA.md is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import fields

import reports
from reports.assess import assess
from reports.catalogue import CatalogueFile, read_catalogue
from reports.cli.main import EPILOG
from reports.difference import Changed, Compared, DifferenceFile
from reports.model import LINUX, Answer, Claim, Expectation, Footer, Header
from reports.run_file import read_run

DOCUMENT = Path(reports.__file__).with_name("SCHEMA.md").read_text(encoding="utf-8")


def examples() -> list[str]:
    return re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)


def rows(heading: str) -> dict[str, str]:
    """Fields of the first table below a line, and the default of each."""
    below = DOCUMENT.partition(f"\n{heading}\n")[2]
    table = re.findall(r"^\|(.*?)\|(.*?)\|(.*?)\|", below[: below.index("|\n\n") + 1], re.MULTILINE)
    found: dict[str, str] = {}
    for names, _, default in table[2:]:
        found |= dict.fromkeys(re.findall(r"`(\w+)`", names), default.strip())
    return found


@pytest.mark.parametrize(
    ("heading", "struct", "kind"),
    [
        ("### header", Header, ["kind"]),
        ("### answer", Answer, ["kind"]),
        ("### footer", Footer, ["kind"]),
        ("One JSON object, which `pytest conformance --catalogue FILE` writes:", CatalogueFile, []),
        ("A *claim*:", Claim, []),
        ("An *expectation*:", Expectation, []),
        ("`python -m reports diff A B --json` prints one JSON object:", DifferenceFile, []),
        ("A *comparison*:", Compared, []),
        ("A *change*:", Changed, []),
    ],
)
def test_every_field_is_documented(heading: str, struct: type[Struct], kind: list[str]) -> None:
    documented = {name: default == "required" for name, default in rows(heading).items()}

    assert documented == dict.fromkeys(kind, True) | {one.name: one.required for one in fields(struct)}


def test_examples_are_read_and_meet(tmp_path: Path) -> None:
    run_file, catalogue_file = tmp_path / "run.jsonl", tmp_path / "catalogue.json"
    for path, example in zip((run_file, catalogue_file), examples(), strict=True):
        path.write_text(example, encoding="utf-8")
    run, catalogue = read_run(run_file), read_catalogue(catalogue_file)

    found = [
        assess(catalogue.by_id[name], LINUX, run.header.base, answer).expected
        for name, answer in run.answers.items()
    ]

    assert (run.interrupted, found) == (False, [True, True])


def test_exit_statuses_are_those_of_the_help() -> None:
    statuses = re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)

    assert statuses == re.findall(r"^  (\d+) ", EPILOG, re.MULTILINE)
