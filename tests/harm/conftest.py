"""How much of what can go wrong is tried: a sample of the day's, unless ``--harm-tries`` asks for more.

``HARM_SEED`` in the environment has another day's tries made again.
"""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from itertools import product
from typing import TypeVar

import pytest

from tests.harm import selection
from tests.harm.selection import Ended
from tests.harm.surroundings import SURROUNDINGS

T = TypeVar("T")
HARM = {
    "tests/harm/test_surroundings.py": "runs in hostile surroundings",
    "tests/harm/test_signals.py": "runs cut off at a random moment",
    "tests/harm/test_run_files.py": "commands given spoilt files and arguments",
    "tests/harm/test_streams.py": "commands whose streams are closed, full or plain",
    "tests/harm/test_bad_values.py": "options given wrong values",
    "tests/harm/test_sanitizers.py": "the library with sanitizers",
}
"""What a file's tests do, for the table at the end."""


def pytest_configure() -> None:
    # Workers are started with it, so that all try the same though midnight lies between.
    os.environ.setdefault("HARM_SEED", str(date.today().toordinal()))


def pytest_report_header() -> str:
    return f"harm: HARM_SEED={seed()}"


def seed() -> str:
    """The same for all that a day tries."""
    return os.environ["HARM_SEED"]


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> int:
    """How many of each kind are asked for."""
    number: int = request.config.getoption("--harm-tries")
    return number


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was tried, and what of it survived."""
    ended: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            file = report.nodeid.partition("::")[0]
            if file in HARM and (report.when == "call" or outcome != "passed"):
                ended[HARM[file]][outcome] += 1
    if ended:
        terminalreporter.section("harm")
        terminalreporter.line(f"{'':52} tried survived  cannot be made here")
    for kind, count in ended.items():
        survived, without = count["passed"], count["skipped"]
        terminalreporter.line(f"{kind:52} {count.total() - without:5} {survived:8} {without or '':>20}")


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
