"""How much of documents and options is tried, in the README: ``python -m tools.tried``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from libsocket import OPTIONS
from reports.atomic_write import atomic_write
from reports.catalogue import Catalogue, read_catalogue
from reports.command import command, parser
from reports.findings import put_between
from reports.inventory import read_inventories
from tools.option_claims import by_option

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
MARKS: Final = "tried"


def tried(catalogue: Catalogue) -> str:
    """The numbers, as Markdown."""
    documents = read_inventories(ROOT / "conformance" / "inventory")
    sentences = [one for document in documents for one in document.sentences]
    cited = {name for claim in catalogue.claims for name in claim.sentences}
    count = Counter(one.status(cited=one.id in cited) for one in sentences)
    known, options = len(OPTIONS), len(by_option(catalogue.claims))
    return (
        f"**{len(catalogue.claims)} claims.** Of {len(sentences)} sentences in {len(documents)} documents "
        f"{count['tried']} are tried on the kernel and {count['tested']} by the library's tests, "
        f"{count['explained']} cannot be, each for a reason, and {count['untried']} are still to come. Of "
        f"the library's {known} options {options} have claims, {known - options} have none yet.\n"
    )


@command("tried")
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the numbers into the README; the exit status."""
    line = parser("tools.tried", __doc__)
    line.add_argument("--catalogue", type=Path, default=ROOT / "build" / "catalogue.json", metavar="FILE")
    asked = line.parse_args(arguments)
    atomic_write(put_between(MARKS, tried(read_catalogue(asked.catalogue)), README.read_text()), README)
    return 0


if __name__ == "__main__":
    sys.exit(main())
