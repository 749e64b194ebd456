"""The options reference is what the declarations say."""

from __future__ import annotations

import re
from typing import Any

import pytest

from libsocket import OPTIONS, SO_RCVBUF, Option
from tools.reference import PAGE, declaration, row, text


def test_kept_reference_is_current() -> None:
    assert PAGE.read_text() == text(), "write it anew: python -m tools.reference"


def test_links_lead_to_the_sections_of_all_options() -> None:
    page = text()

    headings = {heading.lower() for heading in re.findall(r"^### (.+)$", page, re.MULTILINE)}

    assert set(re.findall(r"\(#([^)]+)\)", page)) == headings == {one.constant.lower() for one in OPTIONS}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.constant)
def test_row_has_a_cell_for_each_column(option: Option[Any]) -> None:
    assert len(re.findall(r"(?<!\\)\|", row(option))) == 8


def test_declaration_is_the_description_the_facts_and_the_numbers_that_differ() -> None:
    assert list(declaration(SO_RCVBUF)) == [
        SO_RCVBUF.doc,
        f"\n*{SO_RCVBUF.facts}* (in C: C int that is not negative)",
        "\nNumber 8; 0x1002 on alpha, 0x1002 on mips, 0x1002 on parisc, 0x1002 on sparc.",
    ]
