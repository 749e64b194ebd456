"""Small suites run as a person would run one, each in a process and a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from reports.assess import Assessment, assess
from reports.catalogue import read_catalogue
from reports.model import Run
from reports.run_file import read_run

ROOT = Path(__file__).parents[2]

HEAD = """
import errno, os, signal, socket, pytest
from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import Need
from conformance.plugin.refusal import refused
from libsocket import Socket
"""


@dataclass(frozen=True)
class Ended:
    """A suite that ran: how it ended, what it printed and recorded."""

    code: int
    said: str
    record: Path

    @property
    def run(self) -> Run:
        return read_run(self.record)

    def assessment(self, claim: str) -> Assessment:
        """What a claim's answer comes to, by the catalogue that was written beside the record."""
        stated = read_catalogue(self.record.with_name("catalogue.json")).claim(claim)
        return assess(stated, self.run.header.implementation, self.run.header.base, self.run.answers[claim])


def command(folder: Path, *arguments: str) -> list[str]:
    given = {"--run-record", "--record-dir"} & set(arguments)
    record = () if given else ("--run-record", str(folder / "run.jsonl"))
    pytest = (sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider")
    return [
        *pytest,
        f"--rootdir={folder}",
        "-c",
        str(ROOT / "pyproject.toml"),
        str(folder),
        *record,
        "--catalogue",
        str(folder / "catalogue.json"),
        *arguments,
    ]


def environment() -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return {**mine, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}


def write(folder: Path, tests: str) -> None:
    (folder / "test_suite.py").write_text(HEAD + dedent(tests))


def run(
    folder: Path, tests: str, *arguments: str, before: Sequence[str] = (), cwd: Path | None = None
) -> Ended:
    """Run a suite; ``before`` is a command that runs what follows it, with fewer privileges, say."""
    write(folder, tests)
    done = subprocess.run(
        [*before, *command(folder, *arguments)],
        env=environment(),
        cwd=cwd or folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr, folder / "run.jsonl")


def start(folder: Path, tests: str, *arguments: str) -> subprocess.Popen[str]:
    """A suite in a process group of its own, to be interrupted or killed."""
    write(folder, tests)
    return subprocess.Popen(
        command(folder, *arguments),
        env=environment(),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str], number: signal.Signals) -> str:
    process.send_signal(number)
    said, _ = process.communicate()
    return said
