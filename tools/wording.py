"""How the reference puts things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(*cells: str) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def names(constants: Iterable[str]) -> str:
    """C names as code."""
    return ", ".join(f"`{constant}`" for constant in constants)


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
