"""What there may be of a claim beside its answers: its calls, a program of them, the faults it notices."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import isdir  # that of Path raises where a name is too long
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from reports import decoding
from reports.errors import FileError
from reports.reading import contents
from reports.transcript import Call, Transcript, read_transcripts

UNNOTICED: Final = frozenset({"survived", "not reached"})
"""Outcomes of a fault that say nothing for the test."""


class Material(Struct, frozen=True, kw_only=True):
    """Of one claim."""

    transcript: str = ""
    """Every call on a socket, a line for each."""
    reproducer: str = ""
    """A program in C."""
    faults: tuple[tuple[str, str], ...] = ()
    """Changed answers of the kernel that the test noticed: what was changed, and in which call."""


class Fault(Struct, frozen=True):
    """One fault of a sweep, as ``pytest conformance/ --faults`` writes it."""

    operator: str
    call: str
    outcome: str


class Swept(Struct, frozen=True):
    """A claim's line of a sweep."""

    claim: str
    faults: tuple[Fault, ...] = ()


_swept: Final[msgspec.json.Decoder[Swept]] = msgspec.json.Decoder(Swept)


def read_materials(
    transcripts: Path | None = None, reproducers: Path | None = None, faults: Path | None = None
) -> dict[str, Material]:
    """By claim, what is in two folders and a file, those that are given. Raises: FileError."""
    calls = {claim: _text(read_transcripts(path)) for claim, path in _by_claim(transcripts, ".jsonl")}
    programs = {
        claim: contents(path, "the reproducer").decode(errors="replace")
        for claim, path in _by_claim(reproducers, ".c")
    }
    noticed = dict(_noticed(faults)) if faults else {}
    return {
        claim: Material(
            transcript=calls.get(claim, ""),
            reproducer=programs.get(claim, ""),
            faults=noticed.get(claim, ()),
        )
        for claim in {**calls, **programs, **noticed}
    }


def _by_claim(folder: Path | None, suffix: str) -> Iterator[tuple[str, Path]]:
    """The files that are named after claims. No id is followed into a folder: it may lead anywhere."""
    if folder is None:
        return
    if not isdir(folder):
        raise FileError("there is no such folder", folder)
    for path in sorted(folder.glob(f"*/*/*{suffix}")):
        yield path.relative_to(folder).as_posix().removesuffix(suffix), path


def _noticed(path: Path) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for number, line in enumerate(contents(path, "the sweep of faults").splitlines(), start=1):
        try:
            swept = decoding.decode(_swept, line)
        except FileError as error:
            error.path, error.line = path, number
            raise
        noticed = ((one.operator, one.call) for one in swept.faults if one.outcome not in UNNOTICED)
        yield swept.claim, tuple(dict.fromkeys(noticed))


def _text(tests: list[Transcript]) -> str:
    return "\n".join(line for test in tests for line in _lines(test))


def _lines(test: Transcript) -> Iterator[str]:
    yield f"{test.begin.test} on {test.begin.release}"
    for call in test.calls:
        yield f"  {_place(call)}{call.name}({', '.join(call.arguments)}) = {_result(call)}"
    yield ""


def _place(call: Call) -> str:
    """Where a call was made, if that is not plain: the namespace, another thread, another process."""
    others = (
        f"{what} {which}" for what, which in (("thread", call.thread), ("process", call.process)) if which
    )
    where = ", ".join(filter(None, (call.namespace, *others)))
    return f"[{where}] " if where else ""


def _result(call: Call) -> str:
    told = "?" if call.result is None else str(call.result)
    return " ".join(filter(None, (told, call.errno, call.note)))
