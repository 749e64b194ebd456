"""How a run behaves towards the person who started it, and towards their machine."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports.model import Verdict
from reports.run_file import read_run
from tests.conformance import suites

ONE = """
@claim("doc.7/one/holds", says="It is so.")
def test_one(ns, observe):
    assert observe("one", 1) == 1
"""

SLOW = """
from conformance.plugin import watchdog

@claim("doc.7/hang/first", says="It answers.")
def test_first(ns):
    assert 1 == 1

@claim("doc.7/hang/hangs", says="It never answers.")
def test_hangs(ns):
    with Socket.udp() as sock:
        print("waiting in", os.getpid(), flush=True)
        sock.recv(1)

@claim("doc.7/hang/later", says="It answers.")
def test_later(ns):
    assert 1 == 1
"""


TWO = ONE + ONE.replace("one/holds", "One/keeps").replace("test_one", "test_two")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("doc.7/one/hold", "doc.7/one/holds or doc.7/One/keeps?"),
        ("DOC.7/ONE/HOLDS", "doc.7/one/holds?"),
        ("doc.7/one/keeps", "doc.7/One/keeps?"),
        ("doc.7/On/*", "doc.7/one/* or doc.7/One/*?"),
    ],
)
def test_a_pattern_that_matches_nothing_ends_the_run_before_it_begins(
    tmp_path: Path, asked: str, meant: str
) -> None:
    (tmp_path / "run.jsonl").write_text("precious\n")

    ended = suites.run(tmp_path, TWO, "--claim", asked)

    assert (ended.code, ended.record.read_text()) == (4, "precious\n")
    assert f"did you mean {meant}" in ended.said
    assert "_pytest.outcomes" not in ended.said


def test_a_pattern_that_matches_nothing_is_named_once_for_all_workers(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, ONE, "--claim", "nothing/*", "-n", "2")

    assert (ended.code, ended.said.count("matches none")) == (4, 1)


def test_a_file_lists_the_claims_to_try(tmp_path: Path) -> None:
    (tmp_path / "claims").write_text("doc.7/hang/first\ndoc.7/hang/l*\n")

    ended = suites.run(tmp_path, SLOW, "--claims-from", str(tmp_path / "claims"))

    assert list(ended.run.answers) == ["doc.7/hang/first", "doc.7/hang/later"]


def test_a_file_of_claims_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, ONE, "--claims-from", str(tmp_path / "none"))

    assert ended.code == 4
    assert f"--claims-from {tmp_path / 'none'}: the file cannot be read" in ended.said


def test_a_file_that_names_no_claim_does_not_ask_for_all(tmp_path: Path) -> None:
    (tmp_path / "claims").write_text("\n")

    ended = suites.run(tmp_path, ONE, "--claims-from", str(tmp_path / "claims"))

    assert ended.code == 4
    assert f"--claims-from {tmp_path / 'claims'}: the file names no claim" in ended.said


def test_samples_are_parts_of_the_claims(tmp_path: Path) -> None:
    several = "".join(
        ONE.replace("one/holds", f"one/{number}").replace("test_one", f"test_{number}") for number in range(6)
    )
    whole = [*suites.run(tmp_path, several).run.answers]

    parts = [
        [*suites.run(tmp_path, several, "--sample", part).run.answers] for part in ("1/2", "2/2", "day/1")
    ]

    assert len(whole) == 6
    assert sorted(parts[0] + parts[1]) == sorted(whole)
    assert parts[2] == whole


def test_one_file_is_not_for_several_records(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, ONE, "--run-record", "a.jsonl", "--record-dir", "b")

    assert ended.code == 4
    assert "--record-dir" in ended.said


def test_a_folder_takes_a_record_for_the_kernel(tmp_path: Path) -> None:
    suites.run(tmp_path, ONE, "--record-dir", str(tmp_path / "runs"))

    assert [path.name for path in (tmp_path / "runs").iterdir()] == [f"{os.uname().release}.jsonl"]


def test_a_record_that_cannot_be_written_is_an_error_and_the_run_is_still_shown(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, ONE, "--run-record", "/proc/none/run.jsonl")

    assert ended.code == 73
    assert "1 HOLDS" in ended.said
    assert "/proc/none/run.jsonl" in ended.said


def test_an_error_of_collection_is_not_blamed_on_a_pattern(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, "import no_such_module", "--claim", "doc.7/one/holds")

    assert ended.code == 2
    assert "no_such_module" in ended.said
    assert "matches none" not in ended.said


def test_a_test_without_a_claim_is_refused_in_the_suite(tmp_path: Path) -> None:
    for part in ("conftest.py", "pyproject.toml", "conformance", "kernels", "libsocket", "netns", "reports"):
        copy = shutil.copytree if (suites.ROOT / part).is_dir() else shutil.copy
        copy(suites.ROOT / part, tmp_path / part)
    (tmp_path / "conformance" / "socket7" / "test_stray.py").write_text("def test_stray():\n    pass\n")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "conformance/socket7/test_stray.py"],
        cwd=tmp_path,
        env={**suites.environment(), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 4, done.stdout
    assert "must state its @claim" in done.stderr


def test_the_suite_runs_from_another_folder(tmp_path: Path) -> None:
    record = tmp_path / "run.jsonl"
    claim = "socket.7/SO_RCVBUF/doubled"
    arguments = [str(suites.ROOT / "conformance"), "--claim", claim, "--run-record", "run.jsonl"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert list(read_run(record).answers) == [claim]


def test_help_explains_the_options() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"],
        cwd=suites.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    options = (
        "--claim=PATTERN",
        "--claims-from=FILE",
        "--sample=N/M",
        "--keep-netns",
        "--run-record=FILE",
        "--record-dir=DIR",
    )
    assert [option for option in options if option not in done.stdout] == []


QUICK = SLOW + "\nwatchdog.TIMEOUT, watchdog._KILL = 0.3, 0.3\n"


def test_a_call_that_never_returns_differs_and_the_rest_goes_on(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, QUICK)

    verdicts = [answer.verdict for answer in ended.run.answers.values()]
    assert verdicts == [Verdict.HOLDS, Verdict.DIFFERS, Verdict.HOLDS]
    assert ended.run.answers["doc.7/hang/hangs"].observations == {"timed_out": "recv"}
    assert "recv did not return" in ended.run.answers["doc.7/hang/hangs"].detail


UNINTERRUPTIBLE = QUICK.replace("sock.recv(1)", "signal.pthread_sigmask(0, {signal.SIGALRM}); sock.recv(1)")
"""As in a call that the kernel takes up again after every signal."""


def test_a_call_that_no_signal_ends_takes_its_worker_along_and_the_rest_goes_on(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, UNINTERRUPTIBLE, "-n", "1")

    verdicts = {claim.rpartition("/")[2]: answer.verdict for claim, answer in ended.run.answers.items()}
    assert verdicts == {"first": Verdict.HOLDS, "hangs": Verdict.BROKEN, "later": Verdict.HOLDS}


def test_a_call_that_no_signal_ends_ends_the_run_and_is_named(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, UNINTERRUPTIBLE)

    assert (ended.code, ended.run.interrupted) == (1, True)
    assert "in test_hangs" in ended.said


def test_a_worker_that_dies_leaves_its_claim_broken(tmp_path: Path) -> None:
    tests = SLOW.replace("sock.recv(1)", "os.kill(os.getpid(), signal.SIGKILL)")

    ended = suites.run(tmp_path, tests, "-n", "1")

    verdicts = {claim: answer.verdict for claim, answer in ended.run.answers.items()}
    assert verdicts["doc.7/hang/hangs"] is Verdict.BROKEN
    assert verdicts["doc.7/hang/later"] is Verdict.HOLDS


def test_an_interrupted_run_has_no_footer_and_shows_what_is_missing(tmp_path: Path) -> None:
    process = suites.start(tmp_path, SLOW, "-s")
    _wait_for("waiting in", process)

    said = suites.end(process, signal.SIGINT)

    run = read_run(tmp_path / "run.jsonl")
    assert (process.returncode, run.interrupted) == (2, True)
    assert list(run.missing()) == ["doc.7/hang/hangs", "doc.7/hang/later"]
    assert f"Partial run record (1 of 3 claims): {tmp_path / 'run.jsonl'}" in said


FIRST_WORKER_DIES = """
if os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_that_dies_before_it_has_collected_costs_nothing(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, FIRST_WORKER_DIES + ONE, "-n", "2")

    assert (ended.code, list(ended.run.answers), ended.run.interrupted) == (0, ["doc.7/one/holds"], False)


