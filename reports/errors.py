"""What can be wrong with the files that reports are drawn from and written to."""

from __future__ import annotations

import os
from pathlib import Path

from reports.printable import one_line

BAD_DATA = os.EX_DATAERR
"""Exit status of a run file or a catalogue that cannot be read or understood."""
CANNOT_WRITE = os.EX_CANTCREAT
"""Exit status where a run file or a report cannot be written."""


class FileError(Exception):
    """A run file or a catalogue that cannot be read or understood.

    ``str()`` names the file, the line (counted from 1) and the cause; what is not known is None.
    """

    def __init__(self, cause: str, path: Path | None = None, line: int | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.path = path
        self.line = line

    def __str__(self) -> str:
        place = [str(part) for part in (self.path, self.line) if part is not None]
        return one_line(f"{':'.join(place)}: {self.cause}" if place else self.cause)


class CannotWrite(Exception):
    """A report cannot be written; the message names where and why."""

    def __init__(self, path: Path, error: OSError | ValueError) -> None:
        why = error.strerror if isinstance(error, OSError) else error
        super().__init__(one_line(f"{path}: the report cannot be written: {why}"))


class RunFileUnwritable(OSError):
    """A run file cannot be opened or written; ``str()`` names the file, the cause and the way out."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, error.strerror, str(path))
        self.path = path

    def __str__(self) -> str:
        return one_line(
            f"{self.path}: the run cannot be written: {self.strerror}; "
            "name a file in a folder that you may write to and that has room"
        )
