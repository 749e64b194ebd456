"""``show``: a run, or what changed from one to the next, for a person at a terminal."""

from __future__ import annotations

import argparse

from reports.cli import arguments
from reports.cli.output import Terminal
from reports.comparison import compare
from reports.terminal import summarise


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "show",
        "a run, or what changed from one kernel to the next, for the terminal",
        _run,
        "Summarises a run. Of several it prints the counts, what changed from each kernel to the next, "
        "and every verdict that is not the expected one.",
    )
    arguments.add_catalogue(parser)
    arguments.add_runs(parser)


def _run(asked: argparse.Namespace) -> int:
    runs, catalogue = arguments.columns(asked), arguments.catalogue(asked)
    if len(runs) == 1:
        summarise(runs[0], catalogue, Terminal())
    else:
        compare(runs, catalogue, Terminal())
    return 0
