"""The suite as it is on another kernel: its claims in shares, each in a guest, and what all have recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from conformance.plugin.guest_share import Ground, Share
from kernels.errors import KernelError
from reports.model import LINUX, Answer, Footer, Header, Run
from reports.run_file import RunWriter

_LEAST, _MOST = 200, 500
"""Claims of a guest: to start one takes the time of fifty, and with many collected it is slow to fork."""
_LEAST_EMULATED = 1000
"""Claims that are worth a guest of their own where its processor is software, and its start takes minutes."""

Command = Callable[[Sequence[str]], Sequence[str]]
"""The suite's command line for the claims that it is to try."""


class GuestRun:
    """What a kernel says of claims that the suite, ``command``, tries; ``record`` is where it is kept.

    ``folder`` is shared with the guests.
    """

    def __init__(self, ground: Ground, command: Command, folder: Path, record: Path) -> None:
        self.name = ground.kernel.name
        self.record = record
        self.header: Header | None = None
        self.answers: dict[str, Answer] = {}
        self.shares: Sequence[Share] = ()
        self._ground, self._command, self._folder = ground, command, folder
        self._asked: tuple[str, ...] = ()
        self._writer: RunWriter | None = None

    def ask(self, claims: Sequence[str], jobs: int, later: int = 0) -> None:
        """Share the claims out; each of the shares is to be started.

        ``jobs`` of them run side by side, and so many claims of other kernels come ``later``.
        """
        self._asked = tuple(claims)
        least, most = (_LEAST_EMULATED, len(claims)) if self._ground.kernel.emulated() else (_LEAST, _MOST)
        self.shares = [
            Share(self._ground, self._command(some), some, self._folder / str(number), self._take)
            for number, some in enumerate(_parts(claims, jobs, later, least, most))
        ]

    @property
    def run(self) -> Run | None:
        return Run(self.header, self.answers, self.footer) if self.header else None

    @property
    def footer(self) -> Footer | None:
        return Footer(len(self.answers)) if self.complete else None

    @property
    def ended(self) -> bool:
        return all(share.ending for share in self.shares)

    @property
    def silent(self) -> bool:
        """It ended without a word: the kernel, not the claims, is what failed."""
        return bool(self.shares) and self.ended and self.header is None

    @property
    def complete(self) -> bool:
        """It has said something of every claim it was asked about."""
        return len(self.answers) == len(self._asked)

    @property
    def error(self) -> KernelError | None:
        """Why its guests cannot go on."""
        return next(
            (share.ending.error for share in self.shares if share.ending and share.ending.error), None
        )

    def poll(self) -> None:
        """Take what the guests have written since, and note their ends."""
        for share in self.shares:
            share.poll()

    def stop(self) -> None:
        for share in self.shares:
            share.stop()
        if self._writer:
            self._writer.close()

    def _take(self, line: Header | Answer) -> None:
        if isinstance(line, Answer):
            self.answers[line.claim] = line
            self._write(line, *([self.footer] if self.footer else ()))
        elif self.header is None:  # the first of its guests that says which kernel it is
            self.header = self._whole(line)
            self._writer = RunWriter(self.record)
            self._write(self.header, *self.answers.values())

    def _write(self, *lines: Header | Answer | Footer) -> None:
        if self._writer:
            for line in lines:
                self._writer.write(line)

    def _whole(self, header: Header) -> Header:
        """With what only the host knows: all that is asked, and another implementation's release.

        In a guest another implementation passes for some Linux.
        """
        own = "" if header.implementation == LINUX else self._ground.image.release
        return replace(header, implementation_release=own, asked=self._asked)


def _parts(whole: Sequence[str], jobs: int, later: int, least: int, most: int) -> Iterator[Sequence[str]]:
    """Ever smaller parts, so that the last guests end nearly together. Neighbours stand in one file."""
    while whole:
        size = min(max((len(whole) + later) // (2 * jobs), least), most)
        if len(whole) - size < least:
            size = len(whole)
        yield whole[:size]
        whole = whole[size:]
