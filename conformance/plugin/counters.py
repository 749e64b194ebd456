"""What of a kernel each claim reaches: the kernel's own counters, set to zero before a test, kept after it.

A kernel with CONFIG_GCOV_KERNEL shows them in debugfs as the files that gcov(1) reads, one for each source
file that counts, and sets all to zero when something is written to ``reset``. Of a test those files are kept
that differ from what they were with nothing counted.

What a namespace leaves behind, the kernel takes away when it comes to it: so a claim can reach a little of
what belongs to the test before it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from conformance.plugin.claim import stated
from conformance.plugin.exit_status import NO_KERNEL, NO_RECORD, Stopped

DEBUGFS: Final = Path("/sys/kernel/debug")
GCOV: Final = DEBUGFS / "gcov"
COUNTERS: Final = ".gcda"
KEPT: Final = ".zip"
_FASTEST: Final = 1
"""Of a deflation: most of a file of counters is zeros."""


class CounterWatch:
    """Keeps what each claim's tests raise the counters to: ``folder/PAGE/TOPIC/SLUG.zip``.

    In there is a folder for each row of its tests that follow each other, of files by their place in the tree
    that the kernel was built in.
    """

    def __init__(self, folder: Path, place: Path = GCOV) -> None:
        self._folder, self._place = folder, place
        self._files: dict[str, Path] = {}
        self._zero: dict[str, bytes] = {}
        self._tests: dict[str, int] = {}
        self._going_on: str | None = None
        """The claim whose tests go on: what they reach is read once, after the last of them."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Find the counters. Raises Stopped where this kernel has none, or this user cannot read them."""
        if session.config.option.collectonly:
            return
        if self._place == GCOV and not self._place.exists():
            with suppress(OSError):  # where there is no mount(8) the sentence below says what is missing
                mount = ["mount", "-t", "debugfs", "debugfs", str(DEBUGFS)]
                subprocess.run(mount, capture_output=True, check=False)
        self._files = dict(_found(self._place))
        if not self._files:
            raise Stopped(
                f"{self._place}: this kernel has no counters, or they are not for this user; run as root on "
                "one that was built with: python -m kernels build SOURCE --gcov -o NAME",
                NO_KERNEL,
            )
        self._reset()
        self._zero = dict(self._read())

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around all that a test does, its fixtures too
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        claim, next_claim = _claim(item), nextitem and _claim(nextitem)
        if claim != self._going_on:
            self._reset()
        done = yield
        self._going_on = next_claim if next_claim == claim else None
        if claim and not self._going_on:
            self._keep(claim)
        return done

    def _reset(self) -> None:
        (self._place / "reset").write_text("0")

    def _read(self) -> Iterator[tuple[str, bytes]]:
        for name, path in self._files.items():
            yield name, path.read_bytes()

    def _keep(self, claim: str) -> None:
        number = self._tests[claim] = self._tests.get(claim, 0) + 1
        kept = self._folder / f"{claim}{KEPT}"
        reached = [(name, data) for name, data in self._read() if data != self._zero[name]]
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with ZipFile(kept, "w" if number == 1 else "a", ZIP_DEFLATED, compresslevel=_FASTEST) as file:
                for name, data in reached:
                    file.writestr(f"{number}/{name}", data)
        except OSError as error:
            raise Stopped(f"{kept}: the counters cannot be kept: {error.strerror}", NO_RECORD) from error


def _claim(item: pytest.Item) -> str | None:
    marked = stated(item)
    return marked.claim.id if marked else None


def counted(items: Sequence[pytest.Item], folder: Path) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The items whose claim has its counters in a folder, and the others."""
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        marked = stated(item)
        there = marked is not None and (folder / f"{marked.claim.id}{KEPT}").exists()
        (kept if there else others).append(item)
    return kept, others


def _found(place: Path) -> Iterator[tuple[str, Path]]:
    """The files of counters of the kernel's folder ``net``, each by its place in the tree."""
    for folder, _, names in sorted(os.walk(place)):
        if name := _in_tree(Path(folder)):
            for file in sorted(names):
                if file.endswith(COUNTERS):
                    yield f"{name}/{file}", Path(folder, file)


def _in_tree(folder: Path) -> str:
    """``net/core`` of a folder that is named by where the kernel was built; empty for what is not in net/."""
    before, net, below = f"{folder}/".rpartition("/net/")
    return f"{net}{below}".strip("/") if net and not before.endswith(("/drivers", "/include")) else ""
