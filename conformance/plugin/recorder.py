"""From the reports of tests to the record of a run.

This lives where the terminal is: under xdist, in the controller.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

import reports
from conformance.plugin import interrupts
from conformance.plugin.catalogue import suite_digest, write_catalogue
from conformance.plugin.exit_status import NO_RECORD, UNEXPECTED, WHOLE, Stopped
from conformance.plugin.implementation import implementation
from conformance.plugin.outcome import answer_on
from conformance.plugin.plan import Plan
from conformance.plugin.verdict import broken
from netns import effective
from reports.assess import assess
from reports.catalogue import Catalogue
from reports.errors import RunFileUnwritable
from reports.model import SCHEMA, Answer, Claim, Footer, Header, Run, Value, Verdict
from reports.run_file import Line, RunWriter

if TYPE_CHECKING:  # importing rich takes longer than a small run
    from rich.console import Console

_UNPLANNED = "Claims ran that no worker had announced: they are in no record. Run again, or without -n."


class Recorder:
    """Collects the answers of tests, writes each claim's answer once its last test has ended.

    ``digest`` is that of the suite's files where it is known; ``terminal`` is a descriptor for what must be
    said when pytest can say no more.
    """

    def __init__(
        self, path: Path, kernel: str, digest: str | None, catalogue: Path | None, terminal: int
    ) -> None:
        self.path = path
        self._kernel = kernel
        self._digest = digest
        self._terminal = terminal
        self._catalogue_path = catalogue
        self._plan = Plan()
        self._catalogue = Catalogue()
        self._header: Header | None = None
        self._writer: RunWriter | None = None
        self._unwritable: RunFileUnwritable | None = None
        self._open: Counter[str] = Counter()
        self._of_tests: defaultdict[str, list[Answer]] = defaultdict(list)
        self._answers: dict[str, Answer] = {}
        self._footer: Footer | None = None
        self._unplanned = False

    @property
    def begun(self) -> bool:
        """Whether the plan is known and holds a claim."""
        return self._header is not None

    def begin(self, plan: Plan) -> None:
        """The plan is known: refuse a pattern that selects nothing, then open the record."""
        plan.require_matched()
        if not plan.claims:
            return
        self.write_catalogue(plan.claims)
        self._plan, self._catalogue = plan, Catalogue.of(plan.claims)
        self._header = header_of(plan, self._kernel, self._digest or suite_digest())
        self._open = Counter(plan.tests.values())
        interrupts.end_at_the_second(self._place, self._terminal)
        try:
            self._writer = RunWriter(self.path)
        except RunFileUnwritable as error:
            self._unwritable = error
        self._put(self._header)

    def write_catalogue(self, claims: Sequence[Claim]) -> None:
        """Where ``--catalogue`` asks for it."""
        if self._catalogue_path:
            try:
                write_catalogue(claims, self._catalogue_path)
            except OSError as error:
                raise Stopped(
                    f"{self._catalogue_path}: the catalogue cannot be written: {error.strerror}", NO_RECORD
                ) from error

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        claim = self._plan.tests.get(report.nodeid)
        if claim is None:
            self._unplanned |= hasattr(report, "node") and answer_on(report) is not None
            return
        if _crashed(report):
            self._of_tests[claim].append(broken(claim, str(report.longrepr)))
        if answer := answer_on(report):
            self._of_tests[claim].append(replace(answer, duration=report.duration))
        if report.when == "teardown" or _crashed(report):
            self._test_ended(claim)

    def _test_ended(self, claim: str) -> None:
        self._open[claim] -= 1
        if not self._open[claim]:
            self._write(claim)

    def _write(self, claim: str) -> None:
        if answers := self._of_tests.pop(claim, None):  # --setup-only tries nothing
            self._answers[claim] = merged(claim, answers)
            self._put(self._answers[claim])

    def _put(self, line: Line) -> None:
        """Write while it is possible: a disk that fills up must not end the run."""
        if self._writer and not self._unwritable:
            try:
                self._writer.write(line)
            except RunFileUnwritable as error:
                self._unwritable = error

    def pytest_unconfigure(self) -> None:
        interrupts.restore()

    @pytest.hookimpl(trylast=True)  # xdist ends its workers in this hook, and their last reports come with it
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        for claim in [one for one, answers in self._of_tests.items() if _failed(answers)]:
            self._write(claim)
        whole = len(self._answers) == len(self._plan.claims) and not self._unplanned
        if self._header and exitstatus in WHOLE and whole:
            self._footer = Footer(len(self._answers))
            self._put(self._footer)
        if self._writer:
            self._writer.close()
        if (self._unwritable or self._unplanned) and exitstatus in WHOLE:
            session.exitstatus = NO_RECORD
        elif exitstatus == pytest.ExitCode.OK and not whole:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
        elif exitstatus == pytest.ExitCode.OK and self._unexpected():
            session.exitstatus = UNEXPECTED

    def _unexpected(self) -> list[Answer]:
        """The answers that are not the declared ones, be it that each test's own is."""
        if self._header is None:
            return []
        kernel = self._header.implementation, self._header.base
        return [
            answer
            for answer in self._answers.values()
            if not assess(self._catalogue.claim(answer.claim), *kernel, answer).expected
        ]

    def undeclared(self) -> list[str]:
        """The claims that differ and are not declared to."""
        return [answer.claim for answer in self._unexpected() if answer.verdict is Verdict.DIFFERS]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._unplanned:
            terminalreporter.write_line(_UNPLANNED, red=True)
        if self._header is None or terminalreporter.no_summary:
            return
        from reports.terminal import summarise

        run = Run(self._header, self._answers, self._footer)
        terminalreporter.section("what this kernel says", sep="=")
        terminalreporter.write(
            drawn(lambda console: summarise(run, self._catalogue, console), terminalreporter)
        )
        terminalreporter.write_line(str(self._unwritable) if self._unwritable else self._place())

    def _place(self) -> str:
        """Where the record is, and how much of the run it holds."""
        if self._footer:
            return f"Run record: {self.path}"
        return f"Partial run record ({len(self._answers)} of {len(self._plan.claims)} claims): {self.path}"


