"""The site with the options' declarations and support: ``python -m tools.site``.

What claims and runs say of options is drawn by ``reports``, which knows no library; declarations and probes,
which know no claims, are handed to it here. Addresses stay: a docstring leads to ``option/SO_RCVBUF.html``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from os.path import exists
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from libsocket import OPTIONS
from reports.catalogue import Catalogue, read_catalogue
from reports.cli.arguments import columns
from reports.command import command, parser
from reports.coverage.plan import PLAN, plan_of
from reports.coverage.store import read
from reports.errors import FileError
from reports.inventory import read_inventories
from reports.printable import one_line
from reports.site.materials import read_materials
from reports.site.options import OptionText
from reports.site.pages import write
from reports.site.site import Site
from tools.option_claims import by_option
from tools.probes import kept
from tools.reference import declaration
from tools.support import Support

ROOT: Final = Path(__file__).parents[1]
BUILD: Final = ROOT / "build"


def options(support: Support) -> Iterator[OptionText]:
    """What declarations and probes say of each option."""
    for option in OPTIONS:
        added, kinds = support.added(option)
        yield OptionText(
            constant=option.constant,
            names=(option.constant, option.name),
            level=option.level.name,
            body=_rendered("\n".join((*declaration(option), "", support.line(option)))),
            support=added,
            kinds=kinds,
        )


def probed(support: Support) -> Iterator[str]:
    """The kernels that were probed, and what none of them answered to, as Markdown."""
    yield "## Kernels that were probed\n"
    yield from support.kernels()
    yield "\n## Supported by none of them\n"
    yield from support.unanswered()


def _rendered(text: str) -> Markup:
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


@command("site")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the site; the exit status."""
    line = parser("tools.site", __doc__)
    line.add_argument("-o", "--output", type=Path, default=BUILD / "site", metavar="FOLDER")
    line.add_argument("--catalogue", type=Path, default=BUILD / "catalogue.json", metavar="FILE")
    line.add_argument(
        "runs", type=Path, nargs="*", metavar="RUN", help="a run file, or a folder (default: results/runs)"
    )
    line.add_argument("--url", default="", help="where the site will be")
    asked = line.parse_args(arguments)
    asked.runs = asked.runs or [ROOT / "results" / "runs"]
    support, catalogue = Support(kept()), _catalogue(asked.catalogue)
    site = Site(
        columns(asked),
        catalogue,
        read_inventories(ROOT / "conformance" / "inventory"),
        read_materials(*map(_made, ("transcripts", "reproducers", "faults.jsonl"))),
        list(options(support)),
        by_option(catalogue.claims),
        _rendered("\n".join(probed(support))),
        read(reached) if (reached := _made("coverage/reached.sqlite")) else None,
        plan_of(ROOT / PLAN),
        asked.url,
    )
    write(site, asked.output)
    print(one_line(str(asked.output / "index.html")))
    return 0


def _catalogue(path: Path) -> Catalogue:
    try:
        return read_catalogue(path)
    except FileError as error:
        raise FileError(f"{error}; 'make catalogue' writes it") from error


def _made(name: str) -> Path | None:
    """What 'make reproducers', 'make faults' or 'make kernel-coverage' wrote, if they did."""
    return BUILD / name if exists(BUILD / name) else None


if __name__ == "__main__":
    sys.exit(main())
