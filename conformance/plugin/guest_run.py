"""The suite as it is on another kernel, in a guest, and what it has recorded so far.

The guest writes its record into a folder it shares with this process, which reads it as it grows. Where a
claim is the end of its guest, another one goes on with the claims after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from conformance.plugin.counters import KEPT
from conformance.plugin.splats import splat_on_console
from conformance.plugin.verdict import broken, splatted
from kernels.backend import Image, Kernel
from kernels.beneath import open_beneath, read_beneath
from kernels.errors import FolderUnwritable
from kernels.guest import Cause, Ending, Guest, Job, guest_environ
from reports.assess import splats
from reports.model import LINUX, Answer, Footer, Header, Run
from reports.run_file import RunWriter, decode

_LEAN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""A guest needs no other plugin, and importing them is half of its start."""

_COUNTERS = "counters"
"""The folder that a guest keeps its counters in, below the one that it shares."""

_MOST_GUESTS = 10
"""So many guests may die of a run's claims. Where that happens again and again it is not the claims."""


class GuestRun:
    """A kernel's guest, its claims, and its answers; ``record`` is where they are kept on this machine.

    ``counters`` is where is kept what of the kernel each claim reaches, if that is asked for.
    """

    def __init__(
        self, kernel: Kernel, image: Image, folder: Path, record: Path, counters: Path | None = None
    ) -> None:
        self.name = kernel.name
        self.record = record
        self.guest: Guest | None = None
        self.ending: Ending | None = None
        self.header: Header | None = None
        self.answers: dict[str, Answer] = {}
        self.footer: Footer | None = None
        self._kernel, self._image, self._folder = kernel, image, folder
        self._counters = counters
        self._counted: str | None = None
        self._writer: RunWriter | None = None
        self._command: Sequence[str] = ()
        self._asked: Sequence[str] = ()
        self._root = Path()
        self._guests = 0
        self._read = 0

    @property
    def run(self) -> Run | None:
        return Run(self.header, self.answers, self.footer) if self.header else None

    @property
    def running(self) -> bool:
        return self.guest is not None and self.ending is None

    @property
    def ended(self) -> bool:
        return self.ending is not None

    @property
    def silent(self) -> bool:
        """It ended without a word: the kernel, not the claims, is what failed."""
        return self.ended and self.header is None

    @property
    def complete(self) -> bool:
        """It has said something of every claim it was asked about."""
        return not self._unanswered()

    def _unanswered(self) -> list[str]:
        return [claim for claim in self._asked if claim not in self.answers]

    def start(self, command: Sequence[str], asked: Sequence[str], root: Path) -> None:
        """Run the suite, which ``command`` does, on the claims ``asked``, in their order."""
        self._command, self._asked, self._root = command, asked, root
        self._start_guest()

    def _start_guest(self) -> None:
        """Run a guest on what is not answered yet."""
        self._guests, self._read = self._guests + 1, 0
        chosen = self._shared / "claims"
        try:
            self._shared.mkdir(parents=True)
            chosen.write_text("".join(f"{claim}\n" for claim in self._unanswered()), encoding="utf-8")
        except OSError as error:
            raise FolderUnwritable(self._shared, error) from error
        arguments = ["--claims-from", str(chosen), "--run-record", str(self._log), "--as-kernel", self.name]
        if self._counters:
            arguments += ["--counters", str(self._shared / _COUNTERS)]
        job = Job([*self._command, *arguments], self._shared, self._root, environ=guest_environ() | _LEAN)
        self.guest = self._kernel.start(self._image, job)

    def poll(self) -> None:
        """Take what the guest has written since, and note its end."""
        if self.guest and self.ending is None:
            ending = self.guest.poll()
            self._take()
            if ending:
                self._ended(ending)

    def stop(self) -> None:
        if self.guest:
            self.guest.kill()
            self._keep_counters()
        if self._writer:
            self._writer.close()

    def _ended(self, ending: Ending) -> None:
        """A guest that died was in the first claim it has said nothing of."""
        self._keep_counters()
        if self.footer is None and (unanswered := self._unanswered()):
            self._note(self._unended(unanswered[0], ending))
            if self.complete:
                self._finish()
            elif self.header and ending.cause is not Cause.KILLED and self._guests < _MOST_GUESTS:
                self._start_guest()
                return
        self.ending = ending

    def _unended(self, claim: str, ending: Ending) -> Answer:
        """The answer about the claim that a guest was in when it ended, with what its kernel said of that."""
        assert self.guest
        answer = broken(claim, self._report(ending))
        known = {str(line) for one in self.answers.values() for line in splats(one).values()}
        splat = splat_on_console(self.guest.read(self.guest.console), known)
        return splatted(answer, splat, ended=False) if splat else answer

    def _report(self, ending: Ending) -> str:
        """Why the guest is no more, and the last its console said."""
        assert self.guest
        cause = f"{ending.cause.value}: {ending.why}".rstrip(": ")
        said = self.guest.read(self.guest.output)
        return "\n".join((f"{self.name}: {cause}", self.guest.console_tail(), *said.splitlines()[-5:]))

    @property
    def _shared(self) -> Path:
        return self._folder / str(self._guests)

    @property
    def _log(self) -> Path:
        return self._shared / "run.jsonl"

    def _take(self) -> None:
        for line in self._new_lines():
            match decode(line):
                case Header() as header if self.header is None:
                    self.header = self._released(header)
                    self._writer = RunWriter(self.record)
                    self._writer.write(self.header)
                case Answer() as answer:
                    self._keep_counters()
                    self._counted = answer.claim
                    self._note(answer)
                case Footer():
                    self._finish()

    def _released(self, header: Header) -> Header:
        """With what only the host knows: in a guest another implementation passes for some Linux."""
        own = "" if header.implementation == LINUX else self._image.release
        return replace(header, implementation_release=own)

    def _finish(self) -> None:
        """Every claim has its answer, from however many guests."""
        self.footer = Footer(len(self.answers))
        if self._writer:
            self._writer.write(self.footer)

    def _note(self, answer: Answer) -> None:
        self.answers[answer.claim] = answer
        if self._writer:
            self._writer.write(answer)

    def _keep_counters(self) -> None:
        """Take the counters of the claim that was answered last: they are whole when the guest is past it."""
        if self._counters is None or self._counted is None:
            return
        name, self._counted = f"{self._counted}{KEPT}", None
        if data := read_beneath(self._shared, self._shared / _COUNTERS / name):
            kept = self._counters / name
            try:
                kept.parent.mkdir(parents=True, exist_ok=True)
                part = kept.with_suffix(".part")
                part.write_bytes(data)
                part.replace(kept)
            except OSError as error:
                raise FolderUnwritable(self._counters, error) from error

    def _new_lines(self) -> Iterator[bytes]:
        if log := open_beneath(self._shared, self._log):
            with log:
                log.seek(self._read)
                for line in log:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        yield line
