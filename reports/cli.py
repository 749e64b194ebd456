"""The command line: runs and a catalogue in, a report out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from os.path import exists, isdir  # those of Path raise where a name is too long
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from reports.atomic_write import atomic_write
from reports.bisection import step
from reports.catalogue import Catalogue, CatalogueFile, joined, read_catalogue
from reports.command import Parser, command
from reports.errors import CannotWrite
from reports.findings import findings, kernel_table, put_between
from reports.html import html
from reports.markdown import markdown
from reports.model import Run, oldest_first
from reports.overlay import overlay
from reports.printable import one_line
from reports.reading import contents
from reports.reference import against, reference_of
from reports.reproducer import reproducer
from reports.run_file import Line, read_run, read_runs, run_files
from reports.site import command as site
from reports.store import store
from reports.terminal import summarise
from reports.transcript import read_transcripts, transcript_path

DRAWN: Final[dict[str, tuple[Callable[[Sequence[Run], Catalogue], str], str]]] = {
    "markdown": (markdown, "a matrix of all runs in GitHub-flavoured Markdown"),
    "html": (html, "a matrix of all runs as one self-contained page"),
    "findings": (findings, "where the documentation is wrong, by page, as Markdown"),
    "overlay": (
        overlay,
        "where another implementation than Linux differs, as the suite's expectations of it",
    ),
    "table": (kernel_table, "one line of counts for each run, as Markdown"),
}

CATALOGUE: Final = Path("build/catalogue.json")
TRANSCRIPTS: Final = Path("build/transcripts")

EPILOG: Final = """\
A RUN is a file of JSON lines that the suite wrote on one kernel, or a folder of
such files. Each run is a column: Linux first, then others, the oldest kernel
first.

What the claims say comes from the catalogue ('make catalogue' writes it).
Several --catalogue are joined: the texts of the first one count.

examples:
  python -m reports show host.jsonl
  python -m reports html old.jsonl host.jsonl -o report.html
  python -m reports site results/runs -o site --inventories conformance/inventory
  python -m reports store host.jsonl -o results/runs
  python -m reports reproduce socket.7/SO_RCVBUF/doubled -o doubled.c

exit status:
  0   the report is complete
  1   against: an answer of the reference is lost, or a difference undeclared; bisect: an answer changed
  2   wrong usage
  65  a run, a catalogue, a transcript or a document cannot be read
  73  the report cannot be written
  125 bisect: a claim that was answered at the good end is not
  130 interrupted
"""

LOST: Final = 1


class _Terminal(Console):
    def on_broken_pipe(self) -> None:
        """Leaves the exit status to main, where rich would end the process with its own."""
        raise BrokenPipeError


@command("reports")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status."""
    return _do(_parsed(arguments))


def _do(asked: argparse.Namespace) -> int:
    """Do what was asked for. The exit status: LOST where a run falls short of its reference, or a step's."""
    if asked.kind == "schema":
        print(json.dumps(msgspec.json.schema(CatalogueFile if asked.of == "catalogue" else Line), indent=1))
        return 0
    if asked.kind == "reproduce":
        _reproduce(asked)
        return 0
    if asked.kind == "bisect":
        return step(read_run(asked.good), read_run(asked.run), _Terminal())
    runs = oldest_first(
        run for path in asked.runs for run in (read_runs(path) if isdir(path) else [read_run(path)])
    )
    if asked.kind == "store":
        _store(runs, asked.output)
        return 0
    catalogue = _catalogue(asked.catalogue)
    if asked.kind == "against":
        references = [reference_of(run, asked.references) for run in runs]
        kept = [
            against(run, reference, catalogue, _Terminal())
            for run, reference in zip(runs, references, strict=True)
        ]
        return 0 if all(kept) else LOST
    if asked.kind == "site":
        site.draw(asked, runs, catalogue)
    elif asked.kind == "show":
        _show(runs, catalogue)
    else:
        _publish(DRAWN[asked.kind][0](runs, catalogue), asked)
    return 0


def _reproduce(asked: argparse.Namespace) -> None:
    path = Path(asked.transcript)
    if not exists(path):
        path = transcript_path(asked.transcripts, asked.transcript)
    transcripts = read_transcripts(path)
    claim = _catalogue(asked.catalogue).claim(transcripts[0].begin.claim)
    asked.runs, asked.between = [path], None
    _publish(reproducer(transcripts, claim), asked)


def _catalogue(named: Sequence[Path]) -> Catalogue:
    if not named and not exists(CATALOGUE):
        print(
            f"reports: there is no {CATALOGUE}, so statements and declared differences are missing; "
            "write it with 'make catalogue', or name one with --catalogue",
            file=sys.stderr,
        )
        return Catalogue()
    return joined(map(read_catalogue, named or [CATALOGUE]))


