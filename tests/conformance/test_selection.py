"""Which files are collected for the claims that are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.plugin.selection import files_with
from reports.catalogue import Catalogue
from reports.model import Run
from tests.conformance import suites


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "test_one.py", tmp_path / "table.toml", tmp_path / "test_none.py"]
    made[0].write_text('@claim("doc.7/one/holds", says="It is so.")\n@claim("doc.7/both/here", says="")')
    made[1].write_text('[[row]]\nid = "doc.7/two/holds"\n[[row]]\nid = "doc.7/both/here"')
    made[2].write_text('sentence = "doc.7/one/holds"')
    return made


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (["doc.7/one/holds"], {"test_one.py"}),
        (["doc.7/two/*"], {"table.toml"}),
        (["doc.7/one/holds", "doc.7/two/hold[s]"], {"test_one.py", "table.toml"}),
        (["doc.7/both/here"], {"test_one.py", "table.toml"}),
        ([], None),
        (["doc.7/one/holds", "doc.7/three/holds"], None),
        (["doc.8/*"], None),
    ],
)
def test_the_files_that_name_a_claim_are_known_if_each_is_named(
    files: list[Path], asked: list[str], named: set[str] | None
) -> None:
    having = files_with(asked, files)

    assert (None if having is None else {file.name for file in having}) == named


def test_other_files_are_not_imported(tmp_path: Path) -> None:
    other = tmp_path / "tests" / "test_other.py"
    other.parent.mkdir()
    other.write_text("raise RuntimeError('imported')")
    (tmp_path / ".#test_lock.py").symlink_to("gone")  # what an editor leaves beside a file that is open in it
    one = '@claim("doc.7/one/holds", says="It is so.")\ndef test_one(ns):\n    assert 1 == 1\n'

    ended = suites.run(tmp_path, one, "--claim", "doc.7/one/holds")

    assert (ended.code, list(ended.run.answers)) == (0, ["doc.7/one/holds"])


def test_each_claim_is_named_whole_in_its_files(reference: tuple[list[Run], Catalogue]) -> None:
    """Else it would not be found where it is asked for with others."""
    _, catalogue = reference

    of_files: dict[str, list[str]] = {}
    for claim in catalogue.claims:
        for test in claim.tests:
            of_files.setdefault(test.file, []).append(claim.id)

    composed = [file for file, ids in of_files.items() if not files_with(ids, [suites.ROOT / file])]

    assert composed == []
