from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import errors
from reports.ranges import Range
from reports.record import Claim, Expectation, Footer, Header, Record, Run, Verdict
from reports.runfile import (
    RunFileError,
    RunFileUnwritable,
    RunWriter,
    claim_from_json,
    decode,
    encode,
    read_run,
    record_from_json,
    to_json,
)
from tests.reports import sample

Lines = list[dict[str, Any]]


def written(path: Path, run: Run) -> Path:
    with RunWriter(path) as writer:
        writer.header(run.header)
        for record in run.records.values():
            writer.record(record)
        if run.footer:
            writer.footer(run.footer)
    return path


def lines() -> Lines:
    """A run of two claims, as JSON, for a test to spoil."""
    run = sample.run(sample.header(claims=(sample.DOUBLED, sample.FLOOR)), *sample.OLD_RECORDS[:2])
    assert run.footer
    return [to_json(run.header), *map(to_json, run.records.values()), to_json(run.footer)]


def dumped(spoilt: Lines) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in spoilt)


versions = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(
    lambda numbers: ".".join(map(str, numbers))
)
text = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Cc", "L"]), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)
observed = st.dictionaries(text, values, max_size=3)
ranges = st.builds(
    Range, st.none() | versions, st.none() | versions, st.lists(versions, max_size=2).map(tuple)
)
parts = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=8)
expectations = st.builds(Expectation, text, ranges, st.none() | text, observed)
claims = st.builds(
    Claim,
    st.tuples(parts, parts, parts).map("/".join),
    text,
    text,
    ranges,
    st.lists(text, max_size=2).map(tuple),
    st.lists(expectations, max_size=2).map(tuple),
)
records = st.builds(
    Record,
    text,
    st.sampled_from(Verdict),
    st.booleans(),
    observed,
    st.floats(0, 1e6),
    text,
    st.none() | text,
)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    asked = draw(st.lists(claims, max_size=4, unique_by=lambda claim: claim.id))
    head = draw(
        st.builds(
            Header,
            text,
            versions,
            text,
            text,
            st.none() | text,
            st.lists(text, max_size=2).map(tuple),
            text,
            st.just(tuple(asked)),
        )
    )
    answered = [claim for claim in asked if draw(st.booleans())]
    told = {claim.id: Record(claim.id, *draw(records.map(_rest))) for claim in answered}
    counts = {verdict.value: n for verdict, n in Run(head, told).counts().items()}
    return Run(head, told, draw(st.none() | st.builds(Footer, st.just(counts), st.integers(0, 5))))


def _rest(record: Record) -> tuple[Any, ...]:
    return (
        record.verdict,
        record.expected,
        record.observations,
        record.duration,
        record.detail,
        record.need,
    )


@given(run=runs())
def test_run_reads_back_as_it_was_written(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.mktemp("run") / "run.jsonl", run)

    assert read_run(path) == run


@given(claims)
def test_claim_survives_json(claim: Claim) -> None:
    assert claim_from_json(json.loads(json.dumps(to_json(claim)))) == claim


@given(records)
def test_record_survives_json(record: Record) -> None:
    assert record_from_json(json.loads(json.dumps(to_json(record)))) == record


@given(records)
def test_a_line_has_no_newline_but_its_last(record: Record) -> None:
    assert encode(record).count(b"\n") == 1


