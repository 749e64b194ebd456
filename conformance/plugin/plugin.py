"""The pytest plugin: options, needs before a test, a verdict after it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from conformance.plugin import privileges, watchdog
from conformance.plugin.claim import bare, stated
from conformance.plugin.needs import Need
from conformance.plugin.outcome import crash_line, say, words
from conformance.plugin.plan import Handover, Plan, hand_over, plan_of, select
from conformance.plugin.recorder import Recording, local_records
from conformance.plugin.stash import FAILED, OBSERVATIONS
from conformance.plugin.verdict import Judgement, judge
from reports.ranges import base
from reports.record import Claim, Verdict

_BLOCKED = pytest.StashKey[Need]()
_RECORDING = pytest.StashKey[Recording]()
_OTHERS = pytest.StashKey[Any]()
_UNMATCHED = pytest.StashKey[Iterable[str]]()

_CLAIMS = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "socket conformance")
    group.addoption(
        "--claim",
        action="append",
        default=[],
        metavar="PATTERN",
        help="try only claims whose id matches, e.g. 'socket.7/SO_RCVBUF/*' (shell wildcards; repeatable)",
    )
    group.addoption(
        "--as-documented",
        action="store_true",
        help="forget what is declared: every claim must hold on every kernel (to bisect a known difference)",
    )
    group.addoption(
        "--keep-netns",
        action="store_true",
        help="leave the network namespaces of a failing test under names that 'ip netns exec' takes; "
        "the next run removes them (needs root)",
    )
    group.addoption(
        "--run-record",
        type=Path,
        metavar="PATH",
        help="write the run's record (JSON lines) here instead of reports/local/RELEASE.jsonl; "
        "with --kernel, the folder of all records",
    )
    group.addoption(
        "--kernel",
        action="append",
        default=[],
        metavar="KERNEL",
        help="run the claims on these kernels, each in a guest: a series (6.1), uml:6.12, virtme:7.3, "
        "uml:PATH, virtme:PATH, gvisor, or host for this one (repeatable, comma-separated; "
        "'python -m kernels list' tells what can be had)",
    )
    group.addoption(
        "--kernel-jobs",
        type=int,
        default=os.cpu_count(),
        metavar="N",
        help="how many guests run side by side (default: the number of processors)",
    )
    group.addoption(
        "--as-kernel",
        default="host",
        metavar="NAME",
        help="what the record calls the kernel it was made on (default: host)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "claim(stated): the statement of a document that a test tries")
    config.pluginmanager.register(watchdog, "conformance-watchdog")
    if _is_worker(config):
        privileges.die_with_controller()
        return
    chosen: Path | None = config.getoption("--run-record")
    kernels = [name for names in config.getoption("--kernel") for name in names.split(",")]
    path = Path.cwd() / chosen if chosen else local_records(config.rootpath)
    recording = Recording(
        path if chosen and not kernels else path / f"{os.uname().release}.jsonl",
        config.getoption("--as-kernel"),
    )
    config.stash[_RECORDING] = recording
    config.pluginmanager.register(recording, "conformance-recording")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Controller(recording), "conformance-controller")
    if kernels:
        _use_kernels(config, kernels, path)


def _use_kernels(config: pytest.Config, kernels: list[str], records: Path) -> None:
    from conformance.plugin.kernel_items import OtherKernels  # the kernels package is for those who name one

    if config.getoption("numprocesses", None):
        raise pytest.UsageError("guests run side by side as --kernel-jobs says; leave -n out with --kernel")
    jobs = config.getoption("--kernel-jobs")
    config.stash[_OTHERS] = others = OtherKernels(kernels, jobs, config, records)
    config.pluginmanager.register(others, "conformance-kernels")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


class _Controller:
    """Under xdist: takes the plan from the first worker, which collects what the controller does not."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._handover = Handover()
        self._chosen: object = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._chosen is None:
            self._chosen = node
            node.workerinput["plan"] = self._handover.path

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        if node is self._chosen:
            self._recording.begin(self._handover.read())


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    others = config.stash.get(_OTHERS, None)
    if not (_is_worker(config) or config.option.collectonly or (others and not others.here)):
        privileges.stand()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unclaimed = [item for item in items if _CLAIMS in item.path.parents and stated(item) is None]
    if unclaimed:
        raise pytest.UsageError(f"{unclaimed[0].nodeid}: a test in conformance/ must state its @claim")
    patterns: list[str] = config.getoption("--claim")
    if patterns:
        chosen, config.stash[_UNMATCHED] = select(items, patterns)
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen
    if others := config.stash.get(_OTHERS, None):
        items[:] = others.items_of(items)


@pytest.hookimpl(
    tryfirst=True
)  # the controller asks for the plan as soon as xdist tells it of the collection
def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    # After an error of collection nothing will run, and no pattern is to blame for what it did not match.
    plan = Plan() if session.testsfailed else plan_of(session.items, config.stash.get(_UNMATCHED, ()))
    if _is_worker(config):
        _tell(plan, config)
    elif not config.option.collectonly and not _distributes(config):
        config.stash[_RECORDING].begin(plan)
        if others := config.stash.get(_OTHERS, None):
            others.start(session.items)
    if plan.claims and not config.option.collectonly and not _distributes(config):
        privileges.leave()


def _tell(plan: Plan, config: pytest.Config) -> None:
    given: dict[str, Any] = getattr(config, "workerinput", {})
    if path := given.get("plan"):
        hand_over(plan, path)


def _distributes(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("dsession")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if told := stated(item):
        item.stash[OBSERVATIONS] = {}
        for need in told.needs:
            if need.missing():
                item.stash[_BLOCKED] = need
                pytest.skip(f"BLOCKED: {need.code} is missing")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if told := stated(item):
        claim = bare(told.claim) if item.config.getoption("--as-documented") else told.claim
        if judgement := _judged(item, claim, call, report):
            say(report, judgement, claim.expectation(_base()), _parameters(item))
    elif others := item.config.stash.get(_OTHERS, None):
        others.say(item, call, report)
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def _judged(
    item: pytest.Item, claim: Claim, call: pytest.CallInfo[None], report: pytest.TestReport
) -> Judgement | None:
    error = call.excinfo.value if call.excinfo else None
    if (need := item.stash.get(_BLOCKED, None)) and call.when == "setup":
        return Judgement(Verdict.BLOCKED, True, f"{need.code} is missing", need=need.code)
    if call.when == "call":
        seen = item.stash[OBSERVATIONS]
        return judge(claim, _base(), error, seen, crash_line(report))
    return Judgement(Verdict.BROKEN, False, f"{call.when}: {crash_line(report)}") if error else None


def _base() -> str:
    return base(os.uname().release, os.uname().version)


def _parameters(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return f"[{callspec.id}]" if callspec else ""


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> Any:
    return words(report)


def pytest_make_parametrize_id(val: object) -> str | None:
    """A parameter that is an option or a class is called by its name."""
    return getattr(val, "name", None) if not isinstance(val, type) else val.__name__
