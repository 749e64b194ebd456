"""How much of what can go wrong is tried: a sample of the day's, unless ``--harm-tries`` asks for more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from itertools import product
from typing import TypeVar

import pytest

from tests.harm import selection
from tests.harm.selection import Ended
from tests.harm.surroundings import SURROUNDINGS

T = TypeVar("T")


def pytest_report_header() -> str:
    return f"harm: seed {seed()}"


def seed() -> int:
    """The same for all that a day tries."""
    return date.today().toordinal()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    tries: int = metafunc.config.getoption("--harm-tries")
    if "surrounding" in metafunc.fixturenames:
        chosen = _sample(list(product(SURROUNDINGS, "02")), tries)
        ids = [f"{where.name}, -n {workers}" for where, workers in chosen]
        metafunc.parametrize(("surrounding", "workers"), chosen, ids=ids)
    if "chance" in metafunc.fixturenames:
        seeds = [f"{seed()}-{number}" for number in range(tries)]
        metafunc.parametrize("chance", [random.Random(one) for one in seeds], ids=seeds)


def _sample(all_of_them: Sequence[T], tries: int) -> Sequence[T]:
    return random.Random(seed()).sample(all_of_them, min(tries, len(all_of_them)))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The selection where nothing is in its way."""
    record = tmp_path_factory.mktemp("undisturbed") / "run.jsonl"
    ended = selection.run(record, "--run-record", str(record))
    assert ended.run.footer, ended.said
    return ended
