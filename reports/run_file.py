"""Runs as files: JSON lines, one header, one answer per claim, one footer. SCHEMA.md is the reference."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import msgspec

from reports import decoding
from reports.errors import FileError, RunFileUnwritable
from reports.model import Answer, Footer, Header, Run, Verdict, oldest_first
from reports.reading import contents

Line = Header | Answer | Footer
"""What a line of a run file holds."""

_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)


def encode(value: Line) -> bytes:
    """A line of a run file, newline included."""
    return _encoder.encode(value) + b"\n"


@lru_cache(maxsize=2**14)  # most kernels answer alike, so most lines of reference runs are equal
def decode(line: bytes) -> Line:
    """The value in one line of a run file. Raises: a FileError that names no file yet."""
    return decoding.decode(_decoder, line)


class RunWriter:
    """Writes a run line by line, each on disk before the call returns, so that it can be followed.

    Missing folders are made. What is made under sudo belongs to the user who called sudo.
    Raises: RunFileUnwritable, here and from every line.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._file = _open(self.path)
        except OSError as error:
            raise RunFileUnwritable(self.path, error) from error

    def write(self, value: Line) -> None:
        line = memoryview(encode(value))
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise RunFileUnwritable(self.path, error) from error

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_run(path: str | os.PathLike[str]) -> Run:
    """The run in a file.

    With no footer it was interrupted. A last line without a newline that is cut short was being written
    when the run was interrupted, or is being written now: everything before it counts.
    Raises: FileError.
    """
    path = Path(path)
    return _Reading(path).read(BytesIO(contents(path, "the run")))


def read_runs(folder: Path) -> list[Run]:
    """The runs in a folder, oldest kernel first. Raises: FileError."""
    return oldest_first(map(read_run, run_files(folder)))


def run_files(folder: Path) -> list[Path]:
    """The run files in a folder, by name. Raises: FileError where there are none."""
    if files := sorted(folder.glob("*.jsonl")):
        return files
    raise FileError("the folder holds no run file, whose name ends in .jsonl", folder)


class _Reading:
    """A run as far as it has been read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header | None = None
        self.asked: frozenset[str] = frozenset()
        self.answers: dict[str, Answer] = {}
        self.footer: Footer | None = None

    def read(self, lines: Iterable[bytes]) -> Run:
        for number, line in enumerate(lines, start=1):
            try:
                self._take(line)
            except FileError as error:
                error.path, error.line = self.path, number
                raise
        if self.header is None:
            raise FileError("the file holds no whole line, so no header", self.path)
        return Run(self.header, self.answers, self.footer)

    def _take(self, line: bytes) -> None:
        if self.footer is not None:
            raise FileError("nothing may follow the footer")
        if _cut_short(line):
            return
        match decode(line):
            case Header() as header:
                self._take_header(header)
            case _ if self.header is None:
                raise FileError("the first line must be the header")
            case Answer() as answer:
                self._take_answer(answer)
            case Footer() as footer:
                self._take_footer(footer)

    def _take_header(self, header: Header) -> None:
        if self.header is not None:
            raise FileError("a second header; a file holds one run")
        self.header = header
        self.asked = frozenset(header.asked)
        if len(self.asked) < len(header.asked):
            raise FileError("the header lists a claim twice")

    def _take_answer(self, answer: Answer) -> None:
        if self.asked and answer.claim not in self.asked:
            raise FileError(f"an answer about {answer.claim}, which the header does not list")
        if answer.claim in self.answers:
            raise FileError(f"a second answer about {answer.claim}")
        if answer.verdict is Verdict.UNCLAIMED or Verdict.UNCLAIMED in answer.also:
            raise FileError("UNCLAIMED follows from the catalogue, so no run file holds it")
        self.answers[answer.claim] = answer

    def _take_footer(self, footer: Footer) -> None:
        if footer.answers != len(self.answers):
            raise FileError(f"the footer counts {footer.answers} answers, and there are {len(self.answers)}")
        if missing := len(self.asked - self.answers.keys()):
            raise FileError(f"a footer, though {missing} of the claims that were asked have no answer")
        self.footer = footer


def _cut_short(line: bytes) -> bool:
    """Whether a line lost its end; a part of an object is never itself JSON, so no whole line is meant."""
    return not line.endswith(b"\n") and not decoding.is_json(line)


def _open(path: Path) -> BinaryIO:
    new = [one for one in (path, *path.parents) if not one.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path in new:
        path.touch()
    for one in new:
        _give_to_caller(one)
    return path.open("wb", buffering=0)


def _give_to_caller(path: Path) -> None:
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if uid.isdecimal() and gid.isdecimal() and os.geteuid() == 0:
        os.chown(path, int(uid), int(gid))
