"""``coverage``: what of a kernel's source the claims reach."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports.cli import arguments
from reports.cli.output import publish
from reports.coverage import store
from reports.coverage.lcov import lcov
from reports.coverage.plan import PLAN, plan_of
from reports.coverage.text import text
from reports.errors import FileError


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "coverage",
        "what of a kernel's source the claims reach",
        _run,
        "Lists how many lines and branches the claims reach of the functions that are to be reached "
        f"({PLAN} names them, and says why a line is not), or names the claims that reach a line. "
        "'make kernel-coverage' makes the file that it reads.",
    )
    parser.add_argument(
        "reached",
        type=Path,
        nargs="?",
        default=store.REACHED,
        metavar="REACHED",
        help=f"what 'python -m kernels coverage' wrote (default: {store.REACHED})",
    )
    parser.add_argument("--plan", type=Path, metavar="FILE", help=f"what is to be reached (default: {PLAN})")
    parser.add_argument("--options", action="store_true", help="with each option of a function")
    parser.add_argument("--unreached", action="store_true", help="with each line that nothing reaches")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--lcov", action="store_true", help="all files, as an lcov tracefile for genhtml(1)")
    which.add_argument(
        "--reaching", type=_place, metavar="FILE:LINE", help="the claims that reach a line, one a line"
    )
    arguments.add_output(parser)


def _run(asked: argparse.Namespace) -> int:
    publish(_text(asked), asked.output, [asked.reached])
    return 0


def _text(asked: argparse.Namespace) -> str:
    if asked.reaching:
        file, line = asked.reaching
        claims = store.reaching(asked.reached, file, line)
        if claims is None:
            raise FileError(f"{file}:{line} is no line that counts", asked.reached)
        return "".join(f"{claim}\n" for claim in claims)
    coverage = store.read(asked.reached)
    if asked.lcov:
        return lcov(coverage)
    return text(coverage, plan_of(asked.plan), unreached=asked.unreached, options=asked.options)


def _place(argument: str) -> tuple[str, int]:
    file, _, line = argument.rpartition(":")
    return file, int(line)
