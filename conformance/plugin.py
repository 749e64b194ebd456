"""The pytest plugin: options, needs before a test, a verdict after it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from conformance import ground
from conformance.claims import Stated, stated
from conformance.deadline import guarded
from conformance.judging import Judgement, judge
from conformance.needs import Need
from conformance.plan import Handover, Plan, hand_over, plan_of, select
from conformance.recording import Recording, default_path, found_in_test
from conformance.stash import FAILED, OBSERVATIONS
from reports.record import Expectation, Verdict

_BLOCKED = pytest.StashKey[Need]()
_RECORDING = pytest.StashKey[Recording]()
_UNMATCHED = pytest.StashKey[Iterable[str]]()

_CLAIMS = Path(__file__).parent


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
        "--keep-netns",
        action="store_true",
        help="leave the network namespaces of a failing test under names that 'ip netns exec' takes; "
        "the next run removes them (needs root)",
    )
    group.addoption(
        "--run-record",
        type=Path,
        metavar="PATH",
        help="write the run's record (JSON lines) here instead of reports/local/RELEASE.jsonl",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "claim(stated): the statement of a document that a test tries")
    if _is_worker(config):
        ground.die_with_controller()
        return
    chosen: Path | None = config.getoption("--run-record")
    recording = Recording(Path.cwd() / chosen if chosen else default_path(config.rootpath))
    config.stash[_RECORDING] = recording
    config.pluginmanager.register(recording, "conformance-recording")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Controller(recording), "conformance-controller")


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
    if not _is_worker(session.config) and not session.config.option.collectonly:
        ground.stand()


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
    if plan.claims and not config.option.collectonly and not _distributes(config):
        ground.leave()


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if stated(item) is None:
        return (yield)
    with guarded():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if told := stated(item):
        judgement = _judged(item, told, call, report)
        if judgement:
            _attach(item, report, judgement)
            _settle(report, judgement, told.claim.expectation(os.uname().release))
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def _judged(
    item: pytest.Item, told: Stated, call: pytest.CallInfo[None], report: pytest.TestReport
) -> Judgement | None:
    error = call.excinfo.value if call.excinfo else None
    if item.stash.get(_BLOCKED, None) and call.when == "setup":
        return Judgement(Verdict.BLOCKED, True, f"{item.stash[_BLOCKED].code} is missing")
    if call.when == "call":
        seen = item.stash[OBSERVATIONS]
        return judge(told.claim, os.uname().release, error, seen, _told(report))
    return Judgement(Verdict.BROKEN, False, f"{call.when}: {_told(report)}") if error else None


def _told(report: pytest.TestReport) -> str:
    """The one line of a traceback that says what was expected and what was seen."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    return text.strip().split("\n")[0].removeprefix("AssertionError: ").removeprefix("assert ")


def _attach(item: pytest.Item, report: pytest.TestReport, judgement: Judgement) -> None:
    need = item.stash.get(_BLOCKED, None)
    callspec = getattr(item, "callspec", None)
    suffix = f"[{callspec.id}]" if callspec else ""
    named = [(name + suffix, value) for name, value in judgement.observations]
    report.found = found_in_test(  # type: ignore[attr-defined]
        judgement.verdict,
        expected=judgement.expected,
        detail=judgement.detail,
        observations=named,
        duration=report.duration,
        need=need.code if need else None,
    )
    report.user_properties += [("verdict", judgement.verdict.value), *named]


def _settle(report: pytest.TestReport, judgement: Judgement, declared: Expectation | None) -> None:
    """Make pytest's outcome agree: what is as declared passes, what is not fails."""
    if judgement.verdict is Verdict.UNCLAIMED:
        report.outcome, report.longrepr = "passed", None
    elif judgement.verdict is Verdict.DIFFERS and judgement.expected and declared:
        report.outcome, report.wasxfail = "skipped", declared.why
    elif judgement.verdict is Verdict.DIFFERS and declared:
        report.sections.append(("declared difference", _otherwise(declared)))
    elif judgement.verdict is Verdict.HOLDS and declared:
        report.outcome = "failed"
        report.longrepr = f"the expectation is stale: it holds, but was declared to differ ({declared.why})"
    elif judgement.verdict is Verdict.BROKEN:
        report.outcome = "failed"


def _otherwise(declared: Expectation) -> str:
    return f"it differs, but not as declared: {declared.why}; to be seen: {dict(declared.observed)}"


_WORDS = {
    Verdict.HOLDS: ("passed", ".", ("HOLDS", {"green": True})),
    Verdict.DIFFERS: ("xfailed", "d", ("DIFFERS as declared", {"yellow": True})),
    Verdict.UNCLAIMED: ("passed", "u", ("UNCLAIMED", {"green": True})),
    Verdict.BLOCKED: ("skipped", "b", ("BLOCKED", {"yellow": True})),
}


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> Any:
    found = getattr(report, "found", None)
    if found is None or report.failed or not found["expected"]:
        return None
    return _WORDS[Verdict(found["verdict"])]


def pytest_make_parametrize_id(val: object) -> str | None:
    """A parameter that is an option or a class is called by its name."""
    return getattr(val, "name", None) if not isinstance(val, type) else val.__name__
