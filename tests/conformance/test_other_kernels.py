"""``--kernel``: the same suite in guests, and what a person sees of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports.catalogue import read_catalogue
from reports.model import Run, Verdict
from reports.run_file import read_run
from tests.conformance import suites
from tests.harm.host import children

GUEST = "uml:6.1"

CHOSEN = ("socket.7/SO_RCVBUF/doubled", "socket.7/SO_RCVBUF/minimum-256", "socket.7/SO_MARK/net-raw-refused")


@dataclass(frozen=True)
class Ended:
    code: int
    said: str
    records: Path

    def run(self, kernel: str) -> Run:
        return read_run(self.records / f"{kernel.replace(':', '-')}.jsonl")


def command(records: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "conformance", "--record-dir", str(records), *arguments]


def suite(records: Path, *arguments: str) -> Ended:
    done = subprocess.run(
        command(records, *arguments),
        cwd=suites.ROOT,
        env=suites.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr, records)


def chosen() -> Iterator[str]:
    for claim in CHOSEN:
        yield from ("--claim", claim)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("records")
    return suite(folder, "--kernel", f"{GUEST},host", "-v", f"--junitxml={folder}/junit.xml", *chosen())


def test_a_guest_says_its_own_kernel_and_verdicts(ended: Ended) -> None:
    run = ended.run(GUEST)

    assert (run.header.kernel, run.header.release.startswith("6.1."), run.interrupted) == (GUEST, True, False)
    assert {claim: answer.verdict for claim, answer in run.answers.items()} == {
        CHOSEN[0]: Verdict.HOLDS,
        CHOSEN[1]: Verdict.DIFFERS,
        CHOSEN[2]: Verdict.DIFFERS,
    }
    assert f"{CHOSEN[2]}[{GUEST}] UNCLAIMED" in ended.said


def test_the_catalogue_is_written_though_nothing_runs_here(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.json"

    suite(tmp_path, "--kernel", GUEST, "--claim", CHOSEN[0], "--catalogue", str(catalogue))

    assert [claim.id for claim in read_catalogue(catalogue).claims] == [CHOSEN[0]]


def test_each_answer_is_named_after_its_kernel(ended: Ended) -> None:
    assert re.search(rf"{CHOSEN[0]}\[{GUEST}\] HOLDS", ended.said)
    assert re.search(r"\[socket\.7/SO_RCVBUF/doubled-udp-4096\] HOLDS", ended.said)
    assert ended.code == 0


def test_junit_knows_the_kernels(ended: Ended) -> None:
    names = [case.get("name", "") for case in ElementTree.parse(ended.records / "junit.xml").iter("testcase")]

    on_the_guest = [name for name in names if name.endswith(f"[{GUEST}]")]
    assert sorted(on_the_guest) == sorted(f"{claim}[{GUEST}]" for claim in CHOSEN)


@pytest.mark.parametrize(
    ("kernel", "reason", "code"),
    [
        ("uml:4.1", "4.1", 4),
        ("uml:/etc/hostname", "/etc/hostname", 69),
        ("uml:/\x1b[31mx", r"/\x1b[31mx cannot be started", 69),
        ("plan9", "plan9", 4),
    ],
    ids=["series", "path", "steering", "name"],
)
def test_what_is_not_a_kernel_is_named(tmp_path: Path, kernel: str, reason: str, code: int) -> None:
    ended = suite(tmp_path, "--kernel", kernel, *chosen())

    assert ended.code == code
    assert reason in ended.said
    assert list(tmp_path.iterdir()) == []


def test_counters_are_for_a_kernel_that_counts(tmp_path: Path) -> None:
    ended = suite(tmp_path, "--kernel", GUEST, "--counters", str(tmp_path / "counters"), *chosen())

    assert ended.code == 69
    assert f"{GUEST} does not count what of it runs" in ended.said


def test_counters_are_for_one_kernel(tmp_path: Path) -> None:
    ended = suite(tmp_path, "--kernel", f"{GUEST},host", "--counters", str(tmp_path / "counters"))

    assert ended.code == 4


def test_workers_and_guests_do_not_go_together(tmp_path: Path) -> None:
    ended = suite(tmp_path, "--kernel", GUEST, "-n", "2")

    assert ended.code == 4
    assert "--kernel-jobs" in ended.said


def test_where_a_guest_was_killed_is_broken_and_another_goes_on(tmp_path: Path) -> None:
    arguments = ("--kernel", GUEST, "--claim", "socket.7/SO_KEEPALIVE/*", "--claim", "socket.7/SO_LINGER/*")
    process = subprocess.Popen(
        command(tmp_path, *arguments),
        cwd=suites.ROOT,
        env=suites.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    record = tmp_path / "uml-6.1.jsonl"
    _wait_until(lambda: record.exists() and b'"header"' in record.read_bytes())

    (reaper,) = children(process.pid)
    os.kill(children(reaper)[0], signal.SIGKILL)
    said, _ = process.communicate()

    run = read_run(record)
    assert process.returncode == 1
    assert [one.verdict for one in run.answers.values()].count(Verdict.BROKEN) == 1
    assert not run.interrupted
    assert "it died before its command had ended" in said


def _wait_until(true: object, patience: float = 600.0) -> None:
    end = time.monotonic() + patience
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
