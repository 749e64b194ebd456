"""Programs that run for us, each with its output in a file, and none of which outlives an interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_PATIENCE: Final = 20
"""Seconds that a program has to end in order once it is interrupted."""


class Interrupted(Exception):
    """The run was interrupted, so nothing is started any more."""


class Children:
    """The programs that are running. Any thread may start one; one thread may stop all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def run(self, name: str, command: Sequence[str]) -> tuple[int, Path]:
        """Run a command in the project's folder: its exit status, and the file with what it printed.

        Raises: Interrupted, OSError.
        """
        log = Path("build/mutants/logs") / f"{name}.log"
        (self._folder / log.parent).mkdir(parents=True, exist_ok=True)
        with (self._folder / log).open("wb") as file:
            with self._lock:
                if self._stopping:
                    raise Interrupted
                # A session of its own: Ctrl-C reaches it once, by stop(), and all that it starts with it.
                process = subprocess.Popen(
                    command,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._running.add(process)
            status = process.wait()  # where this is interrupted stop() is to find the process
            with self._lock:
                self._running.discard(process)
        if self._stopping:
            raise Interrupted
        return status, self._folder / log

    def stop(self) -> None:
        """Interrupt what runs, wait for it, and end what does not end."""
        with self._lock:
            self._stopping = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGINT)
        for process in running:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)

    def resume(self) -> None:
        """Let programs be started again: to clear away."""
        with self._lock:
            self._stopping = False


def last_lines(log: Path, count: int = 6) -> str:
    """The end of what a program printed."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-count:])


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
