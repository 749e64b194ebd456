"""Every transcript as a C program, compiled and run: ``python -m tools.reproducers``.

The transcripts are those of ``pytest conformance/ --transcript build/transcripts``. The programs make network
namespaces of their own, so this is for root; what they say is kept beside them.
"""

from __future__ import annotations

import enum
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from reports.atomic_write import atomic_write
from reports.catalogue import Catalogue, read_catalogue
from reports.command import command, count, parser
from reports.errors import FileError
from reports.printable import one_line
from reports.reproducer import reproducer
from reports.transcript import read_transcripts

ROOT: Final = Path(__file__).parents[1]
STRICT: Final = ("-std=c17", "-Wall", "-Wextra", "-Werror")
SECONDS: Final = 90
"""For one program, which ends itself after 60 where a call does not return."""


class End(enum.Enum):
    """How a program ended, by its exit status."""

    AS_BEFORE = "answered as the test was"
    OTHERWISE = "answered otherwise"
    CANNOT = "cannot do what the test did"
    UNCOMPILED = "does not compile"
    HUNG = "did not end"


_BY_STATUS: Final = {0: End.AS_BEFORE, 1: End.OTHERWISE, 77: End.CANNOT}


@dataclass(frozen=True)
class Tried:
    """One claim's program."""

    claim: str
    end: End
    said: str


def try_all(transcripts: Path, catalogue: Catalogue, output: Path, jobs: int) -> Iterator[Tried]:
    """Write, compile and run the program of each transcript below a folder."""
    paths = [path.relative_to(transcripts) for path in sorted(transcripts.rglob("*.jsonl"))]
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(partial(_try, folder=transcripts, catalogue=catalogue, output=output), paths)


def _try(transcript: Path, *, folder: Path, catalogue: Catalogue, output: Path) -> Tried:
    tests = read_transcripts(folder / transcript)
    claim = tests[0].begin.claim
    source = output / transcript.with_suffix(".c")  # not by the claim's id, which may lead anywhere
    source.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(reproducer(tests, catalogue.claim(claim)), source)
    program = source.with_suffix("")
    compiled = _run("cc", *STRICT, "-pthread", "-o", str(program), str(source))
    if compiled.returncode:
        return Tried(claim, End.UNCOMPILED, compiled.stdout)
    try:
        done = _run(str(program))
    except subprocess.TimeoutExpired:
        return Tried(claim, End.HUNG, "")
    atomic_write(done.stdout, source.with_suffix(".txt"))
    return Tried(claim, _BY_STATUS.get(done.returncode, End.OTHERWISE), done.stdout)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
    )


@command("reproducers")
def main(arguments: Sequence[str] | None = None) -> int:
    """Print what did not end as its test did, and the counts. 1 where a program does not compile or hung."""
    line = parser("tools.reproducers", __doc__, "a program does not compile or did not end")
    line.add_argument("--transcripts", type=Path, default=ROOT / "build" / "transcripts", metavar="DIR")
    line.add_argument("--catalogue", type=Path, default=ROOT / "build" / "catalogue.json", metavar="FILE")
    line.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "reproducers", metavar="DIR")
    line.add_argument("-j", "--jobs", type=count, default=os.cpu_count() or 1, metavar="N")
    asked = line.parse_args(arguments)
    if not shutil.which("cc"):
        raise FileError("there is no C compiler, cc, on this machine")
    counts: Counter[End] = Counter()
    for tried in try_all(asked.transcripts, read_catalogue(asked.catalogue), asked.output, asked.jobs):
        counts[tried.end] += 1
        if tried.end is not End.AS_BEFORE:
            said = f"{tried.claim}: {tried.end.value}", *_telling(tried)
            print(*map(one_line, said), sep="\n    ")
    for end in End:
        print(f"{end.value}: {counts[end]}")
    return 1 if counts[End.UNCOMPILED] or counts[End.HUNG] else 0


def _telling(tried: Tried) -> list[str]:
    """The lines that say why."""
    marks = {End.OTHERWISE: "not as before", End.CANNOT: "it takes", End.UNCOMPILED: "error:"}
    mark = marks.get(tried.end)
    return [line.strip() for line in tried.said.splitlines() if mark and mark in line][:5]


if __name__ == "__main__":
    sys.exit(main())
