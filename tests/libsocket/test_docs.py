"""The options reference is what the declarations say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from libsocket import OPTIONS, Option
from libsocket.docs import page

REFERENCE = Path(__file__).parents[2] / "docs" / "options.md"


def named(value: object) -> str | None:
    return value.constant if isinstance(value, Option) else None


def test_kept_reference_is_current() -> None:
    written = "\n".join(page()) + "\n"

    assert REFERENCE.read_text() == written, "write it anew: python -m libsocket.docs > docs/options.md"


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_documentation_is_one_to_four_sentences_long(option: Option[Any]) -> None:
    assert 20 < len(option.doc) < 600


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_since_is_a_kernel_version(option: Option[Any]) -> None:
    assert all(part.isdecimal() for part in option.since.split("."))
