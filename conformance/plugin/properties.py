"""Properties: a test that is tried with many integers or many sequences of steps, which hypothesis draws."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any

Bounds = tuple[int, int]
"""The smallest and the largest integer."""

Step = tuple[str, int]
"""What is done next, and with which integer."""


def integers(examples: int, **ranges: Bounds | tuple[Bounds, ...]) -> Callable[[Callable[..., None]], Any]:
    """Try a test with integers from these ranges, by the names of its arguments.

    The same integers are drawn in every run. Of several ranges for one argument each gets its share: so the
    small numbers below a limit are tried too, which among all integers would hardly ever be drawn.
    hypothesis is imported when the first such test runs: that takes as long as all other imports together.
    """

    def drawn(test: Callable[..., None]) -> Callable[..., None]:
        from hypothesis import strategies as st

        one_of = {
            name: st.one_of(*(st.integers(*one) for one in _several(bounds)))
            for name, bounds in ranges.items()
        }
        return _given(test, examples, one_of)

    return _fixtures_and(ranges.keys(), drawn)


def sequences(
    examples: int, *, longest: int, **steps: Bounds | tuple[Bounds, ...]
) -> Callable[[Callable[..., None]], Any]:
    """Try a test, as its argument ``steps``, with sequences of these steps and of integers from their ranges.

    The same sequences are drawn in every run, and one that fails is not made shorter: each may wait a while.
    """

    def drawn(test: Callable[..., None]) -> Callable[..., None]:
        from hypothesis import strategies as st

        any_step = st.one_of(
            *(
                st.tuples(st.just(name), st.integers(*one))
                for name, bounds in steps.items()
                for one in _several(bounds)
            )
        )
        return _given(
            test, examples, {"steps": st.lists(any_step, min_size=1, max_size=longest)}, shrink=False
        )

    return _fixtures_and({"steps"}, drawn)


def load_hypothesis() -> None:
    """Import hypothesis and all that it imports when it first draws: processes forked later need not."""

    from hypothesis import strategies as st

    def test(number: int) -> None:
        assert number >= 0

    _given(test, 200, {"number": st.integers(0, 2**31)})()


def _fixtures_and(
    names: Collection[str], drawn: Callable[[Callable[..., None]], Callable[..., None]]
) -> Callable[[Callable[..., None]], Any]:
    """A decorator: a test keeps its fixtures, and what has these names is drawn once it runs."""

    def decorate(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def tried(**fixtures: Any) -> None:
            drawn(test)(**fixtures)

        parameters = inspect.signature(test).parameters.values()
        others = [one for one in parameters if one.name not in names]
        tried.__signature__ = inspect.Signature(others)  # type: ignore[attr-defined]
        return tried

    return decorate


def _given(
    test: Callable[..., None], examples: int, strategies: dict[str, Any], *, shrink: bool = True
) -> Callable[..., None]:
    from hypothesis import HealthCheck, Phase, given, settings

    _draw_from_ranges_only()
    steady = settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        report_multiple_bugs=False,
        database=None,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow],
    )
    return steady(given(**strategies)(test))


def _draw_from_ranges_only() -> None:
    """Keep hypothesis from drawing also the constants that stand in the modules that are imported.

    What a test is tried with would depend on which others were selected, and to read them all takes seconds
    in a guest. hypothesis has no setting for that; a version that does it by another name goes on as it did.
    """
    from hypothesis.internal.conjecture import providers

    vars(providers)["_get_local_constants"] = lambda: providers._local_constants


def _several(bounds: Bounds | tuple[Bounds, ...]) -> tuple[Bounds, ...]:
    return (bounds,) if isinstance(bounds[0], int) else bounds
