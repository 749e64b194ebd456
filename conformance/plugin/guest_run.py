"""One guest that runs the suite as it is, and what it has recorded so far.

The guest writes its record into a folder it shares with this process, which reads it as it grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.plugin.verdict import broken
from kernels.backend import Image, Kernel
from kernels.beneath import open_beneath
from kernels.errors import FolderUnwritable
from kernels.guest import Ending, Guest, Job, guest_environ
from reports.model import Answer, Footer, Header, Run
from reports.run_file import RunWriter, decode

_LEAN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""A guest needs no other plugin, and importing them is half of its start."""


class GuestRun:
    """A guest, its claims, and its answers; ``record`` is where they are kept on this machine."""

    def __init__(self, kernel: Kernel, image: Image, folder: Path, record: Path) -> None:
        self.name = kernel.name
        self.record = record
        self.guest: Guest | None = None
        self.ending: Ending | None = None
        self.header: Header | None = None
        self.answers: dict[str, Answer] = {}
        self.footer: Footer | None = None
        self._kernel, self._image, self._folder = kernel, image, folder
        self._writer: RunWriter | None = None
        self._asked: Sequence[str] = ()
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
        return all(claim in self.answers for claim in self._asked)

    def start(self, command: Sequence[str], asked: Sequence[str], root: Path) -> None:
        """Run the suite, which ``command`` does, on the claims ``asked``, in their order."""
        self._asked = asked
        chosen = self._folder / "claims"
        try:
            self._folder.mkdir(parents=True)
            chosen.write_text("\n".join(asked) + "\n", encoding="utf-8")
        except OSError as error:
            raise FolderUnwritable(self._folder, error) from error
        arguments = ["--claims-from", str(chosen), "--run-record", str(self._log), "--as-kernel", self.name]
        job = Job([*command, *arguments], self._folder, root, environ=guest_environ() | _LEAN)
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
        if self._writer:
            self._writer.close()

    def _ended(self, ending: Ending) -> None:
        """A guest that died was in the first claim it has said nothing of."""
        self.ending = ending
        lost = next((claim for claim in self._asked if claim not in self.answers), None)
        if self.footer is None and lost:
            self._note(broken(lost, self.failure_report))

    @property
    def failure_report(self) -> str:
        """Why the guest is no more, and the last its console said."""
        if self.guest is None or self.ending is None:
            return ""
        cause = f"{self.ending.cause.value}: {self.ending.why}".rstrip(": ")
        said = self.guest.read(self.guest.output)
        return "\n".join((f"{self.name}: {cause}", self.guest.console_tail(), *said.splitlines()[-5:]))

    @property
    def _log(self) -> Path:
        return self._folder / "run.jsonl"

    def _take(self) -> None:
        for line in self._new_lines():
            match decode(line):
                case Header() as header:
                    self.header = header
                    self._writer = RunWriter(self.record)
                    self._writer.write(header)
                case Answer() as answer:
                    self._note(answer)
                case Footer() as footer:
                    self.footer = footer
                    if self._writer:
                        self._writer.write(footer)

    def _note(self, answer: Answer) -> None:
        self.answers[answer.claim] = answer
        if self._writer:
            self._writer.write(answer)

    def _new_lines(self) -> Iterator[bytes]:
        if log := open_beneath(self._folder, self._log):
            with log:
                log.seek(self._read)
                for line in log:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        yield line
