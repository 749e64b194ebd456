"""Where reports go: the terminal, or a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from os.path import exists
from pathlib import Path

from rich.console import Console

from reports.atomic_write import atomic_write
from reports.errors import CannotWrite
from reports.findings import put_between
from reports.reading import contents


class Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leaves the exit status to main, where rich would end the process with its own."""
        raise BrokenPipeError


def publish(text: str, path: Path | None, drawn_from: Sequence[Path], between: str | None = None) -> None:
    """Write a report to a file, whole or between two comments of it; to the terminal where none is named.

    Raises: CannotWrite, FileError.
    """
    if path is None:
        sys.stdout.buffer.write(text.encode())
        return
    try:
        _spare(path, drawn_from)
        document = put_between(between, text, _document(path)) if between else text
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(document, path)
    except (OSError, ValueError) as error:
        raise CannotWrite(path, error) from error


def _document(path: Path) -> str:
    return contents(path, "the document").decode()


def _spare(path: Path, drawn_from: Sequence[Path]) -> None:
    """Refuse to write over what the report is drawn from."""
    if exists(path) and any(exists(file) and path.samefile(file) for file in drawn_from):
        raise ValueError("the report is drawn from that file and would overwrite it; name another")
