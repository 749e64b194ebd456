"""``explain``: what is known of a claim or of an option."""

from __future__ import annotations

import argparse
from os.path import isdir
from pathlib import Path
from typing import Final

from reports.cli import arguments
from reports.cli.output import Terminal
from reports.explanation import UnknownName, explain

RUNS: Final = Path("results/runs")


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "explain",
        "a claim, or the claims about an option, on one screen",
        _run,
        "Explains a claim: what it says and where, on which kernels it holds, what is true instead, since "
        "when and by which commit, what was observed, and how to try it here. Of an option it lists the "
        "claims, those that differ on the newest kernel first.",
    )
    arguments.add_catalogue(parser)
    parser.add_argument(
        "--runs",
        dest="runs",
        type=Path,
        action="append",
        metavar="RUN",
        help=f"a run file, or a folder of them (repeatable; default: {RUNS})",
    )
    parser.add_argument("name", metavar="CLAIM|OPTION", help="socket.7/SO_RCVBUF/doubled, or SO_RCVBUF")


def _run(asked: argparse.Namespace) -> int:
    asked.runs = asked.runs or [RUNS] * isdir(RUNS)
    runs, catalogue = arguments.columns(asked), arguments.catalogue(asked)
    try:
        explain(asked.name, runs, catalogue, Terminal())
    except UnknownName as error:
        asked.parser.error(str(error))
    return 0
