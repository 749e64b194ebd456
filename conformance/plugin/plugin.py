"""The pytest plugin: options, needs before a test, an answer after it.

The order of hooks matters in several places; each mark says why.
"""

from __future__ import annotations

import gc
import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Generator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.plugin import observations, privileges, process, watchdog
from conformance.plugin.catalogue import detailed
from conformance.plugin.claim import functions, kernel_names, stated
from conformance.plugin.counters import CounterWatch, counted
from conformance.plugin.implementation import implementation
from conformance.plugin.needs import Need, shown_missing
from conformance.plugin.outcome import crash_line, put_answer, without_traceback, words
from conformance.plugin.output import unfailing_stdout
from conformance.plugin.plan import Plan, plan_of, send
from conformance.plugin.recorder import Recorder, local_records
from conformance.plugin.selection import asked_for, files_with, part, sampled, select, unmatched
from conformance.plugin.splats import SplatWatch
from conformance.plugin.stash import FAILED
from conformance.plugin.traced_again import TracedAgain
from conformance.plugin.verdict import blocked, broken, in_a_scene, judge, splatted, whole_name
from conformance.plugin.workers import Workers
from reports.assess import assess
from reports.model import Answer, Verdict
from reports.ranges import base

if TYPE_CHECKING:
    from conformance.plugin.kernel_items import OtherKernels

_BLOCKED = pytest.StashKey[Need]()
_DIFFERED = pytest.StashKey[bool]()
_RECORDER = pytest.StashKey[Recorder]()
_OTHER_KERNELS: pytest.StashKey[OtherKernels] = pytest.StashKey()
_UNMATCHED = pytest.StashKey[list[str]]()
_FILES = pytest.StashKey[frozenset[Path] | None]()
_COLLECTED = pytest.StashKey[bool]()
_SPLATS = pytest.StashKey[SplatWatch]()

_CLAIMS = Path(__file__).parents[1]
_NO_CLAIMS = {"expectations", "inventory", "mutants"}
"""Folders beside the pages' whose files are no tables."""


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
        "--claims-from",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="try only the claims that a file lists, an id or a pattern on each line (repeatable)",
    )
    group.addoption(
        "--sample",
        type=part,
        metavar="N/M",
        help="try only the Nth of M parts of the claims; day/M: another part each day",
    )
    group.addoption(
        "--as-documented",
        action="store_true",
        help="forget what is declared: every claim must hold on every kernel",
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
        metavar="FILE",
        help="write the run's record (JSON lines) there",
    )
    group.addoption(
        "--record-dir",
        type=Path,
        metavar="DIR",
        help="write the records there, a file for each kernel (default: build/runs)",
    )
    group.addoption(
        "--transcript",
        type=Path,
        metavar="DIR",
        help="run each test under strace and write its socket calls there, a file for each claim",
    )
    group.addoption(
        "--counters",
        type=Path,
        metavar="DIR",
        help="keep there, a file for each claim, what of a counting kernel its tests reach, for "
        "'python -m kernels coverage'; the kernel comes from 'python -m kernels build SOURCE --gcov -o NAME'",
    )
    group.addoption(
        "--uncounted",
        action="store_true",
        help="with --counters: leave out the claims that DIR has already, to go on with a run that was ended",
    )
    group.addoption(
        "--catalogue",
        type=Path,
        metavar="FILE",
        help="write what the collected claims say, for reports (with --collect-only nothing is tried)",
    )
    group.addoption(
        "--kernel",
        action="append",
        default=[],
        metavar="KERNEL",
        help="run the claims on these kernels, each in a guest: a series (6.1), uml:6.12, virtme:7.3, "
        "uml:PATH, virtme:PATH, gvisor, gvisor:PATH (of runsc), or host for this one (repeatable, "
        "comma-separated; 'python -m kernels list' shows what can be had); the whole suite takes some "
        "minutes in each, and many in an emulated kernel",
    )
    group.addoption(
        "--kernel-jobs",
        type=_one_or_more,
        default=min(2 * (os.cpu_count() or 1), 16),
        metavar="N",
        help="how many guests run side by side, each with a share of a kernel's claims (default: two for "
        "each processor, since a guest waits for its own timers half of the time, and 16 at most)",
    )
    group.addoption(
        "--as-kernel",
        default="host",
        metavar="NAME",
        help="what the record calls the kernel it was made on (default: host)",
    )
    group.addoption(
        "--suite-digest",
        metavar="DIGEST",
        help="what the record says of the suite's files, where it is known (default: they are read)",
    )
    group.addoption(
        "--faults",
        action="store_true",
        help="run each test once for each answer of the kernel with that answer changed, by strace, and list "
        "what no test notices (build/faults.txt)",
    )
    group.addoption(
        "--fault-first",
        action="store_true",
        help="with --faults: each claim only until a fault makes it differ; a twentieth of the time",
    )
    group.addoption(
        "--fault-jobs",
        type=_one_or_more,
        default=4 * (os.cpu_count() or 1),  # many wait for what a fault keeps away
        metavar="N",
        help="with --faults: how many tests run side by side (default: four for each processor)",
    )


