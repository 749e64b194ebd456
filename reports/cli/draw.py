"""``markdown``, ``html`` and others: all runs and the catalogue as one text."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Final

from reports.catalogue import Catalogue
from reports.cli import arguments
from reports.cli.output import publish
from reports.findings import findings, kernel_table, result
from reports.html import html
from reports.junit import junit
from reports.ktap import ktap
from reports.markdown import markdown
from reports.model import Run
from reports.overlay import overlay
from reports.site import badges

DRAWN: Final[dict[str, tuple[Callable[[Sequence[Run], Catalogue], str], str]]] = {
    "markdown": (markdown, "a matrix of all runs in GitHub-flavoured Markdown"),
    "html": (html, "a matrix of all runs as one self-contained page"),
    "findings": (findings, "where the documentation is wrong, by page, as Markdown"),
    "result": (result, "how many statements of documents are not so, in one sentence, as Markdown"),
    "overlay": (
        overlay,
        "where another implementation than Linux differs, as the suite's expectations of it",
    ),
    "ktap": (ktap, "each run in the Kernel Test Anything Protocol, pages and their claims"),
    "junit": (junit, "each run as JUnit's XML, with the observations as properties"),
    "summary": (badges.summary_of, "a bar for each run, as a picture in SVG"),
    "badge": (badges.badge_of, "how many statements of documents are not so, as a badge in SVG"),
    "table": (kernel_table, "one line of counts for each run, as Markdown"),
}


def add(kinds: arguments.Kinds) -> None:
    for kind, (draw, summary) in DRAWN.items():
        parser = arguments.add(kinds, kind, summary, _run, f"Draws {summary}.")
        parser.set_defaults(draw=draw)
        arguments.add_catalogue(parser)
        arguments.add_runs(parser)
        arguments.add_output(parser)
        parser.add_argument(
            "--between",
            metavar="WORD",
            help="keep FILE, but for what is between its lines <!-- WORD --> and <!-- end of WORD -->",
        )


def _run(asked: argparse.Namespace) -> int:
    if asked.between and asked.output is None:
        asked.parser.error("--between needs a file to write into: name it with --output")
    text = asked.draw(arguments.columns(asked), arguments.catalogue(asked))
    publish(text, asked.output, arguments.inputs(asked), asked.between)
    return 0
