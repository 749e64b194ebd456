"""The claims about an option that the conformance suite tries, as docstrings tell them.

They are data that ``tools/`` writes from the published runs: the library can name claims, and know none.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(files("libsocket").joinpath("claims.json").read_text("utf-8"))
    return kept


def claims(constant: str) -> dict[str, str]:
    """The ids of the claims that name an option, each with the verdict and what it says."""
    kept = _kept()
    return {name: kept["claims"][name] for name in kept["options"].get(constant, ())}


def paragraph(constant: str) -> str:
    """The end of an option's docstring; empty where no claim names it."""
    told = "\n".join(f"  {name}\n    {says}" for name, says in claims(constant).items())
    return f"\n\nClaims, with the verdict of Linux {_kept()['kernel']}:\n{told}" if told else ""