def drawn(draw: Callable[[Console], None], terminal: pytest.TerminalReporter) -> str:
    """What rich would print, for pytest to write."""
    from rich.console import Console

    writer = terminal.config.get_terminal_writer()
    text = io.StringIO()
    draw(Console(file=text, width=writer.fullwidth, force_terminal=writer.hasmarkup))
    return text.getvalue()


def merged(claim: str, answers: Sequence[Answer]) -> Answer:
    """Several tests of one claim give one answer: the heaviest verdict, all observations."""
    observations: dict[str, Value] = {}
    for one in answers:
        if twice := sorted(observations.keys() & one.observations.keys()):
            answers = [*answers, broken(claim, f"two tests of this claim both observe {', '.join(twice)}")]
        observations |= one.observations
    heaviest = max(answers, key=lambda one: one.verdict.weight)
    lighter = {one.verdict for one in answers} - {heaviest.verdict}
    return replace(
        heaviest,
        observations=observations,
        also=tuple(verdict for verdict in Verdict if verdict in lighter),
        duration=round(sum(one.duration or 0.0 for one in answers), 6),
    )


def _crashed(report: pytest.TestReport) -> bool:
    """What xdist reports in the place of a test in which its worker died."""
    return str(report.when) == "???"


def _failed(answers: Sequence[Answer]) -> bool:
    return any(one.verdict in {Verdict.DIFFERS, Verdict.BROKEN} for one in answers)


def header_of(plan: Plan, kernel: str, digest: str) -> Header:
    """The kernel that runs, and this process's privileges."""
    system = os.uname()
    return Header(
        schema=SCHEMA,
        kernel=kernel,
        implementation=implementation(),
        release=system.release,
        version=system.version,
        machine=system.machine,
        config_digest=_config_digest(system.release),
        capabilities=tuple(str(one) for one in sorted(effective())),
        suite=reports.__version__,
        suite_digest=digest,
        asked=tuple(claim.id for claim in plan.claims),
    )


def _config_digest(release: str) -> str | None:
    """The kernel's configuration in short, where it is published: one release can have several."""
    for path in (Path("/proc/config.gz"), Path(f"/boot/config-{release}")):
        if path.is_file() and os.access(path, os.R_OK):
            return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return None


def local_records(root: Path) -> Path:
    """Where records go unless another place is named: a folder git ignores."""
    return root / "build" / "runs"
