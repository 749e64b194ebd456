"""Where other implementations differ from the documents: ``conformance/expectations/``, a file for each.

The file of an implementation is named as ``--kernel`` names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from reports.model import ClaimId, Expectation
from reports.printable import one_line

FOLDER = Path(__file__).parents[1] / "expectations"

_Words = Annotated[str, Meta(min_length=1)]


class _Difference(Struct, forbid_unknown_fields=True):
    why: _Words
    observed: str
    """The observations as a run file has them: TOML has no null, which is a call that succeeded."""
    source: _Words | None = None


class _Overlay(Struct, forbid_unknown_fields=True):
    """What one implementation says instead, by claim."""

    implementation: _Words
    differs: dict[ClaimId, _Difference]


def expected_elsewhere(claim: str) -> tuple[Expectation, ...]:
    """What is declared for a claim of implementations other than Linux."""
    return tuple(overlay[claim] for overlay in overlays(FOLDER) if claim in overlay)


@cache
def has_overlay(kernel: str) -> bool:
    """Whether the kernel of a name, such as ``gvisor:PATH``, is another implementation."""
    return (FOLDER / f"{kernel.partition(':')[0]}.toml").exists()


@cache
def overlays(folder: Path) -> tuple[Mapping[str, Expectation], ...]:
    """The expectations of each implementation, by claim. Raises: ValueError, which names the file."""
    return tuple(_read(path) for path in sorted(folder.glob("*.toml")))


def _read(path: Path) -> Mapping[str, Expectation]:
    try:
        overlay = msgspec.toml.decode(path.read_bytes(), type=_Overlay)
        return {claim: _expectation(overlay, one) for claim, one in overlay.differs.items()}
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(one_line(f"{path}: {error}")) from error


def _expectation(overlay: _Overlay, one: _Difference) -> Expectation:
    observed: dict[str, Any] = msgspec.json.decode(one.observed, type=dict[str, Any])
    return Expectation(one.why, observed=observed, implementation=overlay.implementation, source=one.source)
