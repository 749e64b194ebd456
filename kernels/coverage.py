"""What of a kernel's source each claim reached: gcov(1)'s reading of the counters that a run kept.

A run keeps a zip for each claim: ``PAGE/TOPIC/SLUG.zip``, in it a folder for each test, of files of counters.
What gcov must know besides is kept with a kernel that counts. To have gcov read each claim's files would take
hours: it reads the sum of all, and which claim ran which lines is found by ``flow``.
"""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from kernels.backend import Image
from kernels.built import NOTES
from kernels.errors import BadCounters, MissingTools, NotCounting
from kernels.flow import Flow, NotUnderstood, functions, numbers, read_notes
from kernels.progress import Progress
from reports.coverage.gcov import Counted, decode
from reports.coverage.model import Coverage, File

_CHUNK = 100
"""So many claims are read at a time."""
Place = tuple[str, int]
"""An object, and the number of a function in it."""


@dataclass
class _Read:
    """What some claims' counters say; bit N of claims is the Nth of them."""

    sums: dict[Place, list[int]] = field(default_factory=dict)
    """The counters of each function, added up."""
    blocks: dict[Place, dict[int, int]] = field(default_factory=dict)
    """The claims that ran each block that ran."""
    samples: dict[str, tuple[Path, str]] = field(default_factory=dict)
    """A file of counters of each object: the zip, and its name there."""

    def add(self, part: _Read, first: int) -> None:
        """Add what other claims say, whose numbers begin with ``first``."""
        for place, sums in part.sums.items():
            before = self.sums.get(place) or [0] * len(sums)
            self.sums[place] = [one + more for one, more in zip(before, sums, strict=True)]
        for place, blocks in part.blocks.items():
            ran = self.blocks.setdefault(place, defaultdict(int))
            for block, by in blocks.items():
                ran[block] |= by << first
        self.samples = part.samples | self.samples


@dataclass
class _Seen:
    """Files, or counters of a function, that are the same."""

    claims: int = 0
    times: int = 0

    def add(self, claims: int, times: int = 1) -> None:
        self.claims |= claims
        self.times += times


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
    flows = {name: _flows(notes, name) for name in objects}
    with progress.work(f"reading the counters of {len(claims)} claims, which takes minutes") as update:
        read = _read_all(counters, claims, flows, update)
    ran: dict[str, dict[int, int]] = {name: defaultdict(int) for name in objects}
    for (name, ident), blocks in read.blocks.items():
        lines = flows[name][ident].lines
        for block, by in blocks.items():
            for line in lines[block]:
                ran[name][line] |= by
    counted = _counted(notes, read)
    files = list(_files(notes, objects, counted, ran))
    return Coverage(f"{image.name} {image.release} ({image.origin})", claims, files)


def _flows(notes: Path, name: str) -> dict[int, Flow]:
    path = (notes / name).with_suffix(".gcno")
    try:
        return read_notes(path.read_bytes(), f"{name}.c")
    except NotUnderstood as error:
        raise BadCounters(path, str(error)) from error


def _read_all(
    counters: Path,
    claims: Sequence[str],
    flows: Mapping[str, Mapping[int, Flow]],
    update: Callable[[str], None],
) -> _Read:
    """The counters of all claims, so many at a time that there is memory for them."""
    whole = _Read()
    for first in range(0, len(claims), _CHUNK):
        update(f"{first} of {len(claims)}")
        whole.add(_read(counters, flows, claims[first : first + _CHUNK]), first)
    return whole


def _read(counters: Path, flows: Mapping[str, Mapping[int, Flow]], claims: Sequence[str]) -> _Read:
    """The counters of some claims. Raises: BadCounters."""
    read = _Read()
    vectors = _vectors(counters, claims, flows, read.samples)
    for (name, ident), found in vectors.items():
        flow = flows[name].get(ident)
        if flow is None:
            raise BadCounters(counters, f"{name} has a function that its notes do not know: another kernel's")
        blocks: dict[int, int] = defaultdict(int)
        sums: list[int] = []
        for data, seen in found.items():
            vector = numbers(data)
            sums = [
                one + seen.times * more for one, more in zip(sums or [0] * len(vector), vector, strict=True)
            ]
            for block in flow.ran(vector):
                blocks[block] |= seen.claims
        read.sums[name, ident], read.blocks[name, ident] = sums, dict(blocks)
    return read


def _vectors(
    counters: Path,
    claims: Sequence[str],
    flows: Mapping[str, object],
    samples: dict[str, tuple[Path, str]],
) -> dict[Place, dict[bytes, _Seen]]:
    """The counters of each function that counted: each that are the same once. Raises: BadCounters."""
    files: dict[tuple[str, bytes], tuple[bytes, _Seen]] = {}
    for number, claim in enumerate(claims):
        path = counters / f"{claim}.zip"
        try:
            with ZipFile(path) as file:
                for member in file.namelist():
                    name = member.partition("/")[2].removesuffix(".gcda")
                    if name in flows:
                        samples.setdefault(name, (path, member))
                        data = file.read(member)
                        key = name, hashlib.blake2b(data, digest_size=16).digest()
                        files.setdefault(key, (data, _Seen()))[1].add(1 << number)
        except (BadZipFile, OSError) as error:
            raise BadCounters(path, str(error)) from error
    vectors: dict[Place, dict[bytes, _Seen]] = defaultdict(lambda: defaultdict(_Seen))
    try:
        for (name, _), (data, seen) in files.items():
            for ident, _, counted in functions(data):
                if counted.count(0) < len(counted):
                    vectors[name, ident][counted].add(seen.claims, seen.times)
    except NotUnderstood as error:
        raise BadCounters(counters, str(error)) from error
    return vectors


def _counted(notes: Path, read: _Read) -> dict[str, Counted]:
    """What gcov says of the sum of all counters, of each object that counted."""
    with TemporaryDirectory(prefix="gcov-") as made:
        for number, (name, (path, member)) in enumerate(read.samples.items()):
            folder = Path(made, str(number))
            folder.mkdir()
            with ZipFile(path) as file:
                whole = bytearray(file.read(member))
            for ident, at, counted in functions(bytes(whole)):
                sums = read.sums.get((name, ident), [0] * (len(counted) // 8))
                struct.pack_into(f"<{len(sums)}q", whole, at, *sums)
            (folder / "it.gcda").write_bytes(whole)
            (folder / "it.gcno").symlink_to((notes / name).with_suffix(".gcno"))
        names = [f"{number}/it.gcda" for number in range(len(read.samples))]
        said = _run(names, Path(made), [f"{name}.c" for name in read.samples])
    return dict(zip(read.samples, said, strict=True))


def _run(names: Sequence[str], folder: Path, sources: Sequence[str]) -> list[Counted]:
    if not names:
        return []
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


def _files(
    notes: Path,
    objects: Sequence[str],
    counted: Mapping[str, Counted],
    ran: Mapping[str, Mapping[int, int]],
) -> Iterator[File]:
    """Each file that counts: all its lines, and what was reached of them."""
    sources = [f"{name}.c" for name in objects]
    none = _run([f"{name}.gcno" for name in objects], notes, sources)
    for name, source, zero in zip(objects, sources, none, strict=True):
        said = counted.get(name, zero)
        # For gcov a line that stands in several blocks ran where one is entered from another line.
        lines = [
            replace(line, claims=ran[name].get(line.number, 0) if line.count else 0) for line in said.lines
        ]
        text = (notes / source).read_text(errors="replace")
        yield File(source, text, sorted(said.functions, key=lambda one: one.first), lines)