def test_a_worker_interrupted_while_it_collects_ends_the_run(tmp_path: Path) -> None:
    interrupted = FIRST_WORKER_DIES.replace("os.kill(os.getpid(), signal.SIGKILL)", "raise KeyboardInterrupt")

    ended = suites.run(tmp_path, interrupted + ONE, "-n", "2")

    assert ended.code == 2
    assert "Different tests were collected" not in ended.said


@pytest.mark.parametrize(
    ("tests", "distribution", "said"),
    [
        (FIRST_WORKER_DIES.replace('"gw0"', "None").replace("==", "!="), ("-n", "2"), "every worker died"),
        (ONE, ("-d", "--tx", "popen//python=/bin/false"), "could not be started"),
    ],
    ids=["collecting", "starting"],
)
def test_workers_that_all_die_are_one_sentence(
    tmp_path: Path, tests: str, distribution: tuple[str, ...], said: str
) -> None:
    ended = suites.run(tmp_path, tests, *distribution)

    assert (ended.code, ended.record.exists()) == (2, False)
    assert said in ended.said
    assert "Error" not in ended.said


@pytest.mark.parametrize("distribution", [(), ("-s",), ("-n", "2")], ids=["alone", "open", "distributed"])
@pytest.mark.parametrize(
    ("output", "said"),
    [
        (">/dev/full", "standard output: No space left on device; the run went on\n"),
        ("| head -1", "= test session starts =\n"),
    ],
    ids=["full", "unread"],
)
def test_a_run_that_cannot_be_told_is_recorded(
    tmp_path: Path, distribution: tuple[str, ...], output: str, said: str
) -> None:
    shell = f'"$@" {output}; exit ${{PIPESTATUS[0]}}'

    ended = suites.run(tmp_path, ONE, "-v", *distribution, before=("bash", "-c", shell, "bash"))

    assert (ended.code, ended.run.interrupted) == (0, False)
    assert re.sub("=+", "=", ended.said) == said


