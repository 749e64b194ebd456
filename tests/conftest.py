"""What several packages' tests share."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from reports.catalogue import Catalogue, read_catalogue
from reports.model import Run
from reports.run_file import read_runs

ROOT = Path(__file__).parents[1]

settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


def pytest_configure() -> None:
    # What a shell starts in the background ignores it, and so would every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harm", "tests of runs that are disturbed")
    group.addoption(
        "--harm-tries",
        type=int,
        default=6,
        metavar="N",
        help="how much tests/harm tries of each kind (default: 6, others each day)",
    )


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Run], Catalogue]:
    """The reference runs, and what the claims say now."""
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.json"
    arguments = ["conformance", "-q", "--collect-only", "-p", "no:cacheprovider", "--catalogue", str(path)]
    subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=True, capture_output=True)
    return read_runs(ROOT / "results" / "runs"), read_catalogue(path)
