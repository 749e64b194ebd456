"""How a person learns what takes so long: lines on standard error, and one live line on a terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Progress:
    """Tells what is being done. ``quiet`` tells nothing."""

    quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def line(self, text: str) -> None:
        if not self.quiet:
            print(text, file=self.stream, flush=True)

    def amount(self, text: str, done: int, total: int) -> None:
        """Rewrite the live line: bytes done of bytes expected."""
        if not self.quiet and self.stream.isatty():
            share = min(100, 100 * done // max(total, 1))
            print(f"\r{text} {share:3d} % of {total >> 20} MiB\033[K", end="", file=self.stream, flush=True)

    def done(self) -> None:
        """End the live line."""
        if not self.quiet and self.stream.isatty():
            print("\r\033[K", end="", file=self.stream, flush=True)
