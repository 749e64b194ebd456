"""The guests of a run: so many at a time, each on its own kernel."""

from __future__ import annotations

import select
from collections.abc import Sequence
from pathlib import Path

from conformance.plugin.guest_run import GuestRun
from kernels.archive import Archive
from kernels.backend import kernel
from kernels.built import NOTES
from kernels.cache import Cache
from kernels.errors import NotCounting
from kernels.progress import Progress
from kernels.scratch import scratch
from reports.model import LINUX, Answer, Run
from reports.store import file_stem

_PAUSE = 0.05
"""Seconds between two looks at what guests have written."""


class GuestPool:
    """Guests on the kernels of these names, ``jobs`` of them side by side. Raises KernelError."""

    def __init__(self, names: Sequence[str], jobs: int, root: Path) -> None:
        self.guests: dict[str, GuestRun] = {}
        self._kernels = {one.name: one for one in map(kernel, names)}
        self._jobs, self._root = jobs, root
        self._archive = Archive(Cache.of_user(), progress=Progress())
        self._scratch = scratch()
        self._command: Sequence[str] = ()
        self._asked: Sequence[str] = ()

    def prepare(self, records: Path, counters: Path | None = None) -> None:
        """Get every kernel before the first guest starts; ``counters`` is where theirs are kept.

        Raises KernelError.
        """
        images = {name: one.obtain(self._archive) for name, one in self._kernels.items()}
        for name, image in images.items():
            stem = file_stem(name)
            folder = Path(self._scratch.name) / stem
            record = records / f"{stem}.jsonl"
            if counters and not (image.folder / NOTES).is_dir():
                raise NotCounting(name)
            self.guests[name] = GuestRun(self._kernels[name], image, folder, record, counters)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._kernels)

    def begin(self, command: Sequence[str], asked: Sequence[str]) -> None:
        """Start the first guests; ``asked`` are the claims that the command will try, in their order."""
        self._command, self._asked = command, asked
        self._poll()

    def answer(self, name: str, claim: str) -> Answer | None:
        """What a kernel says of a claim, as soon as it does; None if it never will."""
        guest = self.guests[name]
        while claim not in guest.answers and not guest.ended:
            self._poll()
            self._pause()
        return guest.answers.get(claim)

    def answering(self, name: str) -> tuple[str, str]:
        """The implementation that answers there, and its release."""
        header = self.guests[name].header
        return (header.implementation, header.base) if header else (LINUX, "0")

    def finish(self) -> None:
        """Let guests that have answered everything end by themselves: their footers are still to come."""
        while any(guest.running and guest.complete for guest in self.guests.values()):
            self._poll()
            self._pause()

    def stop(self) -> None:
        for guest in self.guests.values():
            guest.stop()
        self._scratch.cleanup()

    def runs(self) -> list[Run]:
        return [guest.run for guest in self.guests.values() if guest.run]

    def _pause(self) -> None:
        running = [one.guest for one in self.guests.values() if one.guest and not one.ended]
        select.select(running, [], [], _PAUSE)

    def _poll(self) -> None:
        for guest in self.guests.values():
            guest.poll()
            if guest.ending and guest.ending.error:
                raise guest.ending.error
        waiting = [guest for guest in self.guests.values() if not guest.running and not guest.ended]
        free = self._jobs - sum(guest.running for guest in self.guests.values())
        for guest in waiting[:free]:
            guest.start(self._command, self._asked, self._root)
