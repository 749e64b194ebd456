"""Progress on standard error: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(frozen=True)
class Progress:
    """Shows a person what takes so long; ``quiet`` shows nothing."""

    quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def line(self, text: str) -> None:
        """Print a line."""
        if not self.quiet:
            print(text, file=self.stream, flush=True)

    @contextmanager
    def download(self, text: str, size: int) -> Iterator[Callable[[int], None]]:
        """Show a download of ``size`` bytes; call what this yields with the bytes received so far."""
        if not self.quiet and self.stream.isatty():
            with _bar(text, size, self.stream) as update:
                yield update
        else:
            self.line(f"{text} ({size >> 20} MiB)")
            yield lambda _: None

    @contextmanager
    def work(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show work that takes long; call what this yields with what is done now."""
        if not self.quiet and self.stream.isatty():
            with _clock(text, self.stream) as update:
                yield update
        else:
            self.line(text)
            yield lambda _: None


@contextmanager
def _bar(text: str, size: int, stream: TextIO) -> Iterator[Callable[[int], None]]:
    # Imported here: most runs fetch nothing, and rich takes as long to import as the rest of a run.
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(file=stream), transient=True) as live:
        task = live.add_task(text, total=size)
        yield lambda done: live.update(task, completed=done)


@contextmanager
def _clock(text: str, stream: TextIO) -> Iterator[Callable[[str], None]]:
    from rich import progress
    from rich.console import Console
    from rich.table import Column

    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[now]}", markup=False, table_column=Column(no_wrap=True)),
    )
    with progress.Progress(*columns, console=Console(file=stream), transient=True) as live:
        task = live.add_task(text, total=None, now="")
        yield lambda now: live.update(task, now=now)
