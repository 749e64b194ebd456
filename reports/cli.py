"""The command line: runs in, a report out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from reports.errors import RunFileError
from reports.html import html
from reports.markdown import markdown
from reports.output import publish
from reports.record import Run
from reports.reference import NoReference, against, reference_of
from reports.runfile import read_run
from reports.terminal import summarise

DRAWN: dict[str, Callable[[Sequence[Run]], str]] = {"markdown": markdown, "html": html}

EPILOG = """\
A RUN is a file of JSON lines that the suite wrote on one kernel. Each run is
a column, in the order given, so name the oldest kernel first.

example:
  python -m reports show host.jsonl
  python -m reports html old.jsonl host.jsonl -o report.html

exit status:
  0  the report is complete
  1  against: something that the reference answered is lost, or a difference is undeclared
  2  a run cannot be read, or the report cannot be written
"""

LOST = 1


class Refused(Exception):
    """What was asked for cannot be done; the message says why."""


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leaves the exit status to main, where rich would end the process with its own."""
        raise BrokenPipeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns the exit status: 0, 2, or that of an interrupt."""
    held = True
    try:
        held = _draw(_parser().parse_args(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        return _refuse(f"the report cannot be written: {error.strerror}")
    except (RunFileError, NoReference, Refused) as error:
        return _refuse(error)
    return 0 if held else LOST


def _draw(asked: argparse.Namespace) -> bool:
    """Draw what was asked for. False where a run falls short of its reference."""
    runs = [read_run(path) for path in asked.runs]
    if asked.kind == "against":
        references = [reference_of(run, asked.references) for run in runs]
        kept = [against(run, reference, _console()) for run, reference in zip(runs, references, strict=True)]
        return all(kept)
    if asked.kind == "show":
        _show(runs)
    elif asked.output is None:
        sys.stdout.buffer.write(DRAWN[asked.kind](runs).encode())
    else:
        _write(DRAWN[asked.kind](runs), asked.output, asked.runs)
    return True


def _console() -> Console:
    if not sys.stdout.encoding.lower().startswith("utf"):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    return _Terminal()


def _show(runs: Sequence[Run]) -> None:
    console = _console()
    for place, run in enumerate(runs):
        if place:
            console.print()
        summarise(run, console)


def _write(text: str, path: Path, runs: Sequence[Path]) -> None:
    if path.exists() and any(path.samefile(run) for run in runs):
        raise Refused(f"{path} is one of the runs and would be overwritten; name another file")
    try:
        publish(text, path)
    except OSError as error:
        raise Refused(f"{path}: the report cannot be written: {error.strerror}") from error


def _refuse(why: object) -> int:
    print(f"reports: {why}", file=sys.stderr)
    return 2


def _silence() -> None:
    # The interpreter flushes once more at exit and would complain of what is known by now.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reports",
        description="Draws reports from the runs of one or more kernels.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(metavar="KIND", dest="kind", required=True)
    for kind, says in (
        ("show", "a summary of each run, for the terminal"),
        ("markdown", "a matrix of all runs in GitHub-flavoured Markdown"),
        ("html", "a matrix of all runs as one self-contained page"),
    ):
        _add_runs(kinds.add_parser(kind, help=says, description=f"Draws {says}."), kind)
    held = kinds.add_parser(
        "against",
        help="what changed since the reference run of the same kernel",
        description="Holds each run against the run of the same kernel in a folder. Exit status 1 where a "
        "claim that was answered there is not any more, or a difference is new and undeclared.",
    )
    held.add_argument("references", type=Path, metavar="FOLDER", help="the reference runs, e.g. reports/runs")
    _add_runs(held, "against")
    return parser


def _add_runs(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="a run file, the oldest kernel first"
    )
    if kind in DRAWN:
        parser.add_argument(
            "-o", "--output", type=Path, metavar="FILE", help="write there, not to the terminal"
        )
