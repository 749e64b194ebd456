"""``python -m reports site``: what it takes, and that it is written."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from reports.catalogue import Catalogue
from reports.inventory import read_inventories
from reports.model import Run
from reports.site.materials import read_materials
from reports.site.pages import write
from reports.site.site import Site

DESCRIPTION = (
    "Writes the site: static pages that need no server and ask no other host. Of options it knows only what "
    "claims say; 'make site' draws their declarations and support besides."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the site is drawn from, beside runs and catalogue, and where it goes."""
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="where the site is written"
    )
    for name, what in (
        ("--inventories", "documents, sentence by sentence: a folder of PAGE.toml"),
        ("--transcripts", "a folder of transcripts by claim, as 'make reproducers' writes"),
        ("--reproducers", "a folder of C programs by claim, as 'make reproducers' writes"),
    ):
        parser.add_argument(name, type=Path, metavar="DIR", help=what)
    parser.add_argument(
        "--faults", type=Path, metavar="FILE", help="a sweep of faults, as 'make faults' writes"
    )
    parser.add_argument(
        "--url", default="", help="where the site will be, which makes the links of its feed absolute"
    )


def draw(asked: argparse.Namespace, runs: Sequence[Run], catalogue: Catalogue) -> None:
    """Write the site that was asked for. Raises: FileError, CannotWrite."""
    site = Site(
        runs,
        catalogue,
        inventories=read_inventories(asked.inventories) if asked.inventories else (),
        materials=read_materials(asked.transcripts, asked.reproducers, asked.faults),
        url=asked.url,
    )
    write(site, asked.output)
