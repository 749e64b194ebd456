"""``kcidb``: runs as a report for the database of kernel tests."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from reports.cli import arguments
from reports.cli.output import publish
from reports.kcidb import OBJECT, ORIGIN, ORIGINS, kcidb


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "kcidb",
        "each run as a report for KCIDB, the database of kernel tests",
        _run,
        "Draws a report in the JSON that kcidb-submit takes. What a run does not know of its kernel, such as "
        "the commit that it was built from, belongs to a build that was submitted before: name that one.",
    )
    arguments.add_catalogue(parser)
    arguments.add_runs(parser)
    arguments.add_output(parser)
    parser.add_argument(
        "--origin",
        type=_like(ORIGINS, "an origin has small letters, digits and _"),
        default=ORIGIN,
        help="the name under which you submit (default: %(default)s)",
    )
    parser.add_argument(
        "--build",
        type=_like(OBJECT, "the id of a build is ORIGIN:NAME"),
        metavar="ID",
        help="the build that was tested, where it is in the database; a report then has tests alone",
    )


def _like(pattern: re.Pattern[str], otherwise: str) -> Callable[[str], str]:
    def matching(text: str) -> str:
        if not pattern.fullmatch(text):
            raise argparse.ArgumentTypeError(otherwise)
        return text

    return matching


def _run(asked: argparse.Namespace) -> int:
    runs, catalogue = arguments.columns(asked), arguments.catalogue(asked)
    if asked.build and len(runs) > 1:
        asked.parser.error("--build names the build of one run, and several are to be drawn")
    publish(kcidb(runs, catalogue, asked.origin, asked.build), asked.output, arguments.inputs(asked))
    return 0