def _one_or_more(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        process.require_standard_streams()
        process.require_limits()
        output = ExitStack()
        output.enter_context(unfailing_stdout())
        config.add_cleanup(output.close)
    config.addinivalue_line("markers", "claim(stated): the statement of a document that a test tries")
    config.pluginmanager.register(watchdog, "conformance-watchdog")
    config.stash[_SPLATS] = splats = SplatWatch()
    config.add_cleanup(splats.close)
    _use_strace(config)
    counters = _counters(config)
    if _is_worker(config):
        privileges.die_with_controller()
        return
    kernels = kernel_names(config)
    if config.getoption("--faults"):
        _use_faults(config)
    folder, file = _records(config, bool(kernels))
    catalogue: Path | None = config.getoption("--catalogue")
    recorder = Recorder(
        file,
        config.getoption("--as-kernel"),
        config.getoption("--suite-digest"),
        catalogue and Path.cwd() / catalogue,
        watchdog.terminal(config),
    )
    config.stash[_RECORDER] = recorder
    config.pluginmanager.register(recorder, "conformance-recorder")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(Workers(recorder), "conformance-workers")
    if kernels:
        _use_kernels(config, kernels, folder, counters)
        return
    if counters:
        config.pluginmanager.register(CounterWatch(counters), "conformance-counters")
    if not config.getoption("--transcript"):
        config.pluginmanager.register(_traced_again(config, recorder), "conformance-traced-again")


def _traced_again(config: pytest.Config, recorder: Recorder) -> TracedAgain:
    return TracedAgain(recorder, config.rootpath / "build" / "transcripts")


def _use_strace(config: pytest.Config) -> None:
    folder: Path | None = config.getoption("--transcript")
    if folder is None:
        return
    from conformance.plugin.transcript import Tracer, TranscriptWriter

    if config.getoption("--kernel"):
        raise pytest.UsageError("--transcript traces the tests on this kernel; leave it out with --kernel")
    config.pluginmanager.register(Tracer(), "conformance-tracer")
    if not _is_worker(config):
        config.pluginmanager.register(TranscriptWriter(Path.cwd() / folder), "conformance-transcripts")


def _records(config: pytest.Config, several: bool) -> tuple[Path, Path]:
    """The folder of all records, and the file of this kernel's. Tests may change the working directory."""
    file: Path | None = config.getoption("--run-record")
    folder: Path | None = config.getoption("--record-dir")
    if file and (folder or several):
        raise pytest.UsageError(
            "--run-record names one file; with --kernel or beside --record-dir, name a folder: --record-dir"
        )
    there = Path.cwd() / folder if folder else local_records(config.rootpath)
    return there, Path.cwd() / file if file else there / f"{os.uname().release}.jsonl"


def _counters(config: pytest.Config) -> Path | None:
    """Where counters are kept. A kernel has one set of them, so no two tests may raise them at a time."""
    folder: Path | None = config.getoption("--counters")
    if folder is None:
        if config.getoption("--uncounted"):
            raise pytest.UsageError("--uncounted is for --counters DIR, where counters are kept already")
        return None
    for option in ("numprocesses", "--faults", "--transcript"):
        if config.getoption(option, None):
            name = "-n" if option == "numprocesses" else option
            raise pytest.UsageError(f"--counters is for one test at a time, each as it is; leave {name} out")
    return Path.cwd() / folder


def _use_kernels(config: pytest.Config, kernels: list[str], records: Path, counters: Path | None) -> None:
    from conformance.plugin.kernel_items import OtherKernels  # imports what only --kernel needs

    if config.getoption("numprocesses", None):
        raise pytest.UsageError("guests run side by side as --kernel-jobs says; leave -n out with --kernel")
    if counters and len(kernels) > 1:
        raise pytest.UsageError("--counters is for one kernel; name the one that counts")
    jobs = config.getoption("--kernel-jobs")
    config.stash[_OTHER_KERNELS] = others = OtherKernels(kernels, jobs, config, records, counters)
    config.pluginmanager.register(others, "conformance-kernels")


def _use_faults(config: pytest.Config) -> None:
    from conformance.plugin.fault_sweep import FaultSweep  # imports what only --faults needs

    config.pluginmanager.register(FaultSweep(config), "conformance-faults")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(tryfirst=True)  # xdist starts its workers in this hook, and they must inherit the privileges
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    others = config.stash.get(_OTHER_KERNELS, None)
    if not (_is_worker(config) or config.option.collectonly or (others and not others.here)):
        privileges.acquire()
        process.require_threads()


@pytest.hookimpl(tryfirst=True)  # before pytest's own, which collects
def pytest_collection(session: pytest.Session) -> None:
    config = session.config
    if not _distributes(config):
        folders = [config.invocation_params.dir / one for one in config.args]
        files = (file for folder in folders for file in folder.rglob("*") if _holds_claims(file))
        config.stash[_FILES] = files_with(asked_for(config), files)


def _holds_claims(file: Path) -> bool:
    return file.suffix in {".py", ".toml"} and file.parent.name not in _NO_CLAIMS and file.is_file()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    files = config.stash.get(_FILES, None)
    return (files is not None and collection_path.is_file() and collection_path not in files) or None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """A table of claims, ``conformance/<page>/<topic>.toml``, is a file of tests."""
    place = file_path.parent
    if file_path.suffix != ".toml" or place.parent != parent.config.rootpath / "conformance":
        return None
    if not _holds_claims(file_path):
        return None
    from conformance.plugin.tables.table import Table

    table: Table = Table.from_parent(parent, path=file_path)
    return table


@pytest.hookimpl(trylast=True)  # what -k and -m deselect is gone by then, and the order is the final one
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unclaimed = [item for item in items if stated(item) is None and _CLAIMS in item.path.parents]
    if unclaimed:
        raise pytest.UsageError(f"{unclaimed[0].nodeid}: a test in conformance/ must state its @claim")
    if asked := asked_for(config):
        config.stash[_UNMATCHED] = unmatched(items, asked)
        items[:], others = select(items, asked)
        config.hook.pytest_deselected(items=others)
    if sample := config.getoption("--sample"):
        items[:], others = sampled(items, *sample)
        config.hook.pytest_deselected(items=others)
    if config.getoption("--uncounted") and (folder := _counters(config)):
        kept, items[:] = counted(items, folder)
        config.hook.pytest_deselected(items=kept)
    if other_kernels := config.stash.get(_OTHER_KERNELS, None):
        items[:] = other_kernels.items_of(items)
    config.stash[_COLLECTED] = True


@pytest.hookimpl(tryfirst=True)  # xdist announces the collection in this hook, and the plan must be there
def pytest_collection_finish(session: pytest.Session) -> None:
    config = session.config
    # Where collection was interrupted pytest calls this all the same, with whatever there was by then.
    # A worker must not announce that: it would be a collection that differs from the other workers'.
    if _is_worker(config) and isinstance(interrupt := sys.exc_info()[1], KeyboardInterrupt):
        raise interrupt
    # After an error of collection nothing will run, and no pattern is to blame for what it did not match.
    whole = config.stash.get(_COLLECTED, False) and not session.testsfailed
    plan = _plan(session) if whole else Plan()
    if config.option.collectonly:
        if not _is_worker(config):
            plan.require_matched()
            config.stash[_RECORDER].write_catalogue(plan.claims)
        return
    if _is_worker(config):
        send(plan, getattr(config, "workerinput")["plan"])  # noqa: B009  only a worker's has it
    elif config.getoption("--faults"):
        plan.require_matched()
    elif not _distributes(config):
        config.stash[_RECORDER].begin(plan)
        if others := config.stash.get(_OTHER_KERNELS, None):
            config.stash[_RECORDER].write_catalogue(others.claims)
            others.start(session.items)
    if not _distributes(config):
        if plan.claims:
            privileges.leave_host_network()
        gc.freeze()  # pytest collects garbage several times at the end: what was collected before is none


def _plan(session: pytest.Session) -> Plan:
    missed: list[str] = session.config.stash.get(_UNMATCHED, [])
    plan = plan_of(session.items, missed)
    if session.config.getoption("--catalogue"):
        return Plan(detailed(plan.claims, session.items), plan.tests, plan.unmatched)
    return plan


def _distributes(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("dsession")


@pytest.hookimpl(tryfirst=True)  # before fixtures are made, which may themselves lack what the claim needs
def pytest_runtest_setup(item: pytest.Item) -> None:
    if marked := stated(item):
        observations.begin()
        for need in marked.needs:
            if need.missing():
                item.stash[_BLOCKED] = need
                pytest.skip(f"BLOCKED: {need.code} is missing")


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: after all others have made the report
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    marked = stated(item)
    if _only_left_open(item, call):
        call.excinfo = None
    answer = _answer(item, marked.claim.id, call) if marked else None
    if marked and (answer or call.when == "teardown"):
        answer = _with_splat(item, marked.claim.id, call, answer)
    if marked and answer:
        release = base(os.uname().release, os.uname().version)
        assessment = assess(marked.claim, implementation(), release, answer)
        with without_traceback(item) if assessment.expected else nullcontext():
            report = yield
        put_answer(item, report, answer, assessment)
        item.stash[_DIFFERED] = answer.verdict is Verdict.DIFFERS
    else:
        report = yield
        if call.when == "call" and item.config.stash.get(_OTHER_KERNELS, None):
            _put_kernels_answer(item, report)
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def _only_left_open(item: pytest.Item, call: pytest.CallInfo[None]) -> bool:
    """Whether all that is wrong after a test that ended early is a socket that it never came to close."""
    error = call.excinfo.value if call.excinfo else None
    unclosed = isinstance(
        error, pytest.PytestUnraisableExceptionWarning
    ) and "libsocket.socket.Socket" in str(error)
    return unclosed and call.when == "teardown" and item.stash.get(_DIFFERED, False)


def _put_kernels_answer(item: pytest.Item, report: pytest.TestReport) -> None:
    from conformance.plugin.kernel_items import KernelItem

    if isinstance(item, KernelItem):
        item.put_answer(report)


def _answer(item: pytest.Item, claim: str, call: pytest.CallInfo[None]) -> Answer | None:
    error = call.excinfo.value if call.excinfo else None
    if (need := item.stash.get(_BLOCKED, None)) and call.when == "setup":
        return blocked(claim, need.code)
    if error and (need := shown_missing(error)):
        return blocked(claim, need.code)
    if call.when == "call" or (call.when == "setup" and error and in_a_scene(error)):
        return judge(
            claim,
            error,
            observations.observed(),
            crash_line(call),
            parameters=_parameters(item),
            test=_function(item),
        )
    return broken(claim, f"{call.when}: {crash_line(call)}") if error else None


def _with_splat(
    item: pytest.Item, claim: str, call: pytest.CallInfo[None], answer: Answer | None
) -> Answer | None:
    """The answer of a phase, and what the kernel's log said since the last one that had an answer."""
    splat = item.config.stash[_SPLATS].splat()
    if splat is None:
        return answer
    phase = "teardown" if call.when == "teardown" else ""
    test = whole_name(_function(item), _parameters(item), phase)
    return splatted(answer or judge(claim, None, {}, ""), splat, test=test)


def _function(item: pytest.Item) -> str:
    """What tells the test functions of one claim apart, where there are several."""
    return getattr(item, "originalname", item.name) if len(functions(item)) > 1 else ""


def _parameters(item: pytest.Item) -> str:
    """What tells the tests of one function and claim apart."""
    callspec = getattr(item, "callspec", None)
    if callspec and item.path.suffix == ".toml":
        name: str = callspec.params["case"].name
        return name
    return callspec.id if callspec else ""


@pytest.hookimpl(tryfirst=True)  # pytest's own words are for reports that carry no answer
def pytest_report_teststatus(report: pytest.TestReport) -> Any:
    return words(report)


def pytest_make_parametrize_id(val: object) -> str | None:
    """A parameter that is an option or a class is called by its name."""
    return getattr(val, "name", None) if not isinstance(val, type) else val.__name__
