"""``diff``: two runs, or two folders of them, held against each other."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from reports.cli import arguments
from reports.cli.output import Terminal
from reports.difference import as_data, differences, pairs, print_differences
from reports.plain_json import plain_json

CHANGED: Final = 1


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "diff",
        "what is not the same in two runs, or in two folders of them",
        _run,
        "Compares two runs of any kernels, or each run of a folder with the one of the same kernel in "
        "another. Exit status 0 where every claim that both were asked has the same verdict and values, 1 "
        "where one has not. Measured times are never the same twice and not compared.",
    )
    arguments.add_catalogue(parser)
    parser.add_argument("--json", action="store_true", help="for scripts ('schema diff' describes it)")
    parser.add_argument("before", type=Path, metavar="A", help="a run file, or a folder of them")
    parser.add_argument("after", type=Path, metavar="B", help="what is held against it")


def _run(asked: argparse.Namespace) -> int:
    found = pairs(asked.before, asked.after)
    held = differences(found, arguments.catalogue(asked))
    if asked.json:
        sys.stdout.write(plain_json(as_data(held, found)))
    else:
        print_differences(held, found, Terminal())
    return CHANGED if any(one.changes for one in held) else 0
