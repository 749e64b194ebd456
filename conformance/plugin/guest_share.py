"""A share of a kernel's claims, asked in one guest; where a claim is a guest's end, another goes on after it.

A guest writes its record into a folder that it shares with this process, which reads it as it grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.plugin.catalogue import suite_digest
from conformance.plugin.counters import KEPT
from conformance.plugin.splats import splat_on_console
from conformance.plugin.verdict import broken, splatted
from kernels.backend import Image, Kernel
from kernels.beneath import open_beneath, read_beneath
from kernels.errors import FolderUnwritable
from kernels.guest import Cause, Ending, Guest, Job, guest_environ
from reports.assess import splats
from reports.model import Answer, Footer, Header
from reports.run_file import decode

_LEAN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""A guest needs no other plugin, and importing them is half of its start."""

_COUNTERS = "counters"
"""The folder that a guest keeps its counters in, below the one that it shares."""

_MOST_GUESTS = 10
"""So many guests may die of a share's claims. Where that happens again and again it is not the claims."""

Take = Callable[[Header | Answer], None]
"""What is done with each line of the guests' records."""


@dataclass(frozen=True)
class Ground:
    """Where guests run: a kernel, and the folder of the suite.

    ``counters`` is where is kept what of the kernel each claim reaches, if that is asked for.
    """

    kernel: Kernel
    image: Image
    root: Path
    counters: Path | None = None


class Share:
    """The claims ``asked``, in their order; ``command`` is the suite that tries them.

    ``folder`` is shared with the guests, ``take`` has each line that they write.
    """

    def __init__(
        self, ground: Ground, command: Sequence[str], asked: Sequence[str], folder: Path, take: Take
    ) -> None:
        self.guest: Guest | None = None
        self.ending: Ending | None = None
        self._ground, self._command, self._folder, self._take = ground, command, folder, take
        self._unanswered = dict.fromkeys(asked)
        self._counted: str | None = None
        self._said: set[str] = set()
        self._heard, self._finished = False, False
        self._guests = 0
        self._read = 0

    @property
    def running(self) -> bool:
        return self.guest is not None and self.ending is None

    @property
    def waiting(self) -> bool:
        """It has not begun."""
        return self.guest is None and self.ending is None

    @property
    def complete(self) -> bool:
        """It has said something of every claim it was asked about."""
        return not self._unanswered

    def start(self) -> None:
        """Run a guest on what is not answered yet."""
        self._guests, self._read = self._guests + 1, 0
        chosen = self._shared / "claims"
        try:
            self._shared.mkdir(parents=True)
            chosen.write_text("".join(f"{claim}\n" for claim in self._unanswered), encoding="utf-8")
        except OSError as error:
            raise FolderUnwritable(self._shared, error) from error
        arguments = ["--claims-from", str(chosen), "--run-record", str(self._log)]
        arguments += ["--as-kernel", self._ground.kernel.name, "--suite-digest", suite_digest()]
        if self._ground.counters:
            arguments += ["--counters", str(self._shared / _COUNTERS)]
        environ = guest_environ() | _LEAN
        job = Job([*self._command, *arguments], self._shared, self._ground.root, environ=environ)
        self.guest = self._ground.kernel.start(self._ground.image, job)

    def poll(self) -> None:
        """Take what the guest has written since, and note its end."""
        if self.guest and self.ending is None:
            ending = self.guest.poll()
            self._take_new()
            if ending:
                self._ended(ending)

    def stop(self) -> None:
        if self.guest:
            self.guest.kill()
            self._keep_counters()

    def _ended(self, ending: Ending) -> None:
        """A guest that died was in the first claim it has said nothing of."""
        self._keep_counters()
        if not self._finished and self._unanswered:
            self._note(self._unended(next(iter(self._unanswered)), ending))
            survives = self._heard and ending.cause is not Cause.KILLED and self._guests < _MOST_GUESTS
            if self._unanswered and survives:
                self.start()
                return
        self.ending = ending

    def _unended(self, claim: str, ending: Ending) -> Answer:
        """The answer about the claim that a guest was in when it ended, with what its kernel said of that."""
        assert self.guest
        answer = broken(claim, self._report(ending))
        splat = splat_on_console(self.guest.read(self.guest.console), self._said)
        return splatted(answer, splat, ended=False) if splat else answer

    def _report(self, ending: Ending) -> str:
        """Why the guest is no more, and the last its console said."""
        assert self.guest
        cause = f"{ending.cause.value}: {ending.why}".rstrip(": ")
        said = self.guest.read(self.guest.output)
        return "\n".join(
            (f"{self._ground.kernel.name}: {cause}", self.guest.console_tail(), *said.splitlines()[-5:])
        )

    @property
    def _shared(self) -> Path:
        return self._folder / str(self._guests)

    @property
    def _log(self) -> Path:
        return self._shared / "run.jsonl"

    def _take_new(self) -> None:
        for line in self._new_lines():
            match decode(line):
                case Header() as header:
                    self._heard = True
                    self._take(header)
                case Answer() as answer:
                    self._keep_counters()
                    self._counted = answer.claim
                    self._note(answer)
                case Footer():
                    self._finished = True

    def _note(self, answer: Answer) -> None:
        self._unanswered.pop(answer.claim, None)
        self._said.update(str(line) for line in splats(answer).values())
        self._take(answer)

    def _keep_counters(self) -> None:
        """Take the counters of the claim that was answered last: they are whole when the guest is past it."""
        if self._ground.counters is None or self._counted is None:
            return
        name, self._counted = f"{self._counted}{KEPT}", None
        if data := read_beneath(self._shared, self._shared / _COUNTERS / name):
            kept = self._ground.counters / name
            try:
                kept.parent.mkdir(parents=True, exist_ok=True)
                part = kept.with_suffix(".part")
                part.write_bytes(data)
                part.replace(kept)
            except OSError as error:
                raise FolderUnwritable(self._ground.counters, error) from error

    def _new_lines(self) -> Iterator[bytes]:
        if log := open_beneath(self._shared, self._log):
            with log:
                log.seek(self._read)
                for line in log:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        yield line
