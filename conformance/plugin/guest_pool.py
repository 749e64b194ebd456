"""The guests of a run: so many at a time, each on its own kernel."""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.plugin.guest_run import Command, GuestRun
from conformance.plugin.guest_share import Ground, Share
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

    def begin(
        self, command: Command, asked: Sequence[str], records: Path, counters: Path | None = None
    ) -> None:
        """Get every kernel, then start the first guests on the claims ``asked``.

        ``counters`` is where those of the kernel are kept. Raises KernelError.
        """
        images = {name: one.obtain(self._archive) for name, one in self._kernels.items()}
        for later, (name, image) in zip(range(len(images))[::-1], images.items(), strict=True):
            if counters and not (image.folder / NOTES).is_dir():
                raise NotCounting(name)
            stem = file_stem(name)
            ground = Ground(self._kernels[name], image, self._root, counters)
            folder, record = Path(self._scratch.name) / stem, records / f"{stem}.jsonl"
            self.guests[name] = GuestRun(ground, command, folder, record)
            self.guests[name].ask(asked, self._jobs, later * len(asked))
        self._poll()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._kernels)

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
        """Let guests that have answered everything end by themselves."""
        while any(share.running and share.complete for share in self._shares()):
            self._poll()
            self._pause()

    def stop(self) -> None:
        for guest in self.guests.values():
            guest.stop()
        self._scratch.cleanup()

    def runs(self) -> list[Run]:
        return [guest.run for guest in self.guests.values() if guest.run]

    def _shares(self) -> Iterator[Share]:
        return (share for guest in self.guests.values() for share in guest.shares)

    def _pause(self) -> None:
        running = [share.guest for share in self._shares() if share.guest and share.running]
        select.select(running, [], [], _PAUSE)

    def _poll(self) -> None:
        for guest in self.guests.values():
            guest.poll()
            if guest.error:
                raise guest.error
        waiting = [share for share in self._shares() if share.waiting]
        free = self._jobs - sum(share.running for share in self._shares())
        for share in waiting[: max(free, 0)]:
            share.start()