@given(record=records, data=st.data())
def test_a_line_cut_anywhere_is_an_interrupted_run(
    record: Record, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    head, line = encode(sample.header()), encode(record)
    path = tmp_path_factory.mktemp("run") / "run.jsonl"
    path.write_bytes(head + line[: data.draw(st.integers(0, len(line) - 2))])

    run = read_run(path)

    assert (run.records, run.interrupted) == ({}, True)


def test_growing_file_can_be_followed(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RunWriter(path) as writer:
        writer.header(sample.OLD.header)
        seen = [len(read_run(path).records)]
        for record in sample.OLD.records.values():
            writer.record(record)
            seen.append(len(read_run(path).records))

    assert seen == list(range(len(sample.OLD.records) + 1))


def test_last_line_cut_short_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(dumped(lines()[:2]) + b'{"kind": "record", "claim": "soc')

    run = read_run(path)

    assert (list(run.records), run.interrupted) == ([sample.DOUBLED.id], True)


def test_whole_last_line_needs_no_newline(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(dumped(lines()).rstrip(b"\n"))

    assert not read_run(path).interrupted


def test_fields_of_a_later_schema_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    newer = [{**line, "mood": {"fine": True}} for line in lines()]
    newer[0]["claims"][0]["colour"] = "blue"
    path.write_bytes(dumped(newer))

    assert len(read_run(path).records) == 2


def test_optional_fields_may_be_absent() -> None:
    line = b'{"kind": "record", "claim": "a.7/b/c", "verdict": "HOLDS", "expected": true}\n'

    assert decode(line) == Record("a.7/b/c", Verdict.HOLDS, True)


def spoil(line: int, **fields: object) -> Callable[[Lines], bytes]:
    """Sets fields of one line; ``...`` removes one."""

    def spoilt(run: Lines) -> bytes:
        run[line] |= fields
        run[line] = {name: value for name, value in run[line].items() if value is not ...}
        return dumped(run)

    return spoilt


def spoil_claim(**fields: object) -> Callable[[Lines], bytes]:
    def spoilt(run: Lines) -> bytes:
        run[0]["claims"][1] |= fields
        return dumped(run)

    return spoilt


def raw(line: bytes) -> Callable[[Lines], bytes]:
    return lambda run: dumped(run[:1]) + line + b"\n" + dumped(run[1:])


WRONG: list[tuple[Callable[[Lines], bytes], type[RunFileError], int, str]] = [
    (raw(b'"\xff"'), errors.NotUtf8, 2, "byte 2 of the line is no UTF-8"),
    (raw(b"{"), errors.NotJson, 2, "no JSON"),
    (raw(b""), errors.NotJson, 2, "no JSON"),
    (raw(b'{"kind": NaN}'), errors.NotJson, 2, "NaN"),
    (raw(b"[" * 100_000), errors.NotJson, 2, "nested too deep"),
    (raw(b"9" * 5_000), errors.NotJson, 2, "no JSON"),
    (raw(b"[]"), errors.NotAnObject, 2, "a list, not an object"),
    (raw(b"null"), errors.NotAnObject, 2, "null, not an object"),
    (raw(b'{"kind": "note"}'), errors.UnknownKind, 2, "'note' is no kind"),
    (raw(b'{"claim": "x"}'), errors.MissingField, 2, "no field 'kind'"),
    (raw(b'{"kind": 1}'), errors.WrongType, 2, "'kind' of the line is a whole number, not text"),
    (lambda run: dumped(run[1:]), errors.MissingHeader, 1, "first line must be the header"),
    (lambda run: dumped([run[0], *run]), errors.SecondHeader, 2, "second header"),
    (spoil(0, schema=2), errors.UnknownSchema, 1, "schema 2 is not known"),
    (spoil(0, schema=True), errors.WrongType, 1, "'schema' of the header is a boolean"),
    (spoil(0, release=...), errors.MissingField, 1, "the header has no field 'release'"),
    (spoil(0, capabilities=["a", 1]), errors.WrongType, 1, "'capabilities[]' of the header"),
    (spoil(0, claims=["a"]), errors.NotAnObject, 1, "the claim is text, not an object"),
    (spoil(0, release="next"), errors.BadRange, 1, "header's release: 'next' does not begin"),
    (spoil_claim(since="six"), errors.BadRange, 1, "claim socket.7/SO_RCVBUF/minimum-256: 'six'"),
    (spoil_claim(backports=["?"]), errors.BadRange, 1, "'?' does not begin"),
    (spoil_claim(id="socket.7/doubled"), errors.BadClaimId, 1, "page/topic/slug"),
    (spoil_claim(id="socket.7//doubled"), errors.BadClaimId, 1, "page/topic/slug"),
    (spoil_claim(id=sample.DOUBLED.id), errors.SecondClaim, 1, f"lists {sample.DOUBLED.id} twice"),
    (spoil_claim(expectations=[{}]), errors.MissingField, 1, "minimum-256 has no field 'why'"),
    (spoil(1, verdict=...), errors.MissingField, 2, "the record has no field 'verdict'"),
    (spoil(1, verdict="FINE"), errors.UnknownVerdict, 2, "'FINE' is no verdict"),
    (spoil(1, expected=1), errors.WrongType, 2, "'expected' of the record is a whole number, not a boolean"),
    (spoil(1, duration="long"), errors.WrongType, 2, "'duration' of the record is text, not a number"),
    (spoil(1, duration=10**400), errors.WrongType, 2, "too large"),
    (spoil(1, observations={"a": {}}), errors.WrongType, 2, "observations[a] of the record is an object"),
    (spoil(1, need=3), errors.WrongType, 2, "'need' of the record"),
    (spoil(1, claim="a.7/b/c"), errors.UnlistedClaim, 2, "'a.7/b/c', which the header does not list"),
    (spoil(2, claim=sample.DOUBLED.id), errors.SecondRecord, 3, f"second record for {sample.DOUBLED.id}"),
    (lambda run: dumped([*run, run[1]]), errors.AfterFooter, 5, "follow the footer"),
    (lambda run: dumped(run) + b'{"kind', errors.AfterFooter, 5, "follow the footer"),
    (spoil(3, counts={"HOLDS": 2}), errors.CountsContradict, 4, "2 HOLDS, the records 1 DIFFERS, 1 HOLDS"),
    (spoil(3, counts={"FINE": 2}), errors.UnknownVerdict, 4, "'FINE' is no verdict"),
    (spoil(3, exit_status=...), errors.MissingField, 4, "the footer has no field 'exit_status'"),
]


@pytest.mark.parametrize(("spoilt", "kind", "line", "cause"), WRONG)
def test_wrong_file_is_refused_with_its_own_error(
    tmp_path: Path, spoilt: Callable[[Lines], bytes], kind: type[RunFileError], line: int, cause: str
) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(spoilt(lines()))

    with pytest.raises(RunFileError) as caught:
        read_run(path)

    assert (type(caught.value), caught.value.path, caught.value.line) == (kind, path, line)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert cause in str(caught.value)


@pytest.mark.parametrize("held", [b"", b'{"kind": "head'])
def test_file_without_a_whole_line_has_no_header(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(held)

    with pytest.raises(errors.MissingHeader, match="no whole line"):
        read_run(path)


def test_absent_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(errors.Unreadable, match="No such file") as caught:
        read_run(tmp_path / "none.jsonl")

    assert caught.value.path == tmp_path / "none.jsonl"


def test_folder_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(errors.Unreadable, match="Is a directory"):
        read_run(tmp_path)


def test_every_error_of_a_run_file_is_provoked() -> None:
    provoked = {kind for _, kind, _, _ in WRONG} | {errors.MissingHeader, errors.Unreadable}

    assert provoked == set(RunFileError.__subclasses__())


def test_value_that_json_cannot_hold_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RunWriter(path) as writer:
        writer.header(sample.header())
        with pytest.raises(ValueError, match="not JSON compliant"):
            writer.record(Record(sample.DOUBLED.id, Verdict.HOLDS, True, {"elapsed": math.inf}))

    assert not read_run(path).records


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = written(tmp_path / "a" / "b" / "run.jsonl", sample.OLD)

    assert read_run(path) == sample.OLD


def test_unwritable_path_tells_cause_and_way_out(tmp_path: Path) -> None:
    with pytest.raises(RunFileUnwritable) as caught:
        RunWriter(tmp_path)

    assert caught.value.path == tmp_path
    assert str(caught.value).startswith(f"{tmp_path}: the run cannot be written: Is a directory; name a file")


def test_full_disk_is_told_as_unwritable() -> None:
    with RunWriter("/dev/full") as writer, pytest.raises(RunFileUnwritable, match="No space left"):
        writer.header(sample.header())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_under_sudo_what_is_made_belongs_to_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "12345")
    monkeypatch.setenv("SUDO_GID", "54321")

    path = written(tmp_path / "new" / "run.jsonl", sample.OLD)

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

    written(path, sample.OLD)

    assert path.stat().st_uid == 0
