"""The guests of a run: so many at a time, each on its own kernel."""

from __future__ import annotations

import re
import select
from collections.abc import Sequence
from pathlib import Path

from conformance.plugin.guest_run import GuestRun
from kernels.archive import Archive
from kernels.backend import kernel
from kernels.cache import Cache
from kernels.progress import Progress
from kernels.scratch import scratch
from reports.record import Record, Run

_PAUSE = 0.05
"""Seconds between two looks at what guests have written."""


class GuestPool:
    """The guests of a run: so many at a time, each on its own kernel."""

    def __init__(self, names: Sequence[str], jobs: int, root: Path) -> None:
        self._kernels = {one.name: one for one in map(kernel, names)}
        self._jobs, self._root = jobs, root
        self._archive = Archive(Cache.of_user(), progress=Progress())
        self._scratch = scratch()
        self._command: Sequence[str] = ()
        self._asked: Sequence[str] = ()
        self.guest_runs: dict[str, GuestRun] = {}

    def prepare(self, records: Path) -> None:
        """Get every kernel before the first guest starts. Raises KernelError."""
        images = {name: one.obtain(self._archive) for name, one in self._kernels.items()}
        for name, image in images.items():
            slug = re.sub(r"[^\w.-]+", "-", name)
            folder = Path(self._scratch.name) / slug
            self.guest_runs[name] = GuestRun(self._kernels[name], image, folder, records / f"{slug}.jsonl")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._kernels)

    def begin(self, command: Sequence[str], asked: Sequence[str]) -> None:
        """Start the first guests; ``asked`` are the claims that the command will try, in their order."""
        self._command, self._asked = command, asked
        self._attend()

    def answer(self, name: str, claim: str) -> Record | None:
        """What a kernel says of a claim, as soon as it does; None if it never will."""
        guest_run = self.guest_runs[name]
        while claim not in guest_run.records and not guest_run.ended:
            self._attend()
            self._pause()
        return guest_run.records.get(claim)

    def release(self, name: str) -> str:
        header = self.guest_runs[name].header
        return header.base if header else "0"

    def finish(self) -> None:
        """Let guests that have said all they were asked end in peace: their footers are still to come."""
        while any(guest_run.going and guest_run.complete for guest_run in self.guest_runs.values()):
            self._attend()
            self._pause()

    def stop(self) -> None:
        for guest_run in self.guest_runs.values():
            guest_run.stop()
        self._scratch.cleanup()

    def runs(self) -> list[Run]:
        return [guest_run.run for guest_run in self.guest_runs.values() if guest_run.run]

    def _pause(self) -> None:
        going = [one.guest for one in self.guest_runs.values() if one.guest and not one.ended]
        select.select(going, [], [], _PAUSE)

    def _attend(self) -> None:
        for guest_run in self.guest_runs.values():
            guest_run.look()
            if guest_run.ending and guest_run.ending.error:
                raise guest_run.ending.error
        waiting = [
            guest_run for guest_run in self.guest_runs.values() if not guest_run.going and not guest_run.ended
        ]
        free = self._jobs - sum(guest_run.going for guest_run in self.guest_runs.values())
        for guest_run in waiting[:free]:
            guest_run.start(self._command, self._asked, self._root)
