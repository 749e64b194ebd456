"""Which sentences of a document are tried, and why the others are not.

``python -m conformance.plugin.inventory`` prints it, from the catalogue that ``make catalogue`` writes. A
page has one file in ``conformance/inventory/``, its sentences in order; a claim cites those that it tries.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from reports.catalogue import Catalogue, read_catalogue
from reports.command import command, parser
from reports.errors import FileError
from reports.inventory import Inventory, read_inventory
from reports.printable import one_line
from reports.reading import LARGEST, contents

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "conformance" / "inventory"


@dataclass(frozen=True)
class Coverage:
    """An inventory beside the claims that cite it."""

    inventory: Inventory
    claims: Mapping[str, Sequence[str]]
    """For each sentence that is cited, the claims that do."""

    @property
    def statuses(self) -> list[str]:
        """Those of its sentences, in order."""
        return [one.status(cited=one.id in self.claims) for one in self.inventory.sentences]

    def problems(self) -> Iterator[str]:
        """What is wrong: a sentence that does not exist is cited."""
        known = {one.id for one in self.inventory.sentences}
        for cited, claims in self.claims.items():
            if cited not in known:
                yield f"{', '.join(claims)}: there is no sentence {cited}"

    def another_edition(self, folder: Path) -> Iterator[str]:
        """What is wrong with a folder's page: there is none, or it is not the one that was read."""
        if not self.inventory.sha256:
            return
        page = self.inventory.page
        text = page_in(folder, page)
        if text is None:
            yield f"{page}: {folder} has no such page"
        elif hashlib.sha256(text).hexdigest() != self.inventory.sha256:
            yield f"{page}: the page in {folder} is not that of {self.inventory.edition}, which was read"

    def __str__(self) -> str:
        statuses = self.statuses
        count = statuses.count
        untried = f", {count('untried')} still to be tried" if "untried" in statuses else ""
        return (
            f"{self.inventory.edition}: {len(statuses)} sentences, {count('tried')} tried by claims, "
            f"{count('tested')} by the library's tests, {count('explained')} not to be tried{untried}"
        )


def pages() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def inventory(page: str) -> Inventory:
    """The sentences of a page. Raises: FileError."""
    return read_inventory(FOLDER / f"{page}.toml")


def page_in(folder: Path, page: str) -> bytes | None:
    """A manual page's source below a folder such as ``/usr/share/man``, uncompressed; None without one.

    A section such as 2const has a folder of its own, or is in man2 as Debian has it.

    Raises: FileError.
    """
    section = page.rpartition(".")[2]
    for place in (folder / f"man{section}" / page, folder / f"man{section[0]}" / page):
        packed = place.with_name(f"{page}.gz")
        if packed.exists():
            return _unpacked(packed)
        if place.exists():
            return contents(place, "the page")
    return None


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(BytesIO(contents(path, "the page"))) as file:
            return file.read(LARGEST)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"the page cannot be uncompressed: {error}", path) from error


def coverage(page: str, catalogue: Catalogue) -> Coverage:
    """What a catalogue's claims cite of a page."""
    cited: dict[str, list[str]] = {}
    for claim in catalogue.claims:
        for sentence in claim.sentences:
            if sentence.partition("/")[0] == page:
                cited.setdefault(sentence, []).append(claim.id)
    return Coverage(inventory(page), cited)


@command("inventory")
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the pages. 1 where something is wrong with one of them."""
    line = parser("conformance.plugin.inventory", __doc__, "something is wrong with a page")
    line.add_argument("pages", nargs="*", metavar="PAGE", help=f"default: all: {', '.join(pages())}")
    line.add_argument("--catalogue", type=Path, default=ROOT / "build" / "catalogue.json", metavar="FILE")
    line.add_argument(
        "--man",
        type=Path,
        metavar="DIR",
        help="hold the pages in this folder (with man2/, man7/ in it) against the editions that were read",
    )
    asked = line.parse_args(arguments)
    if unknown := sorted(set(asked.pages) - set(pages())):
        line.error(f"there is no inventory of {', '.join(unknown)}; pages are {', '.join(pages())}")
    try:
        catalogue = read_catalogue(asked.catalogue)
    except FileError as error:
        raise FileError(f"{error}; 'make catalogue' writes it") from error
    wrong: list[str] = []
    for page in asked.pages or pages():
        found = coverage(page, catalogue)
        print(one_line(str(found)))
        for one in found.inventory.sentences:
            by = ", ".join(found.claims.get(one.id, one.tests)) or f"untried: {one.reason or 'not yet'}"
            print(one_line(f"  {one.id:46} {by}"))
        wrong += found.problems()
        if asked.man:
            wrong += found.another_edition(asked.man)
    for problem in wrong:
        print(one_line(f"inventory: {problem}"), file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
