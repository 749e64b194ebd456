"""The options reference, ``docs/options.md``, from the declarations alone: ``python -m tools.reference``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from libsocket import OPTIONS, Access, Level, Option
from reports.atomic_write import atomic_write
from reports.command import command, parser
from tools.remarks import LEFT_OUT
from tools.wording import names, table

PAGE: Final = Path(__file__).parents[1] / "docs" / "options.md"

INTRODUCTION: Final = """\
# Socket options

Every option that `libsocket` declares, by level. On a `Socket` each is an attribute; `Socket.<attribute>` and
`libsocket.<NAME>` are the option itself, which `sock.get`, `sock.set` and `sock.supported` take.
*since* is the first mainline kernel that has it, *capability* is what some or all values need.

This page is written by `python -m tools.reference`, from the declarations alone."""

COLUMNS: Final = ("option", "attribute", "number", "type", "access", "since", "capability")
ACCESS: Final = {Access.GET: "get", Access.SET: "set", Access.BOTH: "get, set"}


def page() -> Iterator[str]:
    """The page, line by line."""
    yield INTRODUCTION
    for level in Level:
        yield from chapter(level)
    yield "\n## Left out\n"
    for left_out, reason in LEFT_OUT.items():
        yield f"- {names(left_out.split())} {reason}."


def chapter(level: Level) -> Iterator[str]:
    """A level: its table, then a section for each option."""
    options = [option for option in OPTIONS if option.level is level]
    yield f"\n## {level.name}\n"
    yield table(*COLUMNS)
    yield table(*["---"] * len(COLUMNS))
    yield from map(row, options)
    for option in options:
        yield f"\n### {option.constant}\n"
        yield from declaration(option)


def row(option: Option[Any]) -> str:
    """An option at a glance."""
    name = f"[{option.name}](#{option.constant.lower()})"
    kind = str(option.codec).replace("|", r"\|")
    facts = (name, f"`{option.attribute}`", str(option.numbers.generic), f"`{kind}`")
    return table(*facts, ACCESS[option.access], option.since, option.capability or "")


def declaration(option: Option[Any]) -> Iterator[str]:
    """All that an option's declaration says, as Markdown without a heading."""
    yield option.doc
    yield f"\n*{option.facts}* (in C: {option.codec.layout})"
    if option.takes_request and Access.GET in option.access:
        yield f"\nRead by a request: `sock.get({option.constant}, request=...)`."
    if own := own_numbers(option):
        yield f"\nNumber {option.numbers.generic}; {own}."


def own_numbers(option: Option[Any]) -> str:
    """The numbers of the architectures that differ."""
    own = {name: value for name, value in option.numbers._asdict().items() if value is not None}
    return ", ".join(f"{value:#x} on {name}" for name, value in own.items() if name != "generic")


def text() -> str:
    """The file."""
    return "\n".join(page()) + "\n"


@command("reference")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file; the exit status."""
    parser("tools.reference", __doc__).parse_args(arguments)
    atomic_write(text(), PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
