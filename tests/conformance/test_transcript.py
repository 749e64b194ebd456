"""``--transcript`` keeps the socket calls of a test's body, wherever the test runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reports.transcript import Call, read_transcripts
from tests.conformance import suites

NO_STRACE = 69

SUITE = """
@pytest.fixture
def before():
    with Socket.udp() as sock:
        sock.getsockname()
    yield
    with Socket.udp() as sock:
        sock.getsockname()

@claim("doc.7/backlog/listens", says="It listens.")
@pytest.mark.parametrize("backlog", [1, 2])
def test_listens(ns, before, observe, backlog):
    with Socket.tcp() as sock:
        sock.listen(backlog)
        assert observe("listens", sock.acceptconn) is True

@claim("doc.7/hosts/both", says="Both hosts have sockets.")
def test_hosts(peers):
    with peers.left.entered(), Socket.tcp() as left, peers.right.entered(), Socket.udp() as right:
        os.read(os.open("/dev/null", os.O_RDONLY), 1)
        assert left.fileno() != right.fileno()
"""

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing")


def calls(folder: Path, claim: str) -> list[list[Call]]:
    return [list(one.calls) for one in read_transcripts(folder / f"{claim}.jsonl")]


@pytest.mark.parametrize("arguments", [[], ["-n", "2"]], ids=["one-process", "workers"])
def test_the_calls_of_each_body_are_kept(tmp_path: Path, arguments: list[str]) -> None:
    ended = suites.run(tmp_path, SUITE, "--transcript", str(tmp_path / "kept"), *arguments)

    found = calls(tmp_path / "kept", "doc.7/backlog/listens")
    assert ended.code == 0, ended.said
    assert [[call.name for call in test] for test in found] == 2 * [
        ["socket", "listen", "getsockopt", "close"]
    ]
    assert {test[1].arguments[1] for test in found} == {"1", "2"}


def test_a_second_run_begins_anew(tmp_path: Path) -> None:
    for _ in range(2):
        suites.run(tmp_path, SUITE, "--transcript", str(tmp_path / "kept"))

    assert len(calls(tmp_path / "kept", "doc.7/backlog/listens")) == 2


def test_a_call_tells_on_which_host_it_was_made(tmp_path: Path) -> None:
    suites.run(tmp_path, SUITE, "--transcript", str(tmp_path / "kept"))

    [found] = calls(tmp_path / "kept", "doc.7/hosts/both")
    assert [(call.name, call.namespace) for call in found if call.name == "socket"] == [
        ("socket", "left"),
        ("socket", "right"),
    ]


def test_without_strace_there_is_a_sentence_and_a_status_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    ended = suites.run(tmp_path, SUITE, "--transcript", str(tmp_path / "kept"))

    assert ended.code == NO_STRACE
    assert "--transcript takes strace; strace is missing" in ended.said


def test_other_kernels_are_not_traced(tmp_path: Path) -> None:
    ended = suites.run(
        tmp_path, SUITE, "--transcript", "kept", "--kernel", "uml:6.1", "--record-dir", str(tmp_path)
    )

    assert ended.code == 4
    assert "leave it out with --kernel" in ended.said


def test_a_transcript_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, SUITE, "--transcript", "/proc/none")

    assert ended.code == 73
    assert "/proc/none/doc.7/backlog/listens.jsonl: the transcript cannot be written" in ended.said


def test_what_differs_undeclared_is_traced_without_being_asked(tmp_path: Path) -> None:
    suite = """
    @claim("doc.7/backlog/differs", says="It does not listen.")
    def test_differs(ns):
        with Socket.tcp() as sock:
            sock.listen()
            assert sock.acceptconn is False
    """

    ended = suites.run(tmp_path, suite)

    assert "python -m reports reproduce doc.7/backlog/differs" in ended.said
    assert [
        [call.name for call in test]
        for test in calls(tmp_path / "build" / "transcripts", "doc.7/backlog/differs")
    ] == [["socket", "listen", "getsockopt", "close"]]
