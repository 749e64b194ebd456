"""``bisect``: one step of a bisection."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports.bisection import step
from reports.cli import arguments
from reports.cli.output import Terminal
from reports.run_file import read_run


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "bisect",
        "whether a kernel answers as the good end of a bisection did",
        _run,
        "Holds a run against the one of the good end, for 'git bisect run': exit status 0 where "
        "every claim is answered as it was, 1 where one is not, 125 where that cannot be told.",
    )
    parser.add_argument("good", type=Path, metavar="GOOD", help="the run of the good end")
    parser.add_argument("kernel", type=Path, metavar="RUN", help="the run of the kernel in question")


def _run(asked: argparse.Namespace) -> int:
    return step(read_run(asked.good), read_run(asked.kernel), Terminal())
