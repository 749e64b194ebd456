"""The command line, and a guest's processes on the host."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNELS = [sys.executable, "-m", "kernels"]
PATIENCE = 120.0
"""Seconds after which a test gives up: a hang guard, no measure."""


def kernels(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [*KERNELS, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def processes_naming(word: Path | str) -> list[int]:
    """Processes with a word in their command line: all of a guest's name its shared folder."""
    pids = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            if str(word).encode() in Path(f"/proc/{entry}/cmdline").read_bytes():
                pids.append(int(entry))
    return [pid for pid in pids if pid != os.getpid()]


def wait_until_gone(pids: Sequence[int]) -> None:
    """Return when all of these processes have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            watched = os.pidfd_open(pid)
            ended = select.select([watched], [], [], PATIENCE)[0]
            os.close(watched)
            assert ended, f"process {pid} is still there"


def wait_until_written(path: Path, text: str) -> None:
    """Return when a file that a guest writes holds a text."""
    deadline = time.monotonic() + PATIENCE
    while not (path.exists() and text in path.read_text(errors="replace")):
        assert time.monotonic() < deadline, f"{path} never held {text!r}"
        select.select([], [], [], 0.05)