def _show(runs: Sequence[Run], catalogue: Catalogue) -> None:
    console = _Terminal()
    for place, run in enumerate(runs):
        if place:
            console.print()
        summarise(run, catalogue, console)


def _store(runs: Sequence[Run], folder: Path) -> None:
    try:
        files = store(runs, folder)
    except (OSError, ValueError) as error:
        raise CannotWrite(folder, error) from error
    for file in files:
        print(one_line(str(file)))


def _publish(text: str, asked: argparse.Namespace) -> None:
    path: Path | None = asked.output
    if path is None:
        sys.stdout.buffer.write(text.encode())
        return
    try:
        _spare(path, [*asked.runs, *(asked.catalogue or [CATALOGUE])])
        between = asked.between and put_between(asked.between, text, _document(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(between or text, path)
    except (OSError, ValueError) as error:
        raise CannotWrite(path, error) from error


def _document(path: Path) -> str:
    return contents(path, "the document").decode()


def _spare(path: Path, inputs: Sequence[Path]) -> None:
    """Refuse to write over what the report is drawn from."""
    files = [file for one in inputs for file in (run_files(one) if isdir(one) else [one])]
    if exists(path) and any(exists(file) and path.samefile(file) for file in files):
        raise ValueError("the report is drawn from that file and would overwrite it; name another")


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.kind in DRAWN and asked.between and asked.output is None:
        parser.error("--between needs a file to write into: name it with --output")
    return asked


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m reports",
        description="Draws reports from the runs of one or more kernels.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(metavar="KIND", dest="kind", required=True)
    _add(kinds, "show", "a summary of each run, for the terminal")
    for kind, (_, summary) in DRAWN.items():
        drawn = _add(kinds, kind, summary)
        _add_output(drawn)
        drawn.add_argument(
            "--between",
            metavar="WORD",
            help="keep FILE, but for what is between its lines <!-- WORD --> and <!-- end of WORD -->",
        )
    drawn = _add(kinds, "site", "pages of claims, options and documents", site.DESCRIPTION)
    _add_runs(drawn, "*")
    site.add_arguments(drawn)
    held = _add(
        kinds,
        "against",
        "what changed since the reference run of the same kernel",
        "Holds each run against the run of the same kernel in a folder. Exit status 1 where a "
        "claim that was answered there is not any more, or a difference is new and undeclared.",
    )
    held.add_argument("references", type=Path, metavar="FOLDER", help="the reference runs, e.g. results/runs")
    reproduced = _add(
        kinds,
        "reproduce",
        "a claim's transcript as a C program",
        "Writes a C program that makes the calls of a transcript again, and says which answer is another. "
        "'pytest conformance/ --transcript build/transcripts' writes transcripts.",
    )
    reproduced.add_argument("transcript", metavar="TRANSCRIPT", help="a transcript, or the id of a claim")
    reproduced.add_argument(
        "--transcripts",
        type=Path,
        default=TRANSCRIPTS,
        metavar="DIR",
        help=f"where the transcript of a claim is looked for (default: {TRANSCRIPTS})",
    )
    _add_output(reproduced)
    stored = kinds.add_parser(
        "store",
        help="reference runs, in a folder",
        description="Writes each run as a reference run: sorted, and without what differs from one time "
        "to the next, so that a second run on the same kernel gives the same bytes.",
    )
    stored.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    for parsed in (held, stored):
        _add_runs(parsed)
    bisected = kinds.add_parser(
        "bisect",
        help="whether a kernel answers as the good end of a bisection did",
        description="Holds a run against the one of the good end, for 'git bisect run': exit status 0 where "
        "every claim is answered as it was, 1 where one is not, 125 where that cannot be told.",
    )
    bisected.add_argument("good", type=Path, metavar="GOOD", help="the run of the good end")
    bisected.add_argument("run", type=Path, metavar="RUN", help="the run of the kernel in question")
    schema = kinds.add_parser("schema", help="the JSON Schema of run files or catalogues")
    schema.add_argument("of", choices=("run", "catalogue"), help="of a line of a run file, or of a catalogue")
    return parser


def _add(
    kinds: argparse._SubParsersAction[Parser], kind: str, summary: str, description: str = ""
) -> argparse.ArgumentParser:
    parser = kinds.add_parser(kind, help=summary, description=description or f"Draws {summary}.")
    parser.add_argument(
        "--catalogue",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=f"what the claims say (repeatable, the newest first; default: {CATALOGUE})",
    )
    if kind not in {"against", "reproduce", "site"}:
        _add_runs(parser)
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there, not to the terminal")


def _add_runs(parser: argparse.ArgumentParser, count: str = "+") -> None:
    parser.add_argument(
        "runs",
        type=Path,
        nargs=count,
        metavar="RUN",
        help="a run file, or a folder of them",
    )
