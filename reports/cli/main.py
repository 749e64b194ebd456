"""The command line: runs and a catalogue in, a report out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from reports.cli import (
    against,
    bisect,
    completion,
    coverage,
    diff,
    draw,
    explain,
    kcidb,
    merge,
    reproduce,
    schema,
    show,
    site,
    store,
)
from reports.command import Parser, command

COMMANDS: Final = (
    *(explain, show, diff, draw, site, kcidb, coverage),
    *(reproduce, merge, store, against, bisect, schema, completion),
)
"""In the order in which the help lists them."""

EPILOG: Final = """\
A RUN is a file of JSON lines that the suite wrote on one kernel, or a folder of
such files. Each run is a column: Linux first, then others, the oldest kernel
first. A report has one run of each kernel.

What the claims say comes from the catalogue ('make catalogue' writes it).
Several --catalogue are joined: the texts of the first one count.

examples:
  python -m reports explain SO_RCVBUF
  python -m reports show host.jsonl
  python -m reports diff results/runs/host-6.18.44.jsonl host.jsonl
  python -m reports html old.jsonl host.jsonl -o report.html
  python -m reports site results/runs -o site --inventories conformance/inventory
  python -m reports store host.jsonl -o results/runs
  python -m reports coverage --unreached
  python -m reports reproduce socket.7/SO_RCVBUF/doubled -o doubled.c

exit status:
  0   the report is complete
  1   diff, bisect: an answer changed; against: one of the reference is lost, or a difference undeclared
  2   wrong usage
  65  a run, a catalogue, a transcript or a document cannot be read, or runs do not go together
  73  the report cannot be written
  125 bisect: a claim that was answered at the good end is not
  130 interrupted
"""


@command("reports")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status."""
    asked = _parser().parse_args(arguments)
    status: int = asked.run(asked)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m reports",
        description="Draws reports from the runs of one or more kernels.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(metavar="KIND", required=True)
    for one in COMMANDS:
        one.add(kinds)
    return parser
