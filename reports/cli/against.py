"""``against``: runs held against those of reference."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from reports.cli import arguments
from reports.cli.output import Terminal
from reports.reference import against, reference_of

LOST: Final = 1


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "against",
        "what changed since the reference run of the same kernel or series",
        _run,
        "Holds each run against the run of the same kernel in a folder; that of a kernel which has none "
        "(built:NAME, uml:PATH, virtme:PATH) against the run of its series, or of the newest one before it. "
        "Exit status 1 where a claim that was answered there is not any more, or a difference is new and "
        "undeclared.",
    )
    arguments.add_catalogue(parser)
    parser.add_argument(
        "references", type=Path, metavar="FOLDER", help="the reference runs, e.g. results/runs"
    )
    arguments.add_runs(parser)


def _run(asked: argparse.Namespace) -> int:
    runs, catalogue = arguments.runs(asked), arguments.catalogue(asked)
    references = [reference_of(run, asked.references) for run in runs]
    kept = [
        against(run, reference, catalogue, Terminal())
        for run, reference in zip(runs, references, strict=True)
    ]
    return 0 if all(kept) else LOST
