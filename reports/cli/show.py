"""``show``: runs, for a person at a terminal."""

from __future__ import annotations

import argparse

from reports.cli import arguments
from reports.cli.output import Terminal
from reports.terminal import summarise


def add(kinds: arguments.Kinds) -> None:
    summary = "a summary of each run, for the terminal"
    parser = arguments.add(kinds, "show", summary, _run, f"Draws {summary}.")
    arguments.add_catalogue(parser)
    arguments.add_runs(parser)


def _run(asked: argparse.Namespace) -> int:
    runs, catalogue, console = arguments.runs(asked), arguments.catalogue(asked), Terminal()
    for place, run in enumerate(runs):
        if place:
            console.print()
        summarise(run, catalogue, console)
    return 0
