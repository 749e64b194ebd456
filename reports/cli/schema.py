"""``schema``: the JSON Schema of what is read and written."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

import msgspec

from reports.catalogue import CatalogueFile
from reports.cli import arguments
from reports.difference import DifferenceFile
from reports.run_file import Line

SCHEMAS: Final[dict[str, Any]] = {"run": Line, "catalogue": CatalogueFile, "diff": DifferenceFile}


def add(kinds: arguments.Kinds) -> None:
    summary = "the JSON Schema of run files, catalogues or differences"
    parser = arguments.add(kinds, "schema", summary, _run, f"Prints {summary}.")
    parser.add_argument(
        "of", choices=SCHEMAS, help="of a line of a run file, of a catalogue, or of 'diff --json'"
    )


def _run(asked: argparse.Namespace) -> int:
    print(json.dumps(msgspec.json.schema(SCHEMAS[asked.of]), indent=1))
    return 0
