"""``merge``: parts of one kernel's run as one."""

from __future__ import annotations

import argparse

from reports.cli import arguments
from reports.cli.output import publish
from reports.merging import merged, written


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "merge",
        "parts of one kernel's run, made on several machines or at several times, as one run",
        _run,
        "Writes one run of the answers of several. They must be of one kernel (name, release, version, "
        "machine and configuration) and of one suite, and no claim may be answered twice.",
    )
    arguments.add_runs(parser)
    arguments.add_output(parser)


def _run(asked: argparse.Namespace) -> int:
    files = arguments.files(asked.runs)
    publish(written(merged(files)), asked.output, files)
    return 0
