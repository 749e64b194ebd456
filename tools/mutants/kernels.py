"""Kernels with and without a mutant, and what they answer, by the command lines of kernels and suite."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from reports.errors import FileError
from reports.model import Answer
from reports.run_file import read_run
from tools.mutants.children import Children, last_lines

BASE: Final = "mutants-base"
"""The kernel as it is."""
_SUITE: Final = "conformance/"
_MANY_FILES: Final = 200
"""So many are named one by one."""


class NoKernel(Exception):
    """The kernel without a mutant cannot be built or asked."""


class NotAsked(Exception):
    """A kernel was not asked, for another reason than that it does not start."""


class Workshop:
    """Builds kernels of a source, asks them claims, and removes them."""

    def __init__(
        self,
        root: Path,
        children: Children,
        source: str,
        under: Sequence[str],
        files: Mapping[str, Sequence[str]],
    ) -> None:
        self.root = root
        self.folder = root / "build" / "mutants"
        self._children, self._source, self._under, self._files = children, source, under, files
        self._there: set[str] = set()

    def build_base(self) -> str:
        """Build the kernel as it is, unless it is there, and tell its release. Raises: NoKernel."""
        status, log = self._kernels("base", "build", self._source, "-o", BASE)
        if status:
            raise NoKernel(f"the kernel without a mutant cannot be built:\n{last_lines(log)}")
        return last_lines(log, 1).split()[1]

    def build(self, name: str, patches: Sequence[Path]) -> str:
        """Build a kernel with patches. Returns why it cannot be; nothing where it could."""
        self._there.add(name)
        applied = [word for patch in patches for word in ("--patch", str(patch))]
        status, log = self._kernels(name, "build", self._source, *applied, "-o", _kernel(name))
        return last_lines(log) if status else ""

    def remove(self, name: str) -> None:
        self._kernels(f"{name}-remove", "remove", _kernel(name))
        self._there.discard(name)

    def stop(self) -> None:
        """End all that runs. Nothing is started any more."""
        self._children.stop()

    def clear_away(self) -> None:
        """Remove the kernels that an interruption left."""
        self._children.resume()
        for name in sorted(self._there):
            self.remove(name)

    def ask_base(self, number: int, claims: Sequence[str], records: Path) -> dict[str, Answer]:
        """What the kernel as it is answers. Raises: NoKernel."""
        try:
            answers = self._ask(f"base-{number}", BASE, claims, records)
        except NotAsked as error:
            raise NoKernel(str(error)) from error
        if not answers:
            raise NoKernel(
                "the kernel without a mutant does not start; try: python -m kernels shell built:" + BASE
            )
        return answers

    def ask(self, name: str, claims: Sequence[str], enough: int) -> dict[str, Answer]:
        """What a kernel with patches answers, until so many claims failed; nothing where it does not start.

        Raises: NotAsked.
        """
        records = self.folder / "runs" / name
        shutil.rmtree(records, ignore_errors=True)
        return self._ask(name, _kernel(name), claims, records, enough)

    def _ask(
        self, name: str, kernel: str, claims: Sequence[str], records: Path, enough: int = 0
    ) -> dict[str, Answer]:
        records.mkdir(parents=True, exist_ok=True)
        chosen = records / f"{name}.claims"
        chosen.write_text("".join(f"{claim}\n" for claim in claims), encoding="utf-8")
        command = [
            *self._under,
            sys.executable,
            "-m",
            "pytest",
            *self._places(claims),
            "-q",
            "-p",
            "no:cacheprovider",
        ]
        command += ["--kernel", f"built:{kernel}", "--claims-from", str(chosen)]
        command += ["--record-dir", str(records / name)]
        if enough:
            command.append(f"--maxfail={enough}")
        status, log = self._children.run(f"{name}-claims", command)
        files = list((records / name).glob("*.jsonl"))
        if not files and status != os.EX_UNAVAILABLE:
            raise NotAsked(f"{kernel} was not asked (exit status {status}):\n{last_lines(log)}")
        answers: dict[str, Answer] = {}
        for file in files:
            try:
                answers |= read_run(file).answers
            except FileError:  # the guest ended before it wrote a line
                continue
        return answers

    def _places(self, claims: Sequence[str]) -> list[str]:
        """The files of the claims' tests: to collect the whole suite takes longer than to run a few."""
        files = {file for claim in claims for file in self._files.get(claim, (_SUITE,))}
        return [_SUITE] if _SUITE in files or len(files) > _MANY_FILES else sorted(files)

    def _kernels(self, name: str, *arguments: str) -> tuple[int, Path]:
        return self._children.run(f"{name}-build", [sys.executable, "-m", "kernels", "--quiet", *arguments])


class Base:
    """What the kernel without a mutant answers. Each claim is asked once, as soon as it is needed."""

    def __init__(self, workshop: Workshop, release: str, suite_digest: str) -> None:
        self._workshop = workshop
        # Another kernel or another suite answers anew.
        self._folder = workshop.folder / f"base-{release}-{suite_digest[:12] or 'unknown'}"
        self._lock = threading.Lock()
        self._answers: dict[str, Answer | None] = {}
        for file in sorted(self._folder.glob("*/*.jsonl")):
            try:
                run = read_run(file)
            except FileError:  # it was killed before its first line
                continue
            self._answers |= run.answers

    def answers(self, claims: Sequence[str]) -> Mapping[str, Answer]:
        """The answers to these claims; of one that got none, none."""
        with self._lock:
            if fresh := [claim for claim in claims if claim not in self._answers]:
                number = sum(1 for _ in self._folder.glob("*.claims")) + 1
                found = self._workshop.ask_base(number, fresh, self._folder)
                self._answers |= {claim: found.get(claim) for claim in fresh}
            return {claim: answer for claim in claims if (answer := self._answers[claim])}


def _kernel(name: str) -> str:
    return f"mutant-{name}"