NO_PLAN = """
def pytest_testnodeready(node):
    node.config.pluginmanager.unregister(name="conformance-workers")
"""


def test_claims_that_run_without_a_record_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(NO_PLAN)

    ended = suites.run(tmp_path, ONE, "-n", "1")

    assert (ended.code, ended.record.exists()) == (73, False)
    assert "in no record" in ended.said


AGAIN = """
import os, signal

def pytest_keyboard_interrupt():
    os.kill(os.getpid(), signal.SIGINT)
"""


def test_a_second_interrupt_ends_the_run_with_a_word_about_its_record(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(AGAIN)

    ended = suites.run(tmp_path, SLOW.replace("sock.recv(1)", "os.kill(os.getpid(), signal.SIGINT)"))

    assert (ended.code, ended.run.interrupted) == (-signal.SIGINT, True)
    assert ended.said.splitlines()[-1] == f"Partial run record (1 of 3 claims): {ended.record}"


@pytest.mark.parametrize("distribution", [(), ("-n", "2")], ids=["alone", "distributed"])
def test_an_interrupted_collection_is_no_run(tmp_path: Path, distribution: tuple[str, ...]) -> None:
    (tmp_path / "test_then.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    (tmp_path / "run.jsonl").write_text("precious\n")

    ended = suites.run(tmp_path, ONE, *distribution)

    assert (ended.code, ended.record.read_text()) == (2, "precious\n")


@pytest.mark.parametrize("distribution", [(), ("-n", "2")], ids=["alone", "distributed"])
def test_a_killed_run_leaves_no_process(tmp_path: Path, distribution: tuple[str, ...]) -> None:
    noted = tmp_path / "pid"
    tests = SLOW.replace(
        'print("waiting in"', f'open({str(noted)!r}, "w").write(str(os.getpid())); print("w"'
    )
    os.mkfifo(noted)
    fifo = os.open(noted, os.O_RDONLY | os.O_NONBLOCK)  # opening it for reading alone would wait for ever
    process = suites.start(tmp_path, tests, *distribution)
    select.select([fifo], [], [], 60)
    pid = int(os.read(fifo, 16))
    os.close(fifo)
    watch = os.pidfd_open(pid)

    suites.end(process, signal.SIGKILL)

    assert _ends(watch)


NEEDY = (
    ONE
    + """
from conformance.plugin.needs import ANOTHER_USER, initially
from netns import Capability

@claim("doc.7/needs/first", says="It takes CAP_NET_ADMIN there.", needs=[initially(Capability.NET_ADMIN)])
def test_first(ns):
    assert 1 == 1

@claim("doc.7/needs/own", says="It takes a capability of its own.", needs=[Capability.NET_ADMIN])
def test_own(ns):
    with Socket.udp() as sock:
        sock.mark = 7

@claim("doc.7/needs/user", says="It takes another user.", needs=[ANOTHER_USER])
def test_user(ns):
    assert 1 == 1
"""
)


UNPRIVILEGED = ["setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all"]
"""Root of a container that may do little: it has no CAP_SYS_ADMIN, but may make user namespaces."""

FORBIDDEN = ["unshare", "--user", "--map-root-user", "sh", "-c"]
FORBID = 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"'
"""A user namespace whose own limit forbids further ones."""


@pytest.mark.parametrize("distribution", [(), ("-n", "2")], ids=["alone", "distributed"])
def test_without_privileges_a_run_makes_its_own_and_names_what_it_lacks(
    tmp_path: Path, distribution: tuple[str, ...]
) -> None:
    ended = suites.run(tmp_path, NEEDY, *distribution, before=UNPRIVILEGED)

    needs = {
        claim.rpartition("/")[2]: answer.need or answer.verdict for claim, answer in ended.run.answers.items()
    }
    assert ended.code == 0
    assert needs == {
        "holds": Verdict.HOLDS,
        "first": "CAP_NET_ADMIN in the initial user namespace",
        "own": Verdict.HOLDS,
        "user": "uid:65534",
    }


def test_where_user_namespaces_are_forbidden_a_run_says_so(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, ONE, before=[*FORBIDDEN, FORBID, "sh"])

    assert ended.code == 77
    assert "/proc/sys/user/max_user_namespaces is 0" in ended.said


def test_a_failing_test_leaves_its_namespace_on_request_until_the_next_run(tmp_path: Path) -> None:
    failing = ONE.replace('observe("one", 1) == 1', 'observe("one", 1) == 2')

    first = suites.run(tmp_path, failing, "--keep-netns")
    kept = re.findall(r"ip netns exec (\S+) sh", first.said)
    there = [Path("/run/netns", name).exists() for name in kept]
    suites.run(tmp_path, ONE)

    assert there == [True]
    assert not Path("/run/netns", kept[0]).exists()


EVERY_VERDICT = (
    ONE
    + """
WRONG = differs("it is 2", since="2.6.12", commit="1da177e4c3f4", observed={"one": 2})

@claim("doc.7/one/differs", says="It is 1.", expect=WRONG)
def test_differs(ns, observe):
    assert observe("one", 2) == 1

@claim("doc.7/one/blocked", says="It takes what nobody has.", needs=[Need("a wonder", lambda: False)])
def test_blocked(ns):
    assert 1 == 1

@claim("doc.7/one/stale", says="It is 1.", expect=WRONG)
def test_stale(ns, observe):
    assert observe("one", 1) == 1
"""
)


@pytest.mark.parametrize("distribution", [(), ("-n", "1")], ids=["alone", "distributed"])
def test_junit_has_claim_verdict_and_observations(tmp_path: Path, distribution: tuple[str, ...]) -> None:
    ended = suites.run(
        tmp_path, EVERY_VERDICT, "-ra", "--junitxml", str(tmp_path / "junit.xml"), *distribution
    )

    cases = ElementTree.parse(tmp_path / "junit.xml").iter("testcase")
    found = {}
    for case in cases:
        properties = {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
        endings = {one.tag: one.attrib["message"] for one in case if one.tag != "properties"}
        found[properties.pop("claim").rpartition("/")[2]] = properties, endings
    assert found == {
        "holds": ({"verdict": "HOLDS", "observed one": "1"}, {}),
        "differs": ({"verdict": "DIFFERS", "declared": "it is 2", "observed one": "2"}, {}),
        "blocked": (
            {"verdict": "BLOCKED", "need": "a wonder"},
            {"skipped": "BLOCKED: a wonder is missing"},
        ),
        "stale": (
            {"verdict": "HOLDS", "declared": "it is 2", "observed one": "1"},
            {"failure": "the expectation is stale: it holds, but was declared to differ (it is 2)"},
        ),
    }
    assert "1 failed, 1 passed, 1 skipped, 1 xfailed" in ended.said
    assert "1 HOLDS though declared to differ (the expectation is stale)" in ended.said


def _wait_for(text: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    while text not in (line := process.stdout.readline()):
        assert line, f"it ended before it said {text!r}"


def _ends(pidfd: int) -> bool:
    ready, _, _ = select.select([pidfd], [], [], 30)
    os.close(pidfd)
    return bool(ready)
