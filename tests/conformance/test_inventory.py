"""The lists of sentences agree with what is there."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from conformance.plugin.inventory import Sentence, inventory, pages
from tests.conformance.suites import ROOT


def stated_claims() -> set[str]:
    """The ids of all claims, read from the tests without running them."""
    calls = (
        node
        for file in (ROOT / "conformance").glob("*/test_*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "claim"
    )
    return {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}  # type: ignore[misc]


def sentences() -> list[Sentence]:
    return [one for page in pages() for one in inventory(page).sentences]


def test_every_claim_that_is_listed_is_stated() -> None:
    listed = {claim for one in sentences() for claim in one.claims}

    assert listed - stated_claims() == set()


def test_every_test_that_is_listed_is_there() -> None:
    listed = [test.split("::") for one in sentences() for test in one.tests]

    assert [name for file, name in listed if f"def {name}(" not in (ROOT / file).read_text()] == []


def test_a_sentence_is_listed_once() -> None:
    counts = Counter(one.id for one in sentences())

    assert [id for id, count in counts.items() if count > 1] == []


def test_a_sentence_that_is_not_tried_says_why() -> None:
    assert [one.id for one in sentences() if one.fate == "untried" and not one.reason] == []


@pytest.mark.parametrize(("page", "count"), [("libsocket", 113)])
def test_the_list_is_whole(page: str, count: int) -> None:
    assert len(inventory(page).sentences) == count


def test_the_readme_tells_the_share() -> None:
    assert str(inventory("libsocket")) in (ROOT / "README.md").read_text().replace("\n", " ")
