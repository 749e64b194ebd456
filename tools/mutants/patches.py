"""Mutants: patches that each make one small change to a kernel, and what they say of themselves.

A patch begins with lines as a message has them, and an empty line:

    Subject: what is changed, as a user would notice it
    Kind: one of KINDS
    Commit: for a revert, the mainline commit that is undone
    Title: and its title
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reports.errors import FileError
from reports.reading import contents

KINDS: Final = {
    "store": "an option that is not stored, or stored as another",
    "bound": "a limit that is off by one, or missing",
    "errno": "another errno",
    "capability": "a capability that is asked elsewhere, or not at all",
    "inheritance": "what an accepted connection has from its listener",
    "flag": "a flag or an option that is ignored, or not given",
    "wakeup": "a wakeup, a signal or a transmission that is missing",
    "length": "a length that is wrong",
    "cmsg": "a control message that is left out, or has no effect",
    "value": "another value",
    "check": "a check that is missing, or one too many",
    "revert": "a commit that mended how sockets behave, undone",
}

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEAD: Final = re.compile(r"(Subject|Kind|Commit|Title): (\S.*)")
_HUNK: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)")


@dataclass
class Hunk:
    """A place that a patch changes."""

    file: str
    function: str
    """The line that diff(1) shows of the function around it."""
    lines: list[int] = field(default_factory=list)
    """The numbers of the lines that are taken away or stand beside what is added, in the file as it was."""
    text: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Mutant:
    """One patch."""

    name: str
    path: Path
    subject: str
    kind: str
    commit: str | None
    title: str | None
    hunks: tuple[Hunk, ...]
    digest: str

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(hunk.file for hunk in self.hunks))

    @property
    def places(self) -> frozenset[tuple[str, int]]:
        """The lines that it changes."""
        return frozenset((hunk.file, line) for hunk in self.hunks for line in hunk.lines)


def read_mutants(folder: Path) -> list[Mutant]:
    """The mutants of a folder, by name. Raises: FileError."""
    paths = sorted(folder.glob("*.patch"))
    if not paths:
        raise FileError("the folder holds no patch, whose name ends in .patch", folder)
    return [read_mutant(path) for path in paths]


def read_mutant(path: Path) -> Mutant:
    """The mutant in a file. Raises: FileError."""
    data = contents(path, "the patch")
    lines = data.decode(errors="replace").splitlines()
    head = _head(path, lines)
    if not _NAME.fullmatch(path.stem):
        raise FileError("a mutant's name is words of a-z and digits, joined by hyphens", path)
    if head["Kind"] not in KINDS:
        raise FileError(f"the kind {head['Kind']!r} is none of {', '.join(KINDS)}", path, 2)
    if head["Kind"] == "revert" and not {"Commit", "Title"} <= head.keys():
        raise FileError("a revert names the Commit that is undone, and its Title", path)
    hunks = tuple(_hunks(lines))
    if not any(hunk.lines for hunk in hunks):
        raise FileError("the patch changes nothing", path)
    return Mutant(
        path.stem,
        path,
        head["Subject"],
        head["Kind"],
        head.get("Commit"),
        head.get("Title"),
        hunks,
        hashlib.sha256(data).hexdigest()[:16],
    )


def _head(path: Path, lines: list[str]) -> dict[str, str]:
    head: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line:
            break
        found = _HEAD.fullmatch(line)
        if found is None:
            raise FileError(
                "a patch begins with Subject, Kind, Commit, Title and an empty line", path, number
            )
        head[found[1]] = found[2]
    for name in ("Subject", "Kind"):
        if name not in head:
            raise FileError(f"the patch has no line '{name}: ...' at its beginning", path)
    return head


def _hunks(lines: list[str]) -> Iterator[Hunk]:
    file, hunk, at, added = "", None, 0, False
    for line in lines:
        if line.startswith("--- "):
            file, hunk = line.split()[1].removeprefix("a/"), None
        elif begin := _HUNK.fullmatch(line):
            hunk, at, added = Hunk(file, begin[2]), int(begin[1]), False
            yield hunk
        elif hunk is not None and line[:1] in {" ", "-", "+", ""}:
            hunk.text.append(line)
            if line.startswith("+"):
                if not added:
                    hunk.lines.append(max(at - 1, 1))
                added = True
                continue
            if line.startswith("-"):
                hunk.lines.append(at)
            added = False
            at += 1
