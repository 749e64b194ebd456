"""What there may be of a claim beside its answers is read by claim, wherever the files lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.errors import FileError
from reports.site.materials import Material, read_materials

CLAIM = "socket.7/SO_MARK/needs-capability"
BEGIN = {
    "kind": "test",
    "schema": 2,
    "claim": CLAIM,
    "test": "test_mark[7]",
    "release": "6.1",
    "hosts": ["left"],
}
CALLS = (
    {"kind": "call", "name": "socket", "arguments": ["AF_INET", "SOCK_STREAM", "0"], "result": 3},
    {"kind": "call", "name": "listen", "arguments": ["3", "1"], "result": -1, "errno": "EPERM"}
    | {"namespace": "left", "thread": 1, "process": 2},
    {"kind": "call", "name": "poll", "arguments": [], "result": 1, "note": "([{fd=3}])"},
    {"kind": "call", "name": "recv", "arguments": ["3"]},
)


def put(path: Path, *lines: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


def test_nothing_is_known_where_nothing_was_made() -> None:
    assert read_materials() == {}


def test_transcript_is_a_line_for_each_call(tmp_path: Path) -> None:
    put(tmp_path / f"{CLAIM}.jsonl", BEGIN, *CALLS)

    assert read_materials(transcripts=tmp_path)[CLAIM].transcript.splitlines() == [
        "test_mark[7] on 6.1",
        "  socket(AF_INET, SOCK_STREAM, 0) = 3",
        "  [left, thread 1, process 2] listen(3, 1) = -1 EPERM",
        "  poll() = 1 ([{fd=3}])",
        "  recv(3) = ?",
    ]


def test_reproducer_is_a_program(tmp_path: Path) -> None:
    put(tmp_path / f"{CLAIM}.c", "int main(void) {}\n")
    put(tmp_path / f"{CLAIM}.txt", "what it said")

    assert read_materials(reproducers=tmp_path) == {CLAIM: Material(reproducer="int main(void) {}\n")}


def test_faults_are_those_that_were_noticed_each_once(tmp_path: Path) -> None:
    faults = [
        {"test": "t", "operator": operator, "call": call, "number": 1, "outcome": outcome}
        for operator, call, outcome in (
            ("refused", "bind() = 0", "differs"),
            ("refused", "bind() = 0", "differs"),
            ("no-op", "bind() = 0", "observed"),
            ("end", "recv() = 1", "timed out"),
            ("no-op", "close() = 0", "survived"),
            ("no-op", "send() = 0", "not reached"),
        )
    ]
    path = put(tmp_path / "faults.jsonl", {"claim": CLAIM, "place": "x.py:1", "faults": faults})

    assert read_materials(faults=path)[CLAIM].faults == (
        ("refused", "bind() = 0"),
        ("no-op", "bind() = 0"),
        ("end", "recv() = 1"),
    )


@pytest.mark.parametrize("name", ["transcripts", "reproducers", "faults"])
def test_what_is_named_must_be_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="none"):
        read_materials(**{name: tmp_path / "none"})


def test_bad_sweep_is_named_with_its_line(tmp_path: Path) -> None:
    path = put(tmp_path / "faults.jsonl", {"claim": CLAIM, "faults": []}, "{}\n")

    with pytest.raises(FileError, match=r"faults\.jsonl:2: .*claim"):
        read_materials(faults=path)


def test_bad_transcript_is_named_with_its_line(tmp_path: Path) -> None:
    put(tmp_path / f"{CLAIM}.jsonl", BEGIN, {"kind": "call"})

    with pytest.raises(FileError, match=r"needs-capability\.jsonl:2: "):
        read_materials(transcripts=tmp_path)
