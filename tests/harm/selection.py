"""A few claims of the suite that cover most needs, run as a person would run them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.model import Run, Verdict
from reports.run_file import read_run

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds after which a test gives up: a guard against hangs, no measure."""

CLAIMS = (
    "accept.2/accept/first-in-first-out",
    "accept.2/accept/pending-errors",
    "defacto/SO_DEBUG/eacces",
    "defacto/SO_DEBUG/first-user-namespace",
    "defacto/SO_MARK/eperm",
    "listen.2/listen/capped-to-somaxconn",
    "socket.7/SO_BSDCOMPAT/warning",
    "socket.7/SO_DEBUG/net-admin-suffices",
    "socket.7/SO_MARK/routes-packets",
    "socket.7/rmem_max/sets-the-limit",
)


@dataclass(frozen=True)
class Ended:
    """How a run ended, what it printed and recorded."""

    code: int
    said: str
    record: Path
    seconds: float

    @property
    def run(self) -> Run:
        return read_run(self.record)

    @property
    def verdicts(self) -> Mapping[str, tuple[Verdict, str | None]]:
        """Each claim's verdict and the need that was missing."""
        return {claim: (answer.verdict, answer.need) for claim, answer in self.run.answers.items()}


def command(*arguments: str) -> list[str]:
    selected = [f"--claim={claim}" for claim in CLAIMS]
    return [
        *(sys.executable, "-m", "pytest", str(ROOT / "conformance"), *selected),
        *("-p", "no:conformance-traced-again", *arguments),
    ]


def environment(**more: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return {**mine, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100", **more}


def run(record: Path, *arguments: str, before: Sequence[str] = ()) -> Ended:
    """Run the selection; ``before`` is a command that runs what follows it in other surroundings."""
    begun = time.monotonic()
    done = subprocess.run(
        [*before, *command(*arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr, record, time.monotonic() - begun)
