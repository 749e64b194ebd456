from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kernels.scratch import scratch

KILLED = """
import os, signal
from kernels.scratch import scratch
folder = scratch()
print(folder.name, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def test_a_folder_goes_with_its_owner() -> None:
    with scratch() as folder:
        there = Path(folder).is_dir()

    assert (there, Path(folder).exists()) == (True, False)


def test_a_killed_runs_folder_goes_with_the_next_run() -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    before = left.is_dir()

    with scratch():
        assert (before, left.exists()) == (True, False)


def test_the_folders_of_others_stay(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("kernels-mine", "kernels-1-2-3", "kernels-1-2-3-x")]
    for other in others:
        other.mkdir()

    with scratch() as first, scratch():
        assert all(path.is_dir() for path in [*others, Path(first)])
