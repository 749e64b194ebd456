"""Properties: a test that is tried with many integers, which hypothesis draws."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

Bounds = tuple[int, int]
"""The smallest and the largest integer."""


def integers(examples: int, **ranges: Bounds | tuple[Bounds, ...]) -> Callable[[Callable[..., None]], Any]:
    """Try a test with integers from these ranges, by the names of its arguments.

    The same integers are drawn in every run. Of several ranges for one argument each gets its share: so the
    small numbers below a limit are tried too, which among all integers would hardly ever be drawn.
    hypothesis is imported when the first such test runs: that takes as long as all other imports together.
    """

    def decorate(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def tried(**fixtures: Any) -> None:
            _with_integers(test, examples, ranges)(**fixtures)

        parameters = inspect.signature(test).parameters.values()
        others = [one for one in parameters if one.name not in ranges]
        tried.__signature__ = inspect.Signature(others)  # type: ignore[attr-defined]
        return tried

    return decorate


def load_hypothesis() -> None:
    """Import hypothesis and let it read all modules, as it does once: processes forked later need not."""

    def test(number: int) -> None:
        assert number >= 0

    _with_integers(test, 200, {"number": (0, 2**31)})()


def _with_integers(
    test: Callable[..., None], examples: int, ranges: dict[str, Bounds | tuple[Bounds, ...]]
) -> Callable[..., None]:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    drawn = {
        name: st.one_of(*(st.integers(*one) for one in _several(bounds))) for name, bounds in ranges.items()
    }
    steady = settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        report_multiple_bugs=False,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    return steady(given(**drawn)(test))


def _several(bounds: Bounds | tuple[Bounds, ...]) -> tuple[Bounds, ...]:
    return (bounds,) if isinstance(bounds[0], int) else bounds
