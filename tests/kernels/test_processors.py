from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernels import processors
from kernels.processors import Processors
from tests.kernels.processes import ROOT

TAKER = """
import os, sys
from pathlib import Path
from kernels import processors
processors._FOLDER = Path(sys.argv[1])
os.sched_getaffinity = lambda _: {0, 1}
print(processors.Processors().take(), flush=True)
input()
"""
"""Takes a processor, until its input ends."""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """That of a machine with two processors."""
    for name in ("cpu0", "cpu1"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(processors, "_FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("with_locks", [True, False])
def test_each_guest_gets_one_with_the_fewest(folder: Path, with_locks: bool) -> None:
    if not with_locks:
        for name in ("cpu0", "cpu1"):
            (folder / name).rmdir()
    ours = Processors()
    first, second, third = (ours.take() for _ in range(3))
    ours.give_back(first)
    ours.give_back(second)

    assert (first + second, ours.take()) == (1, 1 - third)


def test_what_another_process_has_taken_is_left_to_it(folder: Path) -> None:
    command = [sys.executable, "-c", TAKER, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin
        assert other.stdout
        theirs = int(other.stdout.readline())
        ours, taken = Processors(), set[int]()
        for _ in range(20):
            taken.add(one := ours.take())
            ours.give_back(one)
        other.stdin.write(b"\n")

    assert taken == {1 - theirs}


def test_what_is_given_back_is_free_for_others(folder: Path) -> None:
    ours, others = Processors(), Processors()
    for _ in range(2):
        first = ours.take()
        assert others.take() == 1 - first
        ours.give_back(first)
        others.give_back(1 - first)
    assert sorted(os.listdir(folder)) == ["cpu0", "cpu1"]
