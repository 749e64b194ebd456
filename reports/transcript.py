"""Transcripts as files: the system calls that a claim's tests made, JSON lines.

A line that begins a test, then its calls in the order of their return; a claim may have several tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from reports import decoding
from reports.errors import FileError
from reports.model import SCHEMA, ClaimId, other_schema
from reports.reading import contents

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]*$(?!\s)")]
"""What can stand in a C program as it is."""


class Begin(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="test"):
    """A test begins."""

    schema: int
    claim: ClaimId
    test: str
    """``test_reads_back_doubled[4096]``"""
    release: str
    """The kernel that answered."""
    hosts: tuple[Name, ...] = ()
    """The network namespaces that were there before it: ``host``, or ``left`` and ``right``."""

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(other_schema(self.schema))


class Call(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="call"):
    """A system call, in strace's notation."""

    name: Name
    arguments: tuple[str, ...]
    """``3``, ``SOL_SOCKET``, ``[1]``, ``"hello"``, ``{sa_family=AF_INET, ...}``"""
    result: int | None = None
    """What it returned; null where it did not return."""
    errno: Name | None = None
    note: str = ""
    """What strace says after the result: which descriptors are ready."""
    thread: int = 0
    """0 is the thread that runs the test; the others are counted in the order of their first calls."""
    process: int = 0
    """0 is the test's own process."""
    namespace: Name = ""
    """The network namespace that the thread is in: ``left``."""


Line = Begin | Call


@dataclass(frozen=True)
class Transcript:
    """What one test called."""

    begin: Begin
    calls: tuple[Call, ...]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)


def encode(lines: Iterable[Line]) -> str:
    """Lines of a file, each with its newline."""
    return "".join(_encoder.encode(line).decode() + "\n" for line in lines)


def transcript_path(folder: Path, claim: str) -> Path:
    """Where a claim's transcript is below a folder: ``socket.7/SO_RCVBUF/doubled.jsonl``."""
    return folder / f"{claim}.jsonl"


def read_transcripts(path: str | os.PathLike[str]) -> list[Transcript]:
    """What the tests of a claim called. Raises: FileError."""
    path = Path(path)
    tests: list[tuple[Begin, list[Call]]] = []
    for number, line in enumerate(contents(path, "the transcript").splitlines(), start=1):
        try:
            _take(decoding.decode(_decoder, line), tests)
        except FileError as error:
            error.path, error.line = path, number
            raise
    if not tests:
        raise FileError("the file holds no transcript", path)
    return [Transcript(begin, tuple(calls)) for begin, calls in tests]


def _take(line: Line, tests: list[tuple[Begin, list[Call]]]) -> None:
    match line:
        case Begin():
            if tests and line.claim != tests[0][0].claim:
                raise FileError("a second claim; a file holds one")
            tests.append((line, []))
        case Call():
            if not tests:
                raise FileError("a call before the line that begins a test")
            tests[-1][1].append(line)
