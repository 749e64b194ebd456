"""How many of Linux's socket options each library has, by level: ``python -m tools.coverage``.

The names of socket2 and nix are kept in ``others/`` with the version they were read from; those of
CPython are what the running interpreter's socket module has.
"""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from libsocket import OPTIONS, Level, Option
from reports.command import command, parser

OTHERS = Path(__file__).with_name("others")


def kept(library: str) -> tuple[str, set[str]]:
    """A library's name with its version, and the options that its code names."""
    head, *names = (OTHERS / f"{library}.txt").read_text().splitlines()
    return head.removeprefix("# ").partition(",")[0], set(names)


def interpreter() -> tuple[str, set[str]]:
    """The running Python."""
    have = {option.name for option in OPTIONS if hasattr(socket, option.name)}
    return f"CPython {platform.python_version()}", have


def rows(libraries: list[tuple[str, set[str]]]) -> Iterator[tuple[str, ...]]:
    """Heading, levels, sum."""
    yield ("level", "libsocket", *(name for name, _ in libraries))
    for level in Level:
        yield row(level.name, [option for option in OPTIONS if option.level is level], libraries)
    yield row("all", list(OPTIONS), libraries)


def row(title: str, options: list[Option[Any]], libraries: list[tuple[str, set[str]]]) -> tuple[str, ...]:
    """How many of these options each library has."""
    counts = (sum(option.name in have for option in options) for _, have in libraries)
    return title, str(len(options)), *map(str, counts)


@command("coverage")
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table as Markdown; the exit status."""
    parser("tools.coverage", __doc__).parse_args(arguments)
    heading, *body = rows([kept("socket2"), kept("nix"), interpreter()])
    for cells in (heading, ("---",) * len(heading), *body):
        print("| " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
