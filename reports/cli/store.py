"""``store``: runs as reference runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports.cli import arguments
from reports.errors import CannotWrite
from reports.printable import one_line
from reports.store import store


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "store",
        "reference runs, in a folder",
        _run,
        "Writes each run as a reference run: sorted, and without what differs from one time "
        "to the next, so that a second run on the same kernel gives the same bytes.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    arguments.add_runs(parser)


def _run(asked: argparse.Namespace) -> int:
    runs = arguments.runs(asked)
    try:
        files = store(runs, asked.output)
    except (OSError, ValueError) as error:
        raise CannotWrite(asked.output, error) from error
    for file in files:
        print(one_line(str(file)))
    return 0
