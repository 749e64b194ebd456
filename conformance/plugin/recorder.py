"""From the reports of tests to the record of a run.

This lives where the terminal is: under xdist, in the controller.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import reports
from conformance.plugin.plan import Plan
from netns import effective
from reports.record import Footer, Header, Record, Run, Value, Verdict
from reports.runfile import RunFileUnwritable, RunWriter
from reports.terminal import summarise

UNKNOWN_CLAIM = 2
"""Exit status of a --claim pattern that selects nothing."""
NO_RECORD = 2
"""Exit status of a run whose record could not be written."""

_WHOLE = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}


class Recording:
    """Collects what tests found, writes each claim's record once its last test has ended."""

    def __init__(self, path: Path, kernel: str) -> None:
        self.path = path
        self._kernel = kernel
        self._plan: Plan | None = None
        self._header: Header | None = None
        self._writer: RunWriter | None = None
        self._trouble: RunFileUnwritable | None = None
        self._open: Counter[str] = Counter()
        self._found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._records: dict[str, Record] = {}
        self._footer: Footer | None = None

    def begin(self, plan: Plan) -> None:
        """The plan is known: refuse a pattern that selects nothing, then open the record."""
        if plan.unmatched:
            pytest.exit("\n".join(plan.unmatched), UNKNOWN_CLAIM)
        if not plan.claims:
            return
        self._plan = plan
        self._header = header = _header(plan, self._kernel)
        self._open = Counter(plan.tests.values())
        try:
            self._writer = RunWriter(self.path)
        except RunFileUnwritable as error:
            self._trouble = error
        self._put(lambda writer: writer.header(header))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        claim = self._plan.tests.get(report.nodeid) if self._plan else None
        if claim is None:
            return
        if _crashed(report):
            self._found[claim].append(_broken(str(report.longrepr)))
        self._found[claim] += [found] if (found := getattr(report, "found", None)) else []
        if report.when == "teardown" or _crashed(report):
            self._test_ended(claim)

    def _test_ended(self, claim: str) -> None:
        self._open[claim] -= 1
        if not self._open[claim]:
            self._write(claim)

    def _write(self, claim: str) -> None:
        self._records[claim] = merged(claim, self._found.pop(claim))
        self._put(lambda writer: writer.record(self._records[claim]))

    def _put(self, line: Callable[[RunWriter], None]) -> None:
        """Write while it is possible: a disk that fills up must not end the run."""
        if self._writer and not self._trouble:
            try:
                line(self._writer)
            except RunFileUnwritable as error:
                self._trouble = error

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        for claim in [one for one, found in self._found.items() if _failed(found)]:
            self._write(claim)
        if self._header and exitstatus in _WHOLE:
            counts = Counter(record.verdict.value for record in self._records.values())
            self._footer = footer = Footer(dict(counts), int(exitstatus))
            self._put(lambda writer: writer.footer(footer))
        if self._writer:
            self._writer.close()
        if self._trouble and exitstatus in _WHOLE:
            session.exitstatus = NO_RECORD

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._header is None:
            return
        run = Run(self._header, self._records, self._footer)
        terminalreporter.section("what this kernel says", sep="=")
        terminalreporter.write(drawn(lambda console: summarise(run, console), terminalreporter))
        terminalreporter.write_line(str(self._trouble) if self._trouble else f"Run record: {self.path}")


def drawn(draw: Callable[[Console], None], terminal: pytest.TerminalReporter) -> str:
    """What rich would print, for pytest to write."""
    writer = terminal.config.get_terminal_writer()
    text = io.StringIO()
    draw(Console(file=text, width=writer.fullwidth, force_terminal=writer.hasmarkup))
    return text.getvalue()


def merged(claim: str, found: list[dict[str, Any]]) -> Record:
    """Several tests of one claim give one record: the heaviest verdict, all observations."""
    observations: dict[str, Value] = {}
    for one in found:
        if twice := sorted(observations.keys() & one["observations"].keys()):
            found = [*found, _broken(f"two tests of this claim both observe {', '.join(twice)}")]
        observations |= one["observations"]
    worst = max(found, key=lambda one: (Verdict(one["verdict"]).weight, not one["expected"]))
    return Record(
        claim=claim,
        verdict=Verdict(worst["verdict"]),
        expected=all(one["expected"] for one in found),
        observations=observations,
        duration=round(sum(one["duration"] for one in found), 6),
        detail=worst["detail"],
        need=worst["need"],
    )


def _crashed(report: pytest.TestReport) -> bool:
    """What xdist reports in the place of a test in which its worker died."""
    return str(report.when) == "???"


def _broken(detail: str) -> dict[str, Any]:
    return found_in_test(Verdict.BROKEN, expected=False, detail=detail)


def found_in_test(
    verdict: Verdict,
    *,
    expected: bool,
    detail: str = "",
    observations: Iterable[tuple[str, Value]] = (),
    duration: float = 0.0,
    need: str | None = None,
) -> dict[str, Any]:
    """What one test adds to its claim's record, in the form that travels with a pytest report."""
    return {
        "verdict": verdict.value,
        "expected": expected,
        "detail": detail,
        "observations": dict(observations),
        "duration": duration,
        "need": need,
    }


def _failed(found: list[dict[str, Any]]) -> bool:
    return any(Verdict(one["verdict"]) in {Verdict.DIFFERS, Verdict.BROKEN} for one in found)


def _header(plan: Plan, kernel: str) -> Header:
    """Who speaks: the kernel that runs, with this process's privileges."""
    system = os.uname()
    return Header(
        kernel=kernel,
        release=system.release,
        version=system.version,
        machine=system.machine,
        config_digest=_config_digest(system.release),
        capabilities=tuple(str(one) for one in sorted(effective())),
        suite=reports.__version__,
        claims=plan.claims,
    )


def _config_digest(release: str) -> str | None:
    """The kernel's configuration in short, where it is published: one release can have several."""
    for path in (Path("/proc/config.gz"), Path(f"/boot/config-{release}")):
        if path.is_file() and os.access(path, os.R_OK):
            return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return None


def local_records(root: Path) -> Path:
    """Where records go unless told otherwise: one file per kernel, in a folder git ignores."""
    return root / "reports" / "local"
