"""Parts of one kernel's run, made on several machines or at several times, as one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from reports.errors import FileError
from reports.model import Footer, Header, Run
from reports.run_file import Line, encode, read_run
from reports.wording import plural

ALIKE: Final = (
    "implementation",
    "implementation_release",
    "kernel",
    "release",
    "version",
    "machine",
    "config_digest",
    "suite",
    "suite_digest",
)
"""Fields of a header that make runs parts of one: the same kernel, asked by the same suite."""


def merged(files: Sequence[Path]) -> Run:
    """The runs in some files as one, in the order of the files.

    It is whole when every claim that any part was asked has its answer, and no part lost what it was asked.
    It had the capabilities that each part had. Raises: FileError where these are no parts of one run.
    """
    parts = list(map(read_run, files))
    for file, part in zip(files[1:], parts[1:], strict=True):
        _refuse_unlike(files[0], parts[0].header, file, part.header)
    _refuse_twice(files, parts)
    answers = {claim: answer for part in parts for claim, answer in part.answers.items()}
    asked = tuple(dict.fromkeys(name for part in parts for name in part.asked))
    whole = all(part.footer or part.header.asked for part in parts) and answers.keys() >= set(asked)
    capabilities = [
        one for one in parts[0].header.capabilities if all(one in part.header.capabilities for part in parts)
    ]
    header = replace(parts[0].header, asked=() if whole else asked, capabilities=tuple(capabilities))
    return Run(header, answers, Footer(len(answers)) if whole else None)


def written(run: Run) -> str:
    """The text of a run's file."""
    lines: list[Line] = [run.header, *run.answers.values(), *([run.footer] if run.footer else [])]
    return b"".join(map(encode, lines)).decode()


def _refuse_unlike(first: Path, header: Header, file: Path, other: Header) -> None:
    for field in ALIKE:
        one, another = getattr(header, field), getattr(other, field)
        if one != another:
            raise FileError(
                f"{first} and {file} are no parts of one run: "
                f"the {field.replace('_', ' ')} is {one!r} in one and {another!r} in the other"
            )


def _refuse_twice(files: Sequence[Path], parts: Sequence[Run]) -> None:
    """Two answers need not be the same, and a run holds one."""
    given: dict[str, Path] = {}
    twice: list[tuple[str, Path, Path]] = []
    for file, part in zip(files, parts, strict=True):
        twice += [(claim, given[claim], file) for claim in part.answers if claim in given]
        given |= dict.fromkeys(part.answers, file)
    if twice:
        claim, first, second = twice[0]
        more = f", as {plural(len(twice) - 1, 'other claim')}" if len(twice) > 1 else ""
        raise FileError(f"{claim} is answered in {first} and in {second}{more}; leave one of them out")
