"""Reference runs: without what differs from one time to the next, so that a second one is the same bytes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from reports.assess import splats
from reports.atomic_write import atomic_write
from reports.model import LINUX, Answer, Footer, Run, Verdict
from reports.ranges import version
from reports.run_file import Line, encode


def reference(run: Run) -> str:
    """The file of a reference run: answers sorted by claim, no durations, no ids but those of the answers.

    The detail of a test is kept where nothing else is known, which is when it is BROKEN and the kernel's log
    says nothing of it.
    """
    answers = [_lasting(run.answers[name]) for name in sorted(run.answers)]
    asked = () if run.footer else tuple(sorted(run.asked))
    footer = [Footer(len(answers))] if run.footer else []
    lines: list[Line] = [replace(run.header, asked=asked), *answers, *footer]
    return b"".join(map(encode, lines)).decode()


def store(runs: Iterable[Run], folder: Path) -> list[Path]:
    """Put the reference runs of kernels into a folder, under the names that the kernels have there.

    Raises: ValueError where two runs would have one name, before any is written; OSError.
    """
    files: dict[Path, str] = {}
    for run in runs:
        path = folder / f"{stem(run)}.jsonl"
        if path in files:
            raise ValueError(f"two of the runs would be {path}")
        files[path] = reference(run)
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        atomic_write(text, path)
    return list(files)


def stem(run: Run) -> str:
    """The name of a kernel's reference run: ``uml-6.1``, ``host-6.18.44``."""
    name = run.header.kernel
    if name == "host":
        linux = run.header.implementation == LINUX
        release = ".".join(map(str, version(run.header.base))) if linux else run.header.implementation
        name = f"host-{release}"
    return file_stem(name)


def file_stem(kernel: str) -> str:
    """A file name for a kernel's: ``uml-6.1``. That of a path ends in a digest, as others look the same."""
    plain = re.fullmatch(r"[\w.-]+(:[\w.]+)?", kernel) is not None
    digest = "" if plain else f"-{hashlib.sha256(os.fsencode(kernel)).hexdigest()[:8]}"
    return re.sub(r"[^\w.-]+", "-", kernel)[-100:].lstrip("-.") + digest


def _lasting(answer: Answer) -> Answer:
    detail = answer.detail if answer.verdict is Verdict.BROKEN and not splats(answer) else ""
    return replace(
        answer, duration=None, detail=detail, observations=dict(sorted(answer.observations.items()))
    )
