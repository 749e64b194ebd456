"""What a test has observed so far. A process runs one test at a time, so there is one place for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from reports.model import Value, frozen

V = TypeVar("V", bound=Value)

ERRNO: Final = "errno"
"""The observation that is the errno of a refusal, unless the refusal is given another name."""

_observed: dict[str, Value] = {}


def begin() -> None:
    """A test begins, and has observed nothing."""
    _observed.clear()


def note(name: str, value: V) -> V:
    """Keep a value under a name of its own, and hand it on."""
    if name in _observed:
        raise RuntimeError(f"this test observes {name} twice; the second needs a name of its own")
    _observed[name] = frozen(value)
    return value


def observed() -> Mapping[str, Value]:
    """All that the test has observed."""
    return dict(_observed)
