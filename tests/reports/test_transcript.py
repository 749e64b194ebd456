"""Transcripts as files: what was written is read, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.errors import FileError
from reports.model import SCHEMA
from reports.transcript import Begin, Call, Line, Transcript, encode, read_transcripts

BEGIN = Begin(SCHEMA, "doc.7/one/holds", "test_one", "6.1.0", ("host",))
CALL = Call("listen", ("3", "1"), -1, "EINVAL", namespace="host")


def written(folder: Path, *lines: Line) -> Path:
    path = folder / "holds.jsonl"
    path.write_text(encode(lines))
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, BEGIN, CALL, CALL, BEGIN)

    assert read_transcripts(path) == [Transcript(BEGIN, (CALL, CALL)), Transcript(BEGIN, ())]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "holds no transcript"),
        (encode([CALL]), ":1: a call before"),
        (encode([BEGIN, Begin(SCHEMA, "doc.7/two/holds", "test_two", "6.1.0")]), ":2: a second claim"),
        (encode([BEGIN]).replace(f'"schema":{SCHEMA}', '"schema":99'), ":1: .*schema"),
        (encode([BEGIN, CALL])[:-9], ":2: "),
    ],
    ids=["empty", "no-test", "two-claims", "other-schema", "cut"],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "holds.jsonl"
    path.write_text(text)

    with pytest.raises(FileError) as caught:
        read_transcripts(path)

    assert caught.match(f"{path}{cause}" if cause.startswith(":") else cause)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        read_transcripts(tmp_path / "none.jsonl")
