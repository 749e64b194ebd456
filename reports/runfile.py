"""Runs as files: JSON lines, one header, one record per claim, one footer. SCHEMA.md is the reference."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from reports.errors import (
    AfterFooter,
    CountsContradict,
    MissingHeader,
    NotJson,
    NotUtf8,
    RunFileError,
    RunFileUnwritable,
    SecondHeader,
    SecondRecord,
    UnknownKind,
    UnlistedClaim,
    Unreadable,
)
from reports.record import Footer, Header, Record, Run
from reports.schema import (
    Fields,
    Json,
    claim_from_json,
    footer_from_json,
    frozen,
    header_from_json,
    record_from_json,
    to_json,
)

__all__ = [
    "RunFileError",
    "RunFileUnwritable",
    "RunWriter",
    "claim_from_json",
    "decode",
    "encode",
    "frozen",
    "read_run",
    "record_from_json",
    "to_json",
]


def encode(value: Header | Record | Footer) -> bytes:
    """A line of a run file, newline included.

    Pure ASCII, so that text no UTF-8 can hold (a name with a stray byte in it) comes back as it was.
    Raises: ValueError for a float that is not finite, TypeError for a value that is no JSON.
    """
    return json.dumps(to_json(value), allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> Header | Record | Footer:
    """The value in one line of a run file. Raises: a RunFileError that knows no file yet."""
    fields = _fields(line)
    match fields.text("kind"):
        case "header":
            return header_from_json(fields.json)
        case "record":
            return record_from_json(fields.json)
        case "footer":
            return footer_from_json(fields.json)
        case kind:
            raise UnknownKind(f"{kind!r} is no kind of line; they are header, record, footer")


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

    def header(self, header: Header) -> None:
        self._line(header)

    def record(self, record: Record) -> None:
        self._line(record)

    def footer(self, footer: Footer) -> None:
        self._line(footer)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _line(self, value: Header | Record | Footer) -> None:
        line = memoryview(encode(value))
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise RunFileUnwritable(self.path, error) from error


def read_run(path: str | os.PathLike[str]) -> Run:
    """The run in a file.

    With no footer it was interrupted. A last line without a newline that is cut short was being written
    when the run was interrupted, or is being written now: everything before it counts.
    Raises: a RunFileError below which every way of being wrong has its own class.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            lines = list(file)
    except OSError as error:
        raise Unreadable(f"the run cannot be read: {error.strerror}", path) from error
    return _Reading(path).read(lines)


class _Reading:
    """A run as far as it has been read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header | None = None
        self.listed: frozenset[str] = frozenset()
        self.records: dict[str, Record] = {}
        self.footer: Footer | None = None

    def read(self, lines: Iterable[bytes]) -> Run:
        for number, line in enumerate(lines, start=1):
            try:
                self._take(line)
            except RunFileError as error:
                error.path, error.line = self.path, number
                raise
        if self.header is None:
            raise MissingHeader("the file holds no whole line, so no header", self.path)
        return Run(self.header, self.records, self.footer)

    def _take(self, line: bytes) -> None:
        if self.footer is not None:
            raise AfterFooter("nothing may follow the footer")
        if _cut_short(line):
            return
        match decode(line):
            case Header() as header:
                self._take_header(header)
            case _ if self.header is None:
                raise MissingHeader("the first line must be the header")
            case Record() as record:
                self._take_record(record)
            case Footer() as footer:
                self._take_footer(footer)

    def _take_header(self, header: Header) -> None:
        if self.header is not None:
            raise SecondHeader("a second header; a file holds one run")
        self.header = header
        self.listed = frozenset(claim.id for claim in header.claims)

    def _take_record(self, record: Record) -> None:
        if record.claim not in self.listed:
            raise UnlistedClaim(f"a record for {record.claim!r}, which the header does not list")
        if record.claim in self.records:
            raise SecondRecord(f"a second record for {record.claim}")
        self.records[record.claim] = record

    def _take_footer(self, footer: Footer) -> None:
        counted = Counter(record.verdict.value for record in self.records.values())
        if Counter(footer.counts) != counted:
            raise CountsContradict(f"the footer counts {_told(footer.counts)}, the records {_told(counted)}")
        self.footer = footer


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()) if count) or "nothing"


def _fields(line: bytes) -> Fields:
    return Fields.of(_loaded(line), "line")


def _loaded(line: bytes) -> object:
    try:
        return json.loads(line.decode(), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise NotUtf8(f"byte {error.start + 1} of the line is no UTF-8") from error
    except RecursionError as error:
        raise NotJson("the line is nested too deep") from error
    except ValueError as error:
        raise NotJson(f"the line is no JSON: {error}") from error


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is no number of JSON")


def _cut_short(line: bytes) -> bool:
    """Whether a line lost its end; a part of an object is never itself JSON, so no whole line is meant."""
    if line.endswith(b"\n"):
        return False
    try:
        _loaded(line)
    except (NotJson, NotUtf8):
        return True
    return False


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
