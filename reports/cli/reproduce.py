"""``reproduce``: a claim's transcript as a C program."""

from __future__ import annotations

import argparse
from os.path import exists
from pathlib import Path
from typing import Final

from reports.cli import arguments
from reports.cli.output import publish
from reports.reproducer import reproducer
from reports.transcript import read_transcripts, transcript_path

TRANSCRIPTS: Final = Path("build/transcripts")


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "reproduce",
        "a claim's transcript as a C program",
        _run,
        "Writes a C program that makes the calls of a transcript again, and says which answer is another. "
        "'pytest conformance/ --transcript build/transcripts' writes transcripts.",
    )
    arguments.add_catalogue(parser)
    parser.add_argument("transcript", metavar="TRANSCRIPT", help="a transcript, or the id of a claim")
    parser.add_argument(
        "--transcripts",
        type=Path,
        default=TRANSCRIPTS,
        metavar="DIR",
        help=f"where the transcript of a claim is looked for (default: {TRANSCRIPTS})",
    )
    arguments.add_output(parser)


def _run(asked: argparse.Namespace) -> int:
    path = Path(asked.transcript)
    if not exists(path):
        path = transcript_path(asked.transcripts, asked.transcript)
    transcripts = read_transcripts(path)
    claim = arguments.catalogue(asked).claim(transcripts[0].begin.claim)
    publish(reproducer(transcripts, claim), asked.output, [path, *arguments.catalogues(asked)])
    return 0
