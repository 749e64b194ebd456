"""Claims on other kernels: one pytest item for each claim and kernel, which passes or fails as a guest's
record says.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from conformance.plugin.claim import stated
from conformance.plugin.guest_pool import GuestPool
from conformance.plugin.outcome import say
from conformance.plugin.recorder import drawn
from conformance.plugin.verdict import Judgement
from kernels.errors import KernelError
from reports.comparison import compare
from reports.record import Claim, Record
from reports.runfile import RunFileUnwritable

HOST = "host"

NO_KERNEL = 4
"""Exit status where a kernel cannot be had or cannot be started."""


class KernelItem(pytest.Item):
    """A claim on another kernel; its body is to wait for what the guest says."""

    pool: GuestPool
    kernel: str
    claim: Claim
    record: Record | None = None

    @classmethod
    def of(cls, item: pytest.Item, claim: Claim, kernel: str, pool: GuestPool) -> KernelItem:
        assert item.parent is not None
        made: KernelItem = cls.from_parent(item.parent, name=f"{claim.id}[{kernel}]")
        made.pool, made.kernel, made.claim = pool, kernel, claim
        return made

    def runtest(self) -> None:
        try:
            self.record = self.pool.answer(self.kernel, self.claim.id)
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
        declared = self.claim.expectation(self.pool.release(self.kernel))
        say(report, judgement, None if self.config.option.as_documented else declared)
        report.duration = one.duration


class OtherKernels:
    """The part of the plugin that is there when ``--kernel`` is."""

    def __init__(self, names: Sequence[str], jobs: int, config: pytest.Config, records: Path) -> None:
        self.here = HOST in names
        self.records = records
        try:
            self.pool = GuestPool([name for name in names if name != HOST], jobs, config.rootpath)
        except KernelError as error:
            raise pytest.UsageError(str(error)) from error
        self._config = config

    def items_of(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """What was selected, once for each kernel: tests on this one, claims on others."""
        claims = {told.claim.id: (item, told.claim) for item in reversed(items) if (told := stated(item))}
        elsewhere = [
            KernelItem.of(item, claim, name, self.pool)
            for name in self.pool.names
            for item, claim in reversed(claims.values())
        ]
        return [*(items if self.here else ()), *elsewhere]

    def say(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        if isinstance(item, KernelItem) and call.when == "call":
            item.say(report)

    def start(self, items: Sequence[pytest.Item]) -> None:
        """Get the kernels and start the first guests on the claims that were selected."""
        asked = tuple(dict.fromkeys(item.claim.id for item in items if isinstance(item, KernelItem)))
        try:
            self.pool.prepare(self.records)
            self.pool.begin(self._command(asked), asked)
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
            self.pool.finish()
        self.pool.stop()
        if any(guest_run.silent for guest_run in self.pool.guest_runs.values()):
            session.exitstatus = NO_KERNEL

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if runs := self.pool.runs():
            terminalreporter.section("what these kernels say", sep="=")
            terminalreporter.write(drawn(lambda console: compare(runs, console), terminalreporter))
            for guest_run in self.pool.guest_runs.values():
                terminalreporter.write_line(f"Run record: {guest_run.record}")
