"""The site: the matrix, and a page for each option: ``python -m tools.site``.

It is drawn from declarations, catalogue, reference runs and probes together, which neither package could do
without knowing the other. Addresses stay: ``option/SO_RCVBUF.html`` is where a docstring leads.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from libsocket import OPTIONS, Option
from reports.atomic_write import atomic_write
from reports.catalogue import Catalogue, read_catalogue
from reports.command import command, parser
from reports.errors import FileError
from reports.html import html
from reports.markdown import escape, markdown
from reports.matrix import Matrix
from reports.model import LINUX, Run, Verdict
from reports.printable import one_line
from reports.run_file import read_runs
from tools.option_claims import Summary, by_option, own_topic
from tools.probes import kept
from tools.reference import declaration
from tools.support import Support
from tools.wording import listed

ROOT: Final = Path(__file__).parents[1]


class Site:
    """What the site is drawn from."""

    def __init__(self, runs: Sequence[Run], catalogue: Catalogue, support: Support) -> None:
        self.runs, self.catalogue, self.support = runs, catalogue, support
        linux = [run for run in runs if run.header.implementation == LINUX]
        self.claims: Mapping[str, Sequence[Summary]] = by_option(Matrix.of(linux, catalogue))

    def write(self, folder: Path) -> None:
        """All of it, into a folder."""
        (folder / "option").mkdir(parents=True, exist_ok=True)
        atomic_write(html(self.runs, self.catalogue), folder / "index.html")
        atomic_write(markdown(self.runs, self.catalogue), folder / "matrix.md")
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        page = environment.get_template("page.html")
        for option in OPTIONS:
            body = _rendered("\n".join(self.option(option)))
            text = page.render(title=option.constant, body=body, root="..")
            atomic_write(text, folder / f"{option.page}.html")
        index = _rendered("\n".join(self.index()))
        atomic_write(page.render(title="Socket options", body=index, root="."), folder / "options.html")

    def index(self) -> Iterator[str]:
        """The options by level, and the kernels that were probed."""
        for level in dict.fromkeys(option.level for option in OPTIONS):
            yield f"\n## {level.name}\n"
            for option in (one for one in OPTIONS if one.level is level):
                yield f"- [{option.constant}]({option.page}.html), since {option.since}; {self._seen(option)}"
        yield "\n## Kernels\n"
        yield from self.support.kernels()
        yield "\n## Supported by none of them\n"
        yield from self.support.unanswered()

    def option(self, option: Option[Any]) -> Iterator[str]:
        """An option's page as Markdown, below its heading."""
        yield from declaration(option)
        yield f"\n{self.support.line(option)}"
        claims = self.claims.get(option.constant, ())
        own = [item(one) for one in claims if own_topic(option, one)]
        others = [item(one) for one in claims if not own_topic(option, one)]
        for title, items in (("Claims", own), ("Named by claims about something else", others)):
            if items:
                yield f"\n## {title}\n"
                yield from items

    def _seen(self, option: Option[Any]) -> str:
        return f"kernels that were probed and have it: {self.support.glance(option)}"


def item(one: Summary) -> str:
    """A claim in a line of Markdown."""
    others = ", ".join(f"{verdict} on {listed(kernels)}" for verdict, kernels in one.others.items())
    word = one.verdict if one.verdict == Verdict.HOLDS.value else f"**{one.verdict}**"
    verdict = f"{word} ({others})" if others else word
    instead = f" *Instead: {escape(one.instead)}.*" if one.instead else ""
    link = f"[{escape(one.claim.id)}](../index.html#{one.claim.id})"
    return f"- {verdict}: {escape(one.claim.says)}{instead} {link}"


def _rendered(text: str) -> Markup:
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


@command("site")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the site; the exit status."""
    line = parser("tools.site", __doc__)
    line.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "site", metavar="FOLDER")
    line.add_argument("--catalogue", type=Path, default=ROOT / "build" / "catalogue.json", metavar="FILE")
    line.add_argument("--runs", type=Path, default=ROOT / "results" / "runs", metavar="FOLDER")
    asked = line.parse_args(arguments)
    try:
        catalogue = read_catalogue(asked.catalogue)
    except FileError as error:
        raise FileError(f"{error}; 'make catalogue' writes it") from error
    Site(read_runs(asked.runs), catalogue, Support(kept())).write(asked.output)
    print(one_line(str(asked.output / "index.html")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
