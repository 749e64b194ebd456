"""Arguments that several commands have, and what they stand for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from os.path import exists, isdir  # those of Path raise where a name is too long
from pathlib import Path
from typing import Final, TypeAlias

from reports.catalogue import Catalogue, joined, read_catalogue
from reports.command import Parser
from reports.errors import FileError
from reports.model import Run, oldest_first
from reports.run_file import read_run, run_files
from reports.wording import system

CATALOGUE: Final = Path("build/catalogue.json")

Kinds: TypeAlias = "argparse._SubParsersAction[Parser]"


def add(
    kinds: Kinds, name: str, summary: str, run: Callable[[argparse.Namespace], int], description: str
) -> Parser:
    """The parser of a command. Where its arguments do not go together, its ``asked.parser`` says so."""
    parser = kinds.add_parser(name, help=summary, description=description)
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_runs(parser: Parser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run file, or a folder of them")


def add_catalogue(parser: Parser) -> None:
    parser.add_argument(
        "--catalogue",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=f"what the claims say (repeatable, the newest first; default: {CATALOGUE})",
    )


def add_output(parser: Parser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there, not to the terminal")


def runs(asked: argparse.Namespace) -> list[Run]:
    """The runs that were named, oldest kernel first. Raises: FileError."""
    return oldest_first(map(read_run, files(asked.runs)))


def columns(asked: argparse.Namespace) -> list[Run]:
    """The runs of one report, oldest kernel first. Raises: FileError where two could not be told apart."""
    named: dict[str, Path] = {}
    read: list[Run] = []
    for file in files(asked.runs):
        run = read_run(file)
        other = named.setdefault(system(run), file)
        if other is not file:
            raise FileError(
                f"{other} and {file} are runs of one kernel, {system(run)}; name one of them, 'merge' them "
                "if they are parts of one run, or compare them with 'diff'"
            )
        read.append(run)
    return oldest_first(read)


def files(named: list[Path]) -> list[Path]:
    """The run files that were named, those of folders one by one. Raises: FileError."""
    return [file for one in named for file in (run_files(one) if isdir(one) else [one])]


def catalogue(asked: argparse.Namespace) -> Catalogue:
    """The catalogues that were named as one. Raises: FileError."""
    if not asked.catalogue and not exists(CATALOGUE):
        print(
            f"reports: there is no {CATALOGUE}, so statements and declared differences are missing; "
            "write it with 'make catalogue', or name one with --catalogue",
            file=sys.stderr,
        )
        return Catalogue()
    return joined(map(read_catalogue, catalogues(asked)))


def catalogues(asked: argparse.Namespace) -> list[Path]:
    """The catalogues that were named, or the one that is looked for."""
    return asked.catalogue or [CATALOGUE]


def inputs(asked: argparse.Namespace) -> list[Path]:
    """All files that a report is drawn from."""
    return [*files(asked.runs), *catalogues(asked)]
