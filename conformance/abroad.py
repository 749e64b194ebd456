"""Claims on other kernels: guests run the suite as it is, and what they record becomes results here.

Each guest writes its record into a folder it shares with this process, which reads it as it grows. A claim
on a kernel is one pytest item, and it passes or fails as the guest's record says.
"""

from __future__ import annotations

import re
import select
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from conformance.claims import stated
from conformance.judging import Judgement
from conformance.outcomes import say
from conformance.recording import drawn
from kernels.archive import Archive
from kernels.backend import Image, Kernel, kernel
from kernels.cache import Cache
from kernels.errors import KernelError
from kernels.guest import Ending, Guest, Job, guest_environ
from kernels.progress import Progress
from kernels.scratch import scratch
from reports.comparison import compare
from reports.record import Claim, Footer, Header, Record, Run, Verdict
from reports.runfile import RunFileUnwritable, RunWriter, decode

HOST = "host"

NO_KERNEL = 4
"""Exit status where a kernel cannot be had or cannot be started."""

_MISSING = "missing: the guest never came so far"

_LEAN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""A guest needs no other plugin, and importing them is half of its start."""

_PAUSE = 0.05
"""Seconds between two looks at what guests have written."""


class Voyage:
    """One guest that runs the suite, and what it has said so far."""

    def __init__(self, kernel: Kernel, image: Image, folder: Path, record: Path) -> None:
        self.name = kernel.name
        self._kernel, self._image, self._folder = kernel, image, folder
        self.record = record
        self._writer: RunWriter | None = None
        self._asked: Sequence[str] = ()
        self.guest: Guest | None = None
        self._read = 0
        self.ending: Ending | None = None
        self.header: Header | None = None
        self.records: dict[str, Record] = {}
        self.footer: Footer | None = None

    @property
    def run(self) -> Run | None:
        return Run(self.header, self.records, self.footer) if self.header else None

    @property
    def going(self) -> bool:
        return self.guest is not None and self.ending is None

    @property
    def ended(self) -> bool:
        return self.ending is not None

    @property
    def mute(self) -> bool:
        """It ended without a word: the kernel, not the claims, is what failed."""
        return self.ended and self.header is None

    @property
    def complete(self) -> bool:
        """It has said something of every claim it was asked about."""
        return all(claim in self.records for claim in self._asked)

    def start(self, command: Sequence[str], asked: Sequence[str], root: Path) -> None:
        self._asked = asked
        self._folder.mkdir(parents=True)
        named = ["--run-record", str(self._log), "--as-kernel", self.name]
        job = Job([*command, *named], self._folder, root, environ=guest_environ() | _LEAN)
        self.guest = self._kernel.start(self._image, job)

    def look(self) -> None:
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
        lost = next((claim for claim in self._asked if claim not in self.records), None)
        if self.footer is None and lost:
            self._note(Record(lost, Verdict.BROKEN, expected=False, detail=self.epitaph))

    @property
    def epitaph(self) -> str:
        """Why the guest is no more, and the last its console said."""
        if self.guest is None or self.ending is None:
            return ""
        cause = f"{self.ending.cause.value}: {self.ending.why}".rstrip(": ")
        said = self.guest.output.read_text(errors="replace") if self.guest.output.exists() else ""
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
                    self._writer.header(header)
                case Record() as record:
                    self._note(record)
                case Footer() as footer:
                    self.footer = footer
                    if self._writer:
                        self._writer.footer(footer)

    def _note(self, record: Record) -> None:
        self.records[record.claim] = record
        if self._writer:
            self._writer.record(record)

    def _new_lines(self) -> Iterator[bytes]:
        if self._log.exists():
            with self._log.open("rb") as log:
                log.seek(self._read)
                for line in log:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        yield line


class Fleet:
    """The guests of a run: so many at a time, each on its own kernel."""

    def __init__(self, names: Sequence[str], jobs: int, root: Path) -> None:
        self._kernels = {one.name: one for one in map(kernel, names)}
        self._jobs, self._root = jobs, root
        self._archive = Archive(Cache.of_user(), progress=Progress())
        self._scratch = scratch()
        self._command: Sequence[str] = ()
        self._asked: Sequence[str] = ()
        self.voyages: dict[str, Voyage] = {}

    def prepare(self, records: Path) -> None:
        """Get every kernel before the first guest starts. Raises KernelError."""
        images = {name: one.obtain(self._archive) for name, one in self._kernels.items()}
        for name, image in images.items():
            slug = re.sub(r"[^\w.-]+", "-", name)
            folder = Path(self._scratch.name) / slug
            self.voyages[name] = Voyage(self._kernels[name], image, folder, records / f"{slug}.jsonl")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._kernels)

    def begin(self, command: Sequence[str], asked: Sequence[str]) -> None:
        """Start the first guests; ``asked`` are the claims that the command will try, in their order."""
        self._command, self._asked = command, asked
        self._tend()

    def answer(self, name: str, claim: str) -> Record | None:
        """What a kernel says of a claim, as soon as it does; None if it never will."""
        voyage = self.voyages[name]
        while claim not in voyage.records and not voyage.ended:
            self._tend()
            self._pause()
        return voyage.records.get(claim)

    def release(self, name: str) -> str:
        header = self.voyages[name].header
        return header.base if header else "0"

    def finish(self) -> None:
        """Let guests that have said all they were asked end in peace: their footers are still to come."""
        while any(voyage.going and voyage.complete for voyage in self.voyages.values()):
            self._tend()
            self._pause()

    def stop(self) -> None:
        for voyage in self.voyages.values():
            voyage.stop()
        self._scratch.cleanup()

    def runs(self) -> list[Run]:
        return [voyage.run for voyage in self.voyages.values() if voyage.run]

    def _pause(self) -> None:
        going = [one.guest for one in self.voyages.values() if one.guest and not one.ended]
        select.select(going, [], [], _PAUSE)

    def _tend(self) -> None:
        for voyage in self.voyages.values():
            voyage.look()
            if voyage.ending and voyage.ending.error:
                raise voyage.ending.error
        waiting = [voyage for voyage in self.voyages.values() if not voyage.going and not voyage.ended]
        free = self._jobs - sum(voyage.going for voyage in self.voyages.values())
        for voyage in waiting[:free]:
            voyage.start(self._command, self._asked, self._root)


class ClaimAbroad(pytest.Item):
    """A claim on another kernel; its body is to wait for what the guest says."""

    fleet: Fleet
    kernel: str
    claim: Claim
    record: Record | None = None

    @classmethod
    def of(cls, item: pytest.Item, claim: Claim, kernel: str, fleet: Fleet) -> ClaimAbroad:
        assert item.parent is not None
        made: ClaimAbroad = cls.from_parent(item.parent, name=f"{claim.id}[{kernel}]")
        made.fleet, made.kernel, made.claim = fleet, kernel, claim
        return made

    def runtest(self) -> None:
        try:
            self.record = self.fleet.answer(self.kernel, self.claim.id)
        except (KernelError, RunFileUnwritable) as error:
            pytest.exit(str(error), NO_KERNEL)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.claim.id} on {self.kernel}"

    def say(self, report: pytest.TestReport) -> None:
        """Turn the guest's record into this item's report; what it never said is missing."""
        if self.record is None:
            report.outcome, report.longrepr = (
                "skipped",
                (str(self.path), 0, "missing: the guest never came so far"),
            )
            return
        one = self.record
        judgement = Judgement(
            one.verdict, one.expected, one.detail, tuple(one.observations.items()), one.need
        )
        declared = self.claim.expectation(self.fleet.release(self.kernel))
        say(report, judgement, None if self.config.option.as_documented else declared)
        report.duration = one.duration


class Abroad:
    """The part of the plugin that is there when ``--kernel`` is."""

    def __init__(self, names: Sequence[str], jobs: int, config: pytest.Config, records: Path) -> None:
        self.here = HOST in names
        self.records = records
        try:
            self.fleet = Fleet([name for name in names if name != HOST], jobs, config.rootpath)
        except KernelError as error:
            raise pytest.UsageError(str(error)) from error
        self._config = config

    def board(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """What was selected, once for each kernel: tests on this one, claims on others."""
        claims = {told.claim.id: (item, told.claim) for item in reversed(items) if (told := stated(item))}
        abroad = [
            ClaimAbroad.of(item, claim, name, self.fleet)
            for name in self.fleet.names
            for item, claim in reversed(claims.values())
        ]
        return [*(items if self.here else ()), *abroad]

    def say(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        if isinstance(item, ClaimAbroad) and call.when == "call":
            item.say(report)

    def leave(self, items: Sequence[pytest.Item]) -> None:
        """Get the kernels and start the first guests on the claims that were selected."""
        asked = tuple(dict.fromkeys(item.claim.id for item in items if isinstance(item, ClaimAbroad)))
        try:
            self.fleet.prepare(self.records)
            self.fleet.begin(self._command(asked), asked)
        except (KernelError, RunFileUnwritable) as error:
            pytest.exit(str(error), NO_KERNEL)

    def _command(self, selected: Sequence[str]) -> list[str]:
        option = self._config.option
        chosen = [argument for claim in selected for argument in ("--claim", claim)]
        words = [f"{flag}{text}" for flag, text in (("-k", option.keyword), ("-m", option.markexpr)) if text]
        places = [str(self._config.invocation_params.dir / place) for place in self._config.args]
        words += ["--as-documented"] if option.as_documented else []
        return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *places, *chosen, *words]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        if exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            self.fleet.finish()
        self.fleet.stop()
        if any(voyage.mute for voyage in self.fleet.voyages.values()):
            session.exitstatus = NO_KERNEL

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if runs := self.fleet.runs():
            terminalreporter.section("what these kernels say", sep="=")
            terminalreporter.write(drawn(lambda console: compare(runs, console), terminalreporter))
            for voyage in self.fleet.voyages.values():
                terminalreporter.write_line(f"Run record: {voyage.record}")
