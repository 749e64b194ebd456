"""``--faults``: every answer that a test gets from the kernel is changed, to see whether the test notices.

Collected once, each test runs first as it is, to learn its calls, then once for each fault, always in a
process forked from one that has not run it. With ``--fault-first`` a claim is left when one fault made it
differ.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing.pool import Pool

import msgspec
import pytest

from conformance.plugin import privileges
from conformance.plugin.catalogue import test_of
from conformance.plugin.claim import Stated, stated
from conformance.plugin.exit_status import NO_RECORD, NO_STRACE, Stopped
from conformance.plugin.fault_table import Outcome, Swept, Tried, explanation, summary, table, weaknesses
from conformance.plugin.fault_trial import Trial, trial
from conformance.plugin.faults import REFUSED, TRACED, Fault, described, faults
from conformance.plugin.plan import tests_by_claim
from conformance.plugin.properties import load_hypothesis
from conformance.plugin.strace import NotTraced, StraceMissing, require
from conformance.plugin.timing import LONG
from reports.atomic_write import atomic_write
from reports.model import Verdict

_items: Sequence[pytest.Item] = ()
"""What was collected, in a process of the pool: forked, since items cannot be sent."""


class FaultSweep:
    """The part of the plugin that is there when ``--faults`` is."""

    def __init__(self, config: pytest.Config) -> None:
        if config.getoption("numprocesses", None) or config.getoption("--kernel"):
            raise pytest.UsageError(
                "--faults is for this kernel and has --fault-jobs: leave out -n and --kernel"
            )
        try:
            require()
        except StraceMissing as error:
            raise Stopped(str(error), NO_STRACE) from error
        self._jobs: int = config.getoption("--fault-jobs")
        self._first: bool = config.getoption("--fault-first")
        self._record = config.rootpath / "build" / "faults.jsonl"
        self._swept: list[Swept] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if session.config.option.collectonly or session.testsfailed:
            return None
        load_hypothesis()
        # A test may first need it under strace, in a process of its own each time: seconds in a guest.
        import_module("pyroute2.iproute.linux")
        gc.freeze()  # what is forked must not copy what it only looks through
        with multiprocessing.get_context("fork").Pool(self._jobs, _begin, (session.items,)) as pool:
            try:
                sweep = _sweep_until_different if self._first else _sweep
                self._swept = sweep(session.items, pool, lambda line: _tell(line, session.config))
            except NotTraced as error:
                raise Stopped(str(error), NO_STRACE) from error
        session.testsfailed = sum(one.weak for one in self._swept)
        return True

    def pytest_sessionfinish(self) -> None:
        if not self._swept:
            return
        try:
            self._record.parent.mkdir(parents=True, exist_ok=True)
            lines = [msgspec.json.encode(one).decode() for one in self._swept]
            atomic_write("".join(f"{line}\n" for line in lines), self._record)
            atomic_write(
                "".join(f"{line}\n" for line in table(self._swept)), self._record.with_suffix(".txt")
            )
        except OSError as error:
            raise Stopped(
                f"{self._record}: the sweep cannot be recorded: {error.strerror}", NO_RECORD
            ) from error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._swept:
            return
        terminalreporter.section("faults", sep="=")
        for line in summary(self._swept):
            terminalreporter.write_line(line)
        terminalreporter.write_line(
            f"Table: {self._record.with_suffix('.txt')}; as JSON lines: {self._record}"
        )
        weak = [one for one in self._swept if one.weak]
        if not weak:
            return
        terminalreporter.section("weak claims", sep="=")  # last: why the sweep fails
        for one in weak:
            terminalreporter.write_line(f"{one.claim} ({one.place})")
            for line in weaknesses(one):
                terminalreporter.write_line(f"    {line}")


def _tell(line: str, config: pytest.Config) -> None:
    """Progress, for a person who waits for minutes."""
    terminal: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if terminal:
        terminal.write_line(line)
        terminal.flush()


def _sweep(items: Sequence[pytest.Item], pool: Pool, tell: Callable[[str], None]) -> list[Swept]:
    calm = dict(pool.imap_unordered(_trace, range(len(items))))
    tasks = [
        (index, fault, _limit(one))
        for index, one in calm.items()
        if one.verdict in {Verdict.HOLDS, Verdict.DIFFERS}
        for fault in faults(one.calls, one.main)
    ]
    tasks.sort(key=lambda task: -task[2])  # the longest first, lest one be left running at the end
    tried: defaultdict[str, list[Tried]] = defaultdict(list)
    tenth = max(1, len(tasks) // 10)
    for number, (index, fault, one) in enumerate(pool.imap_unordered(_try, tasks)):
        if number % tenth == 0:
            tell(f"{number} of {len(tasks)} faults tried")
        tried[items[index].nodeid].append(_tried(items[index], fault, _outcome(calm[index], one)))
    ends = {item.nodeid: calm[index] for index, item in enumerate(items)}
    return [
        _swept(claim, tests, ends, [one for test in tests for one in tried[test.nodeid]])
        for claim, tests in tests_by_claim(items).items()
    ]


def _sweep_until_different(
    items: Sequence[pytest.Item], pool: Pool, tell: Callable[[str], None]
) -> list[Swept]:
    """As ``_sweep``, but each claim only until a fault makes it differ: whether that can be at all."""
    indices = {item.nodeid: index for index, item in enumerate(items)}
    claims = [
        (name, [indices[test.nodeid] for test in tests]) for name, tests in tests_by_claim(items).items()
    ]
    swept: list[Swept] = []
    tenth = max(1, len(claims) // 10)
    for number, one in enumerate(pool.imap_unordered(_falsify, claims)):
        if number % tenth == 0:
            tell(f"{number} of {len(claims)} claims tried")
        swept.append(one)
    return sorted(swept, key=lambda one: one.claim)


def _falsify(task: tuple[str, Sequence[int]]) -> Swept:
    """Try faults of a claim's tests until one makes it differ: those first that are no mere refusals."""
    claim, indices = task
    ends: dict[str, Trial] = {}
    tried: list[Tried] = []
    for index in indices:
        item = _items[index]
        ends[item.nodeid] = calm = trial(item, TRACED, LONG)
        if calm.verdict not in {Verdict.HOLDS, Verdict.DIFFERS}:
            continue
        for fault in _by_promise([*faults(calm.calls, calm.main)], _stated(item).survives):
            one = trial(item, fault.options, _limit(calm))
            tried.append(_tried(item, fault, _outcome(calm, one)))
            if tried[-1].outcome is Outcome.DIFFERS and fault.operator != REFUSED:
                return _swept(claim, [_items[index] for index in indices], ends, tried, whole=False)
    return _swept(claim, [_items[index] for index in indices], ends, tried)


