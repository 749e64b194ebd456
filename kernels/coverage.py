"""What of a kernel's source each claim reached: gcov(1)'s reading of the counters that a run kept.

A run keeps a zip for each claim: ``PAGE/TOPIC/SLUG.zip``, in it a folder for each test, of files of counters.
What gcov must know besides is kept with a kernel that counts. Many claims raise the counters of a file to the
same numbers, most of those of a file that they reach by the way: each such file is read once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from kernels.backend import Image
from kernels.built import NOTES
from kernels.errors import BadCounters, MissingTools, NotCounting
from kernels.progress import Progress
from reports.coverage.gcov import Counted, decode
from reports.coverage.model import Coverage, File, Line

_BATCH = 64
"""So many files one gcov reads, since starting it takes as long as reading some."""


class _Part(NamedTuple):
    """A file of counters in a claim's zip."""

    zip: Path
    member: str
    source: str
    """The file that counts: ``net/core/sock.c``."""


@dataclass
class _Sum:
    """What all claims together reached of a file."""

    count: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    branches: dict[int, list[int]] = field(default_factory=dict)
    claims: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    called: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, counted: Counted, times: int, claims: int) -> None:
        for function in counted.functions:
            self.called[function.name] += times * function.count
        for line in counted.lines:
            if line.count:
                self.count[line.number] += times * line.count
                self.claims[line.number] |= claims
                before = self.branches.get(line.number, repeat(0))
                self.branches[line.number] = [
                    one + times * more for one, more in zip(before, line.branches, strict=False)
                ]


def coverage(image: Image, counters: Path, progress: Progress) -> Coverage:
    """What the claims reached whose counters are in a folder.

    Raises NotCounting, BadCounters and MissingTools.
    """
    notes = image.folder / NOTES
    # Those of a file without functions are empty.
    counting = [path for path in notes.rglob("*.gcno") if path.stat().st_size]
    objects = sorted(str(path.relative_to(notes).with_suffix("")) for path in counting)
    if not objects:
        raise NotCounting(image.name)
    if shutil.which("gcov") is None:
        raise MissingTools(["gcov"], ["gcc"])
    claims = sorted(str(path.relative_to(counters).with_suffix("")) for path in counters.rglob("*.zip"))
    if not claims:
        raise BadCounters(counters, "there is no claim's file in it")
    with progress.work(f"reading the counters of {len(claims)} claims") as update:
        unique = _unique(counters, claims, set(objects), update)
    sums: dict[str, _Sum] = defaultdict(_Sum)
    with progress.work(f"decoding {len(unique)} files of counters, which takes minutes") as update:
        read = _read(notes, [part for part, _ in unique], update)
        for (part, uses), counted in zip(unique, read, strict=True):
            bits = 0
            for claim in set(uses):
                bits |= 1 << claim
            sums[part.source].add(counted, len(uses), bits)
    files = list(_files(notes, objects, sums))
    return Coverage(f"{image.name} {image.release} ({image.origin})", claims, files)


def _unique(
    counters: Path, claims: Sequence[str], objects: set[str], update: Callable[[str], None]
) -> list[tuple[_Part, list[int]]]:
    """Files of counters that are not the same, each with the claims that left it, once for each time."""
    found: dict[tuple[str, bytes], tuple[_Part, list[int]]] = {}
    for number, claim in enumerate(claims):
        update(claim)
        path = counters / f"{claim}.zip"
        try:
            with ZipFile(path) as file:
                for member in file.namelist():
                    stem = member.partition("/")[2].removesuffix(".gcda")
                    if stem in objects:
                        digest = hashlib.blake2b(file.read(member), digest_size=16).digest()
                        part = _Part(path, member, f"{stem}.c")
                        found.setdefault((stem, digest), (part, []))[1].append(number)
        except (BadZipFile, OSError) as error:
            raise BadCounters(path, str(error)) from error
    return list(found.values())


def _read(notes: Path, parts: Sequence[_Part], update: Callable[[str], None]) -> Iterator[Counted]:
    """What gcov says of each file of counters, in their order."""
    batches = [parts[first : first + _BATCH] for first in range(0, len(parts), _BATCH)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        try:
            read = pool.map(lambda batch: _gcov(notes, batch), batches)
            for number, counted in enumerate(read, 1):
                update(f"{number} of {len(batches)}")
                yield from counted
        finally:
            pool.shutdown(cancel_futures=True)


def _gcov(notes: Path, batch: Sequence[_Part]) -> list[Counted]:
    """A batch, in a folder for each file of counters, since gcov looks for its notes beside it."""
    with TemporaryDirectory(prefix="gcov-") as made:
        names = []
        for number, part in enumerate(batch):
            folder = Path(made, str(number))
            folder.mkdir()
            with ZipFile(part.zip) as file:
                (folder / "it.gcda").write_bytes(file.read(part.member))
            (folder / "it.gcno").symlink_to((notes / part.source).with_suffix(".gcno"))
            names.append(f"{number}/it.gcda")
        return _run(names, Path(made), [part.source for part in batch])


def _run(names: Sequence[str], folder: Path, sources: Sequence[str]) -> list[Counted]:
    command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    said = done.stdout.splitlines()
    why = done.stderr.decode(errors="replace")
    # gcov goes on where the counters are another kernel's, and counts nothing.
    if done.returncode or len(said) != len(names) or "mismatch" in why:
        lines = [line for line in why.splitlines() if not line.endswith("assuming not executed")]
        raise BadCounters(folder, "; ".join(lines) or "gcov says nothing of some")
    try:
        return [decode(document, source) for document, source in zip(said, sources, strict=True)]
    except ValueError as error:
        raise BadCounters(folder, f"gcov's answer is not understood: {error}") from error


def _files(notes: Path, objects: Sequence[str], sums: Mapping[str, _Sum]) -> Iterator[File]:
    """Each file that counts: all its lines, and what was reached of them."""
    sources = [f"{name}.c" for name in objects]
    for source, counted in zip(
        sources, _run([f"{name}.gcno" for name in objects], notes, sources), strict=True
    ):
        reached = sums.get(source, _Sum())
        lines = [
            Line(
                line.number,
                reached.count.get(line.number, 0),
                tuple(reached.branches.get(line.number, line.branches)),
                reached.claims.get(line.number, 0),
            )
            for line in counted.lines
        ]
        functions = [replace(one, count=reached.called.get(one.name, 0)) for one in counted.functions]
        text = (notes / source).read_text(errors="replace")
        yield File(source, text, sorted(functions, key=lambda one: one.first), lines)
