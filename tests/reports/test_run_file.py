from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reports.errors import FileError, RunFileUnwritable
from reports.model import Answer, Footer, Header, Run, Verdict
from reports.run_file import RunWriter, decode, encode, read_run, read_runs
from tests.reports import sample
from tests.reports.values import answers, headers, runs

Lines = list[dict[str, Any]]


def lines() -> Lines:
    """A run of two claims, as JSON, for a test to spoil."""
    head = sample.header("5.10.0", sample.DOUBLED, sample.FLOOR)
    return [json.loads(encode(one)) for one in (head, *sample.OLD_ANSWERS[:2], Footer(2))]


def dumped(spoilt: Lines) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in spoilt)


@given(run=runs())
def test_run_reads_back_as_it_was_written(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = sample.write(tmp_path_factory.mktemp("run") / "run.jsonl", run)

    assert read_run(path) == run


@given(answers())
def test_answer_survives_its_line(answer: Answer) -> None:
    assert decode(encode(answer)) == answer


@given(headers())
def test_header_survives_its_line(header: Header) -> None:
    assert decode(encode(header)) == header


@given(answers())
def test_a_line_has_no_newline_but_its_last(answer: Answer) -> None:
    assert encode(answer).count(b"\n") == 1


@given(answer=answers(st.just(sample.DOUBLED.id)), data=st.data())
def test_a_line_cut_anywhere_is_an_interrupted_run(
    answer: Answer, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    head, line = encode(sample.header("6.1", sample.DOUBLED)), encode(answer)
    path = tmp_path_factory.mktemp("run") / "run.jsonl"
    path.write_bytes(head + line[: data.draw(st.integers(0, len(line) - 2))])

    run = read_run(path)

    assert (run.answers, run.interrupted) == ({}, True)


@given(line=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_a_line_or_one_message(line: bytes) -> None:
    try:
        decode(line)
    except FileError as error:
        message = str(error)
    else:
        message = "a line"

    assert message.isprintable()


def test_fields_that_hold_their_default_are_absent() -> None:
    assert encode(Answer("a.7/b/c", Verdict.HOLDS)) == (
        b'{"kind":"answer","claim":"a.7/b/c","verdict":"HOLDS"}\n'
    )


def test_growing_file_can_be_followed(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RunWriter(path) as writer:
        writer.write(sample.OLD.header)
        seen = [len(read_run(path).answers)]
        for answer in sample.OLD.answers.values():
            writer.write(answer)
            seen.append(len(read_run(path).answers))

    assert seen == list(range(len(sample.OLD.answers) + 1))


def test_last_line_cut_short_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(dumped(lines()[:2]) + b'{"kind": "answer", "claim": "soc')

    run = read_run(path)

    assert (list(run.answers), run.interrupted) == ([sample.DOUBLED.id], True)


def test_whole_last_line_needs_no_newline(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(dumped(lines()).rstrip(b"\n"))

    assert not read_run(path).interrupted


def test_fields_of_a_later_suite_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(dumped([{**line, "mood": {"fine": True}} for line in lines()]))

    assert len(read_run(path).answers) == 2


def test_optional_fields_may_be_absent() -> None:
    line = b'{"kind": "answer", "claim": "a.7/b/c", "verdict": "HOLDS"}\n'

    assert decode(line) == Answer("a.7/b/c", Verdict.HOLDS)


def spoil(line: int, **fields: object) -> Callable[[Lines], bytes]:
    """Sets fields of one line; ``...`` removes one."""

    def spoilt(run: Lines) -> bytes:
        run[line] |= fields
        run[line] = {name: value for name, value in run[line].items() if value is not ...}
        return dumped(run)

    return spoilt


def raw(line: bytes) -> Callable[[Lines], bytes]:
    return lambda run: dumped(run[:1]) + line + b"\n" + dumped(run[1:])


def observing(value: bytes) -> Callable[[Lines], bytes]:
    """An answer with one observation, as it is written."""
    name = sample.DOUBLED.id.encode()
    return raw(b'{"kind":"answer","claim":"%b","verdict":"HOLDS","observations":{"a\\n":%b}}' % (name, value))


STEER = "\x1b[31m\n\r\u202e"

WRONG: list[tuple[Callable[[Lines], bytes], int, str]] = [
    # JSON
    (raw(b'"\xff"'), 2, "Expected `object`, got `str`"),
    (
        raw(b'{"kind":"answer","claim":"a/b/\xff","verdict":"HOLDS"}'),
        2,
        "utf-8",
    ),
    (raw(b'{"kind":"answer","claim":"a/b/\\udcff","verdict":"HOLDS"}'), 2, "invalid utf-16 surrogate pair"),
    (raw(b"{"), 2, "truncated"),
    (raw(b""), 2, "truncated"),
    (raw(b"\x1b[31m"), 2, "JSON is malformed"),
    (raw(b'{"kind": NaN}'), 2, "JSON is malformed"),
    (raw(b'{"kind": "footer", "answers": 0} {}'), 2, "trailing characters"),
    (raw(b"[" * 100_000), 2, "Expected `object`, got `array`"),
    (raw(b'{"kind":"footer","answers":0,"x":' + b"[" * 100_000), 2, "recursion"),
    (raw(b"9" * 5_000), 2, "out of range"),
    (raw(b"[]"), 2, "Expected `object`, got `array`"),
    (raw(b"null"), 2, "Expected `object`, got `null`"),
    # kinds
    (raw(b'{"kind": "note"}'), 2, "Invalid value 'note' - at `$.kind`"),
    (raw(json.dumps({"kind": STEER}).encode()), 2, r"Invalid value '\x1b[31m\n\r\u202e' - at `$.kind`"),
    (raw(b'{"claim": "x"}'), 2, "missing required field `kind`"),
    (raw(b'{"kind": 1}'), 2, "Expected `str` - at `$.kind`"),
    (lambda run: dumped(run[1:]), 1, "first line must be the header"),
    (lambda run: dumped(run[3:]), 1, "first line must be the header"),
    (lambda run: dumped([run[0], *run]), 2, "second header"),
    # header
    (spoil(0, schema=1), 1, "schema 1 is not known here, only schema 2"),
    (spoil(0, schema=3, asked={}), 1, "schema 3 is not known here, only schema 2"),
    (spoil(0, schema=10**30), 1, f"schema {10**30} is not known here"),
    (spoil(0, schema=True), 1, "Expected `int`, got `bool` - at `$.schema`"),
    (spoil(0, schema=...), 1, "missing required field `schema`"),
    (spoil(0, release=...), 1, "missing required field `release`"),
    (spoil(0, kernel=""), 1, "length >= 1 - at `$.kernel`"),
    (spoil(0, capabilities=["a", 1]), 1, "Expected `str`, got `int` - at `$.capabilities[1]`"),
    (spoil(0, release="next"), 1, "'next' does not begin with a kernel version"),
    (spoil(0, release=STEER), 1, r"'\x1b[31m\n\r\u202e' does not begin with a kernel version"),
    (spoil(0, release="9" * 5_000), 1, "4300 digits"),
    (spoil(0, asked=["socket.7/doubled"]), 1, "matching regex"),
    (spoil(0, asked=["socket.7//doubled"]), 1, "matching regex"),
    (spoil(0, asked=["a.7/b/c\n"]), 1, "matching regex"),
    (spoil(0, asked=["a.7/b c/d"]), 1, "matching regex"),
    (spoil(0, asked=[sample.DOUBLED.id] * 2), 1, "lists a claim twice"),
    # answer
    (spoil(1, claim="doubled"), 2, "matching regex"),
    (spoil(1, verdict=...), 2, "missing required field `verdict`"),
    (spoil(1, verdict="FINE"), 2, "Invalid enum value 'FINE' - at `$.verdict`"),
    (spoil(1, verdict=STEER), 2, "Invalid enum value '\\x1b[31m\\n"),
    (spoil(1, verdict="UNCLAIMED"), 2, "UNCLAIMED follows from the catalogue"),
    (spoil(1, also=["UNCLAIMED"]), 2, "UNCLAIMED follows from the catalogue"),
    (spoil(1, also="HOLDS"), 2, "at `$.also`"),
    (spoil(1, duration="long"), 2, "Expected `float | null`, got `str` - at `$.duration`"),
    (spoil(1, duration=-1), 2, "Expected `float` >= 0.0 - at `$.duration`"),
    (raw(b'{"kind":"answer","claim":"a/b/c","verdict":"HOLDS","duration":1e999}'), 2, "out of range"),
    (spoil(1, need=3), 2, "at `$.need`"),
    (spoil(1, detail=None), 2, "at `$.detail`"),
    (spoil(1, observations=[]), 2, "at `$.observations`"),
    (observing(b"{}"), 2, "got `object` - at `$.observations[...]`"),
    (observing(b'[{"\\n":1}]'), 2, r"dict {'\n': 1} cannot be an observation"),
    (observing(b"1e999"), 2, "out of range"),
    (observing(b"9" * 40), 2, "cannot be an observation: a finite number of 64 bits"),
    (observing(b"9" * 5_000), 2, "out of range"),
    (observing(b"[" * 17 + b"]" * 17), 2, "lists nested deeper than 16 cannot be an observation"),
    (observing(b"[" * 50_000 + b"]" * 50_000), 2, "recursion"),
    (spoil(1, claim="a.7/b/c"), 2, "an answer about a.7/b/c, which the header does not list"),
    (spoil(1, claim="a.7/b/\u202ec"), 2, r"an answer about a.7/b/\u202ec, which"),
    (spoil(2, claim=sample.DOUBLED.id), 3, f"a second answer about {sample.DOUBLED.id}"),
    # footer
    (lambda run: dumped([*run, run[1]]), 5, "nothing may follow the footer"),
    (lambda run: dumped([*run, run[3]]), 5, "nothing may follow the footer"),
    (lambda run: dumped(run) + b'{"kind', 5, "nothing may follow the footer"),
    (lambda run: dumped(run) + b"\n", 5, "nothing may follow the footer"),
    (spoil(3, answers=1), 4, "the footer counts 1 answers, and there are 2"),
    (spoil(3, answers=-1), 4, "Expected `int` >= 0"),
    (spoil(3, answers=True), 4, "Expected `int`, got `bool`"),
    (spoil(3, answers=...), 4, "missing required field `answers`"),
    (lambda run: dumped([*run[:2], {**run[3], "answers": 1}]), 3, "1 of the claims that were asked have no"),
]


@pytest.mark.parametrize(("spoilt", "line", "cause"), WRONG, ids=[cause for _, _, cause in WRONG])
def test_wrong_file_is_one_message_with_file_line_and_cause(
    tmp_path: Path, spoilt: Callable[[Lines], bytes], line: int, cause: str
) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(spoilt(lines()))

    with pytest.raises(FileError) as caught:
        read_run(path)

    message = str(caught.value)
    assert (caught.value.path, caught.value.line, message.isprintable()) == (path, line, True)
    assert message.startswith(f"{path}:{line}: ")
    assert cause.lower() in message.lower()


@pytest.mark.parametrize("held", [b"", b'{"kind": "head'])
def test_file_without_a_whole_line_has_no_header(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(held)

    with pytest.raises(FileError, match=r"run\.jsonl: the file holds no whole line, so no header"):
        read_run(path)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.jsonl: the run cannot be read: No such file or directory"):
        read_run(tmp_path / "none.jsonl")


def test_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="the run cannot be read: Is a directory"):
        read_run(tmp_path)


def test_name_of_a_wrong_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31m\n.jsonl"
    path.write_bytes(b"{}\n")

    with pytest.raises(FileError) as caught:
        read_run(path)

    assert str(caught.value).startswith(rf"{tmp_path}/\x1b[31m\n.jsonl:1: ")


def test_runs_of_a_folder_come_oldest_kernel_first_and_linux_before_others(tmp_path: Path) -> None:
    kernels = {"c": "6.1.9", "a": "6.12.1", "b": "5.10.3"}
    for name, release in kernels.items():
        sample.write(tmp_path / f"{name}.jsonl", sample.run(sample.header(release)))
    other = replace(sample.header("4.4.0"), implementation="gVisor")
    sample.write(tmp_path / "0.jsonl", sample.run(other))
    (tmp_path / "notes.txt").touch()

    releases = [run.header.release for run in read_runs(tmp_path)]

    assert releases == ["5.10.3", "6.1.9", "6.12.1", "4.4.0"]


def test_runs_of_one_release_come_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        run = sample.on(sample.OLD, kernel=f"uml:{name}")
        sample.write(tmp_path / f"{name}.jsonl", run)

    assert [run.header.kernel for run in read_runs(tmp_path)] == ["uml:a", "uml:b", "uml:c"]


def test_folder_without_run_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="the folder holds no run file"):
        read_runs(tmp_path)


@pytest.mark.parametrize("value", [float("inf"), 2**64, {}])
def test_value_that_json_cannot_hold_makes_no_answer(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be an observation"):
        Answer(sample.DOUBLED.id, Verdict.HOLDS, {"elapsed": value})


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = sample.write(tmp_path / "a" / "b" / "run.jsonl", sample.OLD)

    assert read_run(path) == sample.OLD


def test_unwritable_path_is_named_with_cause_and_way_out(tmp_path: Path) -> None:
    with pytest.raises(RunFileUnwritable) as caught:
        RunWriter(tmp_path)

    assert caught.value.path == tmp_path
    assert str(caught.value).startswith(f"{tmp_path}: the run cannot be written: Is a directory; name a file")


def test_name_of_an_unwritable_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "\x1b[31m\n"
    folder.mkdir()

    with pytest.raises(RunFileUnwritable) as caught:
        RunWriter(folder)

    assert str(caught.value).isprintable()


def test_full_disk_is_unwritable() -> None:
    with RunWriter("/dev/full") as writer, pytest.raises(RunFileUnwritable, match="No space left"):
        writer.write(sample.header())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_under_sudo_what_is_made_belongs_to_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "12345")
    monkeypatch.setenv("SUDO_GID", "54321")

    path = sample.write(tmp_path / "new" / "run.jsonl", sample.OLD)

    owners = [(one.stat().st_uid, one.stat().st_gid) for one in (path, path.parent, tmp_path)]
    assert owners == [(12345, 54321), (12345, 54321), (0, 0)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_under_sudo_a_file_that_was_there_keeps_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "12345")
    monkeypatch.setenv("SUDO_GID", "54321")
    path = tmp_path / "run.jsonl"
    path.touch()

    sample.write(path, sample.OLD)

    assert path.stat().st_uid == 0
