"""What became of each mutant: a file of JSON lines that grows, and the last line of a mutant counts."""

from __future__ import annotations

import enum
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from reports.errors import FileError


class End(enum.Enum):
    """What became of a mutant."""

    KILLED = "killed"
    """A claim is answered otherwise than on the kernel as it is."""
    DIED = "killed by its guest's death"
    """Its kernel did not start, or died."""
    SURVIVED = "survived"
    UNTRIED = "could not be built or asked"
    """The next run tries it again."""


@dataclass(frozen=True)
class Result:
    """What is known of one mutant."""

    mutant: str
    digest: str
    """That of the patch: one that was mended is tried again."""
    end: End
    killers: tuple[str, ...] = ()
    """The claims that were answered otherwise, both times."""
    tried: tuple[str, ...] = ()
    """All that were asked."""
    said: str = ""
    """Why it could not be built or asked, or how its guest died."""

    @property
    def killed(self) -> bool:
        return self.end in {End.KILLED, End.DIED}


class Results:
    """The results so far, and the file that they are kept in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = {one.mutant: one for one in _read(path)} if path.exists() else {}
        self._file: IO[str] | None = None
        self._lock = threading.Lock()
        self.added = 0
        """So many were added by this run."""

    def of(self, mutant: str, digest: str) -> Result | None:
        """What is known of a mutant as its patch is now."""
        one = self._last.get(mutant)
        return one if one and one.digest == digest else None

    @contextmanager
    def growing(self) -> Iterator[None]:
        """Keep what is added. Raises: FileError where another process adds to the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", buffering=1) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise FileError(
                    "another run of the mutants is under way; let it end first", self.path
                ) from error
            _cut_to_whole_lines(self.path)
            self._file = file
            yield
            self._file = None

    def add(self, result: Result) -> None:
        """Note a result, on disk before this returns. Any thread may."""
        with self._lock:
            self.added += 1
            self._last[result.mutant] = result
            if self._file:
                self._file.write(json.dumps({**asdict(result), "end": result.end.value}) + "\n")
                os.fsync(self._file.fileno())


def _cut_to_whole_lines(path: Path) -> None:
    """Take away the line that a killed run was writing."""
    data = path.read_bytes()
    os.truncate(path, data.rfind(b"\n") + 1)


def _read(path: Path) -> Iterator[Result]:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if number == len(lines) and not line.endswith("\n"):
            return  # it was being written when the run was killed
        try:
            one = json.loads(line)
            yield Result(
                one["mutant"],
                one["digest"],
                End(one["end"]),
                tuple(one["killers"]),
                tuple(one["tried"]),
                one["said"],
            )
        except (ValueError, TypeError, KeyError) as error:
            raise FileError(
                f"this is no result of a mutant ({error}); remove the line", path, number
            ) from error
