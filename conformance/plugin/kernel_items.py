"""Claims on other kernels: a pytest item for each claim and kernel; its outcome is what a guest recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from conformance.plugin import in_guest
from conformance.plugin.catalogue import detailed
from conformance.plugin.claim import stated
from conformance.plugin.exit_status import NO_KERNEL, NO_RECORD, USAGE, WHOLE, Stopped
from conformance.plugin.guest_pool import GuestPool
from conformance.plugin.outcome import put_answer
from conformance.plugin.recorder import drawn
from kernels.errors import KernelError, UnknownKernel
from reports.assess import assess
from reports.catalogue import Catalogue
from reports.comparison import compare
from reports.errors import RunFileUnwritable
from reports.model import Answer, Claim

HOST = "host"

T = TypeVar("T")


class KernelItem(pytest.Item):
    """A claim on another kernel; its body is to wait for the guest's answer."""

    pool: GuestPool
    kernel: str
    claim: Claim
    answer: Answer | None = None

    @classmethod
    def of(cls, item: pytest.Item, claim: Claim, kernel: str, pool: GuestPool) -> KernelItem:
        assert item.parent is not None
        made: KernelItem = cls.from_parent(item.parent, name=f"{claim.id}[{kernel}]")
        made.pool, made.kernel, made.claim = pool, kernel, claim
        return made

    def runtest(self) -> None:
        self.answer = _or_exit(lambda: self.pool.answer(self.kernel, self.claim.id))

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.claim.id} on {self.kernel}"

    def put_answer(self, report: pytest.TestReport) -> None:
        """Turn the guest's answer into this item's report; what it never said is missing."""
        if self.answer is None:
            report.outcome = "skipped"
            report.longrepr = str(self.path), 0, "missing: the guest never came so far"
            return
        assessment = assess(self.claim, *self.pool.answering(self.kernel), self.answer)
        put_answer(self, report, self.answer, assessment)
        report.duration = self.answer.duration or 0.0


class OtherKernels:
    """The part of the plugin that is there when ``--kernel`` is."""

    def __init__(
        self,
        names: Sequence[str],
        jobs: int,
        config: pytest.Config,
        records: Path,
        counters: Path | None = None,
    ) -> None:
        self.here = HOST in names
        self.records = records
        self.counters = counters
        self.claims: Sequence[Claim] = ()
        self._files: dict[str, dict[Path, None]] = {}
        try:
            self.pool = GuestPool([name for name in names if name != HOST], jobs, config.rootpath)
        except KernelError as error:
            raise pytest.UsageError(str(error)) from error
        self._config = config

    def items_of(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """What was selected, once for each kernel: tests on this one, claims on others."""
        first: dict[str, tuple[pytest.Item, Claim]] = {}
        for item in items:
            if marked := stated(item):
                first.setdefault(marked.claim.id, (item, marked.claim))
                self._files.setdefault(marked.claim.id, {})[item.path] = None
        claims = [claim for _, claim in first.values()]
        self.claims = detailed(claims, items) if self._config.getoption("--catalogue") else claims
        elsewhere = [
            KernelItem.of(item, claim, name, self.pool)
            for name in self.pool.names
            for item, claim in first.values()
        ]
        return [*(items if self.here else ()), *elsewhere]

    def start(self, items: Sequence[pytest.Item]) -> None:
        """Get the kernels and start the first guests on the claims that were selected."""
        asked = tuple(dict.fromkeys(item.claim.id for item in items if isinstance(item, KernelItem)))
        _or_exit(lambda: self.pool.begin(self._command, asked, self.records, self.counters))

    def _command(self, asked: Sequence[str]) -> list[str]:
        """What a guest runs. It collects no file without a claim that it is asked: all take seconds.

        Nobody reads a summary of its own.
        """
        option = self._config.option
        words = [f"{flag}{text}" for flag, text in (("-k", option.keyword), ("-m", option.markexpr)) if text]
        files = dict.fromkeys(str(file) for claim in asked for file in self._files[claim])
        lean = ["-q", "--no-summary", "-p", "no:cacheprovider"]
        return [sys.executable, "-m", in_guest.__name__, *lean, *files, *words]

    @pytest.hookimpl(trylast=True)  # after the recorder, whose status a silent guest overrules
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        if exitstatus in WHOLE:
            self.pool.finish()
        self.pool.stop()
        if any(guest.silent for guest in self.pool.guests.values()):
            session.exitstatus = NO_KERNEL

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if runs := self.pool.runs():
            catalogue = Catalogue.of(self.claims)
            terminalreporter.section("what these kernels say", sep="=")
            terminalreporter.write(drawn(lambda console: compare(runs, catalogue, console), terminalreporter))
            for guest in self.pool.guests.values():
                terminalreporter.write_line(f"Run record: {guest.record}")


def _or_exit(act: Callable[[], T]) -> T:
    """What it returns; a kernel that cannot be had and a record that cannot be written end the run."""
    try:
        return act()
    except UnknownKernel as error:
        raise Stopped(str(error), USAGE) from error
    except KernelError as error:
        raise Stopped(str(error), NO_KERNEL) from error
    except RunFileUnwritable as error:
        raise Stopped(str(error), NO_RECORD) from error
