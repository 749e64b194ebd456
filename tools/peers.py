"""How much of other suites' tests claims state, in docs/peers.md: ``python -m tools.peers``.

The rows are written by hand, a file for each suite in ``docs/peers``. A claim that one names and that is not
there is an error.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Final, NamedTuple

from reports.atomic_write import atomic_write
from reports.catalogue import read_catalogue
from reports.command import command, parser
from reports.findings import put_between

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "peers.md"
MARKS: Final = "peers"
_CLAIM: Final = re.compile(r"`([\w.-]+/[\w.-]+/[\w.-]+)`")


class Behaviour(NamedTuple):
    """A row: what another suite tries, and what is here."""

    says: str
    here: str

    @property
    def claims(self) -> Set[str]:
        return {*_CLAIM.findall(self.here)}

    @property
    def state(self) -> str:
        """``to come``, ``no`` or ``stated``."""
        return "to come" if "**to come**" in self.here else "no" if self.here.startswith("no:") else "stated"


def behaviours(page: str) -> list[Behaviour]:
    """The rows of all tables of a page."""
    rows = [line.strip("| \n").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [
        Behaviour(row[0], row[-1]) for row in rows if row[0] != "behaviour" and not row[0].startswith("--")
    ]


def table(pages: Sequence[Path]) -> str:
    """A line for each suite, as Markdown."""
    lines = [
        "| Suite | Behaviours | Stated by claims | To come | No behaviour of a kernel's sockets | Claims |"
    ]
    lines += ["| :-- | --: | --: | --: | --: | --: |"]
    for page in pages:
        text = page.read_text()
        rows = behaviours(text)
        count = Counter(row.state for row in rows)
        cited = {claim for row in rows for claim in row.claims}
        name = (
            text.splitlines()[0].lstrip("# ").split(" socket tests")[0].removesuffix("'s").removesuffix("'")
        )
        numbers = (len(rows), count["stated"], count["to come"], count["no"], len(cited))
        lines += [f"| [{name}](peers/{page.name}) | " + " | ".join(str(number) for number in numbers) + " |"]
    return "\n".join(lines) + "\n"


def not_there(pages: Sequence[Path], known: Set[str]) -> list[tuple[str, str]]:
    """Pages and the claims they name that are not known."""
    named = {
        (page.name, claim) for page in pages for row in behaviours(page.read_text()) for claim in row.claims
    }
    return sorted((page, claim) for page, claim in named if claim not in known)


def claims_of(catalogue: Path) -> Set[str]:
    """The ids of all claims."""
    return {claim.id for claim in read_catalogue(catalogue).claims}


@command("peers")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the numbers into docs/peers.md; the exit status: 1 where a row names no claim."""
    line = parser("tools.peers", __doc__)
    line.add_argument("--catalogue", type=Path, default=ROOT / "build" / "catalogue.json", metavar="FILE")
    asked = line.parse_args(arguments)
    known = claims_of(asked.catalogue)
    pages = sorted((ROOT / "docs" / "peers").glob("*.md"))
    named = {
        (page.name, claim) for page in pages for row in behaviours(page.read_text()) for claim in row.claims
    }
    unknown = sorted((page, claim) for page, claim in named if claim not in known)
    for page, claim in unknown:
        print(f"docs/peers/{page}: there is no claim {claim}", file=sys.stderr)
    atomic_write(put_between(MARKS, table(pages), PAGE.read_text()), PAGE)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
