from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.catalogue import Catalogue, joined, read_catalogue
from reports.errors import FileError
from reports.model import Claim
from tests.reports import sample
from tests.reports.values import claims, text

catalogues = st.builds(
    Catalogue,
    suite=text,
    suite_digest=text,
    claims=st.lists(claims, max_size=4, unique_by=lambda claim: claim.id).map(tuple),
)


@given(catalogue=catalogues)
def test_catalogue_reads_back_as_it_was_written(
    catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.json"
    path.write_text(catalogue.encode(), encoding="utf-8")

    assert read_catalogue(path) == catalogue


def test_each_claim_has_its_line() -> None:
    lines = sample.CATALOGUE.encode().splitlines()

    assert [json.loads(line.rstrip(","))["id"] for line in lines[1:-1]] == [one.id for one in sample.CLAIMS]


def test_fields_that_hold_their_default_are_absent() -> None:
    catalogue = json.loads(sample.listing("It is so.").encode())

    assert catalogue["claims"] == [{"id": "page.7/topic/slug", "says": "It is so."}]


def test_claim_is_found_by_its_id() -> None:
    assert sample.CATALOGUE.claim(sample.MARK.id) is sample.MARK


def test_claim_that_left_the_suite_is_its_id_alone() -> None:
    assert sample.CATALOGUE.claim("gone.7/x/y") == Claim("gone.7/x/y", "")


def test_texts_of_the_first_catalogue_count_and_older_claims_are_kept() -> None:
    newer, older = Claim("a.7/b/c", "new"), Claim("a.7/b/c", "old")
    gone = Claim("a.7/b/gone", "no longer tried")

    assert joined([Catalogue.of([newer]), Catalogue.of([older, gone])]).claims == (newer, gone)


def test_no_catalogues_are_an_empty_one() -> None:
    assert joined([]) == Catalogue()


def spoilt(**fields: Any) -> str:
    """A catalogue with other fields; None removes one."""
    catalogue = {"schema": 2, "suite": "0.1.0", "claims": [{"id": "a.7/b/c", "says": ""}], **fields}
    return json.dumps({name: value for name, value in catalogue.items() if value is not None})


def spoilt_claim(**fields: Any) -> str:
    return spoilt(claims=[{"id": "a.7/b/c", "says": "", **fields}])


WRONG = [
    ("", "this is not a catalogue: Input data was truncated"),
    ("{", "truncated"),
    ("[]", "Expected `object`, got `array`"),
    ("[" * 100_000, "this is not a catalogue: "),
    (spoilt() + "{}", "trailing characters"),
    ("{}", "missing required field"),
    (spoilt(schema=None), "missing required field `schema`"),
    (spoilt(claims=None), "missing required field `claims`"),
    (spoilt(schema=3, claims="new"), "schema 3 is not known here, only schema 2"),
    (spoilt(schema=1), "schema 1 is not known here, only schema 2"),
    (spoilt(schema="2"), "Expected `int`, got `str` - at `$.schema`"),
    (spoilt(suite=1), "at `$.suite`"),
    (spoilt(claims=[1]), "Expected `object`, got `int` - at `$.claims[0]`"),
    (spoilt(claims=[{"says": ""}]), "missing required field `id` - at `$.claims[0]`"),
    (spoilt(claims=[{"id": "a.7/b/c", "says": ""}] * 2), "lists a claim twice"),
    (spoilt_claim(id="a.7/b"), "matching regex"),
    (spoilt_claim(id="a.7/b/c d"), "matching regex"),
    (spoilt_claim(id="a.7/b/c\n"), "matching regex"),
    (spoilt_claim(says=None), "Expected `str`, got `null`"),
    (spoilt_claim(range={"since": "six\n\x1b[31m"}), r"'six\n\x1b[31m' does not begin with a kernel version"),
    (spoilt_claim(range={"backports": ["?"]}), "'?' does not begin with a kernel version"),
    (spoilt_claim(expectations=[{}]), "missing required field `why` - at `$.claims[0].expectations[0]`"),
    (spoilt_claim(expectations=[{"why": "", "observed": {"a": {}}}]), "got `object`"),
    (spoilt_claim(expectations=[{"why": "", "observed": {"a": [{}]}}]), "cannot be an observation"),
    (spoilt_claim(tests=[{"file": "a", "line": 0, "source": ""}]), ">= 1"),
]


@pytest.mark.parametrize(("content", "cause"), WRONG, ids=range(len(WRONG)))
def test_wrong_catalogue_is_named_on_one_line(tmp_path: Path, content: str, cause: str) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(content)

    with pytest.raises(FileError) as caught:
        read_catalogue(path)

    message = str(caught.value)
    assert (message.startswith(f"{path}: "), cause in message, message.isprintable()) == (True, True, True)


def test_catalogue_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_bytes(spoilt(suite="@").encode().replace(b"@", b"\xff"))

    with pytest.raises(FileError, match=r"(?i)this is not a catalogue: .*utf-8"):
        read_catalogue(path)


def test_absent_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.json: the catalogue cannot be read: No such file"):
        read_catalogue(tmp_path / "none.json")


def test_run_file_is_not_a_catalogue(tmp_path: Path) -> None:
    path = sample.write(tmp_path / "run.jsonl", sample.OLD)

    with pytest.raises(FileError, match="this is not a catalogue"):
        read_catalogue(path)


def test_fields_of_a_later_suite_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(spoilt_claim(colour="blue"))

    assert read_catalogue(path).claims == (Claim("a.7/b/c", ""),)