def _by_promise(found: Sequence[Fault], survives: Mapping[str, str]) -> list[Fault]:
    """A test's last calls first, which tell what came of the ones before; at the end what explains itself."""
    last_first = found[::-1]
    return sorted(
        last_first, key=lambda fault: (fault.operator == REFUSED, bool(explanation(str(fault), survives)))
    )


def _swept(
    claim: str,
    tests: Sequence[pytest.Item],
    ends: Mapping[str, Trial],
    tried: Sequence[Tried],
    *,
    whole: bool = True,
) -> Swept:
    """``whole``: every fault was tried, so what explains none of them is stale."""
    place = test_of(tests[0])
    survives = _stated(tests[0]).survives
    why_none = "" if tried else explanation("", survives)
    used = {why_none, *(one.why for one in tried)}
    ran = [ends[test.nodeid] for test in tests if test.nodeid in ends]
    return Swept(
        claim,
        f"{place.file}:{place.line}",
        tuple(dict.fromkeys(one.verdict for one in ran)),
        sum(len(one.calls) for one in ran),
        tuple(sorted(tried, key=lambda one: (one.test, one.call, one.number, one.operator))),
        tuple(pattern for pattern, why in survives.items() if why not in used) if whole else (),
        why_none,
    )


def _tried(item: pytest.Item, fault: Fault, outcome: Outcome) -> Tried:
    why = explanation(str(fault), _stated(item).survives) if outcome is Outcome.SURVIVED else ""
    call = described(fault.call)
    return Tried(item.nodeid, fault.operator, call, fault.call.number, outcome, why)


def _outcome(calm: Trial, one: Trial) -> Outcome:
    if not any(call.injected for call in one.calls):
        return Outcome.NOT_REACHED
    if one.verdict is Verdict.BROKEN:
        return Outcome.TIMED_OUT if one.seconds >= _limit(calm) else Outcome.BROKEN
    if (one.verdict, one.expected) != (calm.verdict, calm.expected):
        return Outcome.DIFFERS
    assert calm.answer is not None
    assert one.answer is not None
    same = calm.answer.observations == one.answer.observations
    return Outcome.SURVIVED if same else Outcome.OBSERVED


def _limit(calm: Trial) -> float:
    """Seconds that a test may take under a fault."""
    return 3 * calm.seconds + 1


def _stated(item: pytest.Item) -> Stated:
    marked = stated(item)
    assert marked is not None, f"{item.nodeid}: only claims are swept"
    return marked


def _begin(items: Sequence[pytest.Item]) -> None:
    """The start of a process of the pool."""
    global _items  # noqa: PLW0603  what a pool calls is a module's
    _items = items
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep ends the pool
    privileges.die_with_controller()


def _trace(index: int) -> tuple[int, Trial]:
    return index, trial(_items[index], TRACED, LONG)  # some wait for several timeouts, one after the other


def _try(task: tuple[int, Fault, float]) -> tuple[int, Fault, Trial]:
    index, fault, limit = task
    return index, fault, trial(_items[index], fault.options, limit)
