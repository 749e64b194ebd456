"""The lists of sentences agree with what is there."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from conformance.plugin.inventory import Coverage, coverage, inventory, main, pages
from reports.catalogue import Catalogue
from reports.inventory import Inventory, Sentence
from reports.model import Claim, Run
from tests.conformance.suites import ROOT

Reference = tuple[list[Run], Catalogue]

PAGE = Inventory(
    "page.7",
    "page(7)",
    "a project",
    "1.0",
    "",
    (
        Sentence("page.7/a/cited", "It is cited."),
        Sentence("page.7/a/tested", "It is tested.", tests=("tests/test_a.py::test_a",)),
        Sentence("page.7/a/explained", "It is explained.", reason="Nobody can."),
        Sentence("page.7/a/untried", "Nobody has."),
    ),
)


def cited_by(*claims: str, sentence: str = "page.7/a/cited") -> Coverage:
    return Coverage(PAGE, {sentence: claims} if claims else {})


@pytest.mark.parametrize("page", pages())
def test_every_citation_is_of_a_sentence(page: str, reference: Reference) -> None:
    assert list(coverage(page, reference[1]).problems()) == []


def test_every_sentence_that_is_cited_has_its_page(reference: Reference) -> None:
    cited = {sentence.partition("/")[0] for claim in reference[1].claims for sentence in claim.sentences}

    assert cited - set(pages()) == set()


def test_every_test_that_is_listed_is_there() -> None:
    sentences = [one for page in pages() for one in inventory(page).sentences]
    listed = [test.split("::") for one in sentences for test in one.tests]

    assert [name for file, name in listed if f"def {name}(" not in (ROOT / file).read_text()] == []


def test_a_sentence_is_listed_once() -> None:
    counts = Counter(one.id for page in pages() for one in inventory(page).sentences)

    assert [id for id, count in counts.items() if count > 1] == []


@pytest.mark.parametrize(("page", "count"), [("libsocket", 113)])
def test_the_list_is_whole(page: str, count: int) -> None:
    assert len(inventory(page).sentences) == count


@pytest.mark.parametrize(
    ("page", "edition"),
    [("timestamping", "Timestamping (Linux 7.2)"), ("msg_zerocopy", "MSG_ZEROCOPY (Linux 7.2)")],
)
def test_a_document_of_the_kernel_is_a_page_without_a_section(
    page: str, edition: str, tmp_path: Path
) -> None:
    found = coverage(page, Catalogue(suite="", suite_digest="", claims=()))

    assert found.inventory.edition == edition
    assert list(found.another_edition(tmp_path)) == []


def test_each_sentence_has_its_status() -> None:
    found = cited_by("page.7/a/b")

    assert found.statuses == ["tried", "tested", "explained", "untried"]


def test_what_cannot_be_tried_and_what_is_not_yet_are_counted_apart() -> None:
    assert str(cited_by("page.7/a/b")) == (
        "page(7) (a project 1.0): 4 sentences, 1 tried by claims, 1 by the library's tests, "
        "1 not to be tried, 1 still to be tried"
    )
    assert str(cited_by()).endswith(
        "0 tried by claims, 1 by the library's tests, 1 not to be tried, 2 still to be tried"
    )


def test_a_page_that_is_done_has_nothing_to_be_tried() -> None:
    page = replace(PAGE, sentences=PAGE.sentences[:3])

    assert str(Coverage(page, {"page.7/a/cited": ["page.7/a/b"]})).endswith("1 not to be tried")


def test_a_sentence_that_nobody_tried_yet_is_no_problem() -> None:
    assert list(cited_by("page.7/a/b").problems()) == []


def test_a_citation_of_what_is_not_there_is_a_problem() -> None:
    page = replace(PAGE, sentences=PAGE.sentences[1:])

    assert list(Coverage(page, {"page.7/a/none": ["x.7/a/b"]}).problems()) == [
        "x.7/a/b: there is no sentence page.7/a/none"
    ]


def test_the_command_fails_where_a_citation_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(Catalogue.of([Claim("a.7/b/c", "It is so.", sentences=("libsocket/no/such",))]).encode())

    status = main(["--catalogue", str(path), "libsocket"])

    assert status == 1
    assert "a.7/b/c: there is no sentence libsocket/no/such" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "packed", "problems"),
    [
        (b"as it was read", False, []),
        (b"as it was read", True, []),
        (
            b"as it is now",
            False,
            ["page.7: the page in {} is not that of page(7) (a project 1.0), which was read"],
        ),
        (None, False, ["page.7: {} has no such page"]),
    ],
    ids=["same", "packed", "another", "none"],
)
def test_a_page_is_held_against_the_edition_that_was_read(
    tmp_path: Path, text: bytes | None, packed: bool, problems: list[str]
) -> None:
    read = replace(PAGE, sha256=hashlib.sha256(b"as it was read").hexdigest())
    (tmp_path / "man7").mkdir()
    if text is not None:
        name = "page.7.gz" if packed else "page.7"
        (tmp_path / "man7" / name).write_bytes(gzip.compress(text) if packed else text)

    found = list(Coverage(read, {}).another_edition(tmp_path))

    assert found == [problem.format(tmp_path) for problem in problems]


def test_every_manual_page_that_was_read_has_its_digest() -> None:
    assert [
        page for page in pages() if inventory(page).project == "man-pages" and not inventory(page).sha256
    ] == []
