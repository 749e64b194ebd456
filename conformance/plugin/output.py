"""Standard output, where a run is told. Its record counts more: a run goes on where it cannot be told."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_STDOUT: Final = 1


class _Output(io.FileIO):
    """Takes all that is written to descriptor 1, be it that a disk is full or that nobody reads."""

    error: OSError | None = None
    """Why something was lost."""

    def __init__(self) -> None:
        super().__init__(_STDOUT, "w", closefd=False)

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self.error = error
            return memoryview(data).nbytes  # type: ignore[arg-type]


@contextmanager
def unfailing_stdout() -> Iterator[None]:
    """For pytest to write to; says at the end on standard error that something was lost.

    A reader that had enough, as head(1) has, is no error. Streams that are no file of the process stay.
    """
    before = sys.__stdout__
    if before is None or sys.stdout is not before or before.fileno() != _STDOUT:
        yield
        return
    with suppress(OSError):
        before.flush()
    output = _Output()
    told = io.TextIOWrapper(
        io.BufferedWriter(output), before.encoding, before.errors, line_buffering=before.line_buffering
    )
    sys.stdout = told
    try:
        yield
    finally:
        told.flush()
        sys.stdout = before
        if output.error and not isinstance(output.error, BrokenPipeError):
            with suppress(OSError):
                print(f"standard output: {output.error.strerror}; the run went on", file=sys.stderr)
