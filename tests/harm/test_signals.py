"""Whenever a run is cut off: nothing is left, and nothing is taken for whole that is not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reports.errors import FileError
from reports.run_file import read_run
from tests.harm import host, selection
from tests.harm.selection import PATIENCE, Ended

KINDS = {
    "SIGKILL": (signal.SIGKILL,),
    "SIGINT": (signal.SIGINT,),
    "SIGINT twice": (signal.SIGINT, signal.SIGINT),
}
TARGETS = ("controller", "worker", "group")


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files. In the end there are none, and the host's network is as it was."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    network, files = host.network(), host.files(temporary)
    yield temporary
    assert host.left(files, temporary) == set()
    after = host.network()
    assert {name: (was, after.get(name)) for name, was in network.items() if after.get(name) != was} == {}


def test_a_run_that_is_cut_off_leaves_nothing_and_pretends_nothing(
    tmp_path: Path, untouched: Path, undisturbed: Ended, chance: random.Random
) -> None:
    kind, target, workers = chance.choice(list(KINDS)), chance.choice(TARGETS), chance.choice("02")
    print(f"{kind} to {target}, -n {workers}")
    record = tmp_path / "run.jsonl"
    run = subprocess.Popen(
        selection.command("-n", workers, "--run-record", str(record)),
        cwd=selection.ROOT,
        env=selection.environment(TMPDIR=str(untouched)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    _pass(run, chance.uniform(0, undisturbed.seconds))
    struck = set()
    for number in KINDS[kind]:
        struck.add(_send(run.pid, target, number, chance))
        _pass(run, chance.choice((0, 0.01, 0.1, 0.5)))

    said, _ = run.communicate(timeout=PATIENCE)

    assert [pid for pid in host.processes(run.pid) if not host.ends(pid)] == []
    state = _state(record)
    assert run.returncode or state == "whole", said
    if state == "partial" and not (kind == "SIGKILL" and run.pid in struck):  # which can say nothing
        assert f": {record}" in "".join(said.splitlines(keepends=True)[-15:]), said
        assert "Partial run record" in said


def _pass(run: subprocess.Popen[str], seconds: float) -> None:
    """Let time pass, or the run end."""
    with suppress(subprocess.TimeoutExpired):
        run.wait(timeout=seconds)


def _send(controller: int, target: str, number: signal.Signals, chance: random.Random) -> int:
    """Whom it was sent to; a run without workers is its own."""
    there = host.children(controller) if target == "worker" else []
    struck = chance.choice(there or [controller])
    with suppress(ProcessLookupError):
        (os.killpg if target == "group" else os.kill)(struck, number)
    return struck


def _state(record: Path) -> str:
    """What the file of a run shows of it."""
    if not record.exists():
        return "none"
    with suppress(FileError):
        return "whole" if read_run(record).footer else "partial"
    return "begun"
