"""``site``: pages of claims, options and documents."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from reports.cli import arguments
from reports.inventory import read_inventories
from reports.site.materials import read_materials
from reports.site.pages import write
from reports.site.site import Site

DESCRIPTION: Final = (
    "Writes the site: static pages that need no server and ask no other host. Of options it knows only what "
    "claims say; 'make site' draws their declarations and support besides."
)


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(kinds, "site", "pages of claims, options and documents", _run, DESCRIPTION)
    arguments.add_catalogue(parser)
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="a run file, or a folder of them")
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


def _run(asked: argparse.Namespace) -> int:
    site = Site(
        arguments.columns(asked),
        arguments.catalogue(asked),
        inventories=read_inventories(asked.inventories) if asked.inventories else (),
        materials=read_materials(asked.transcripts, asked.reproducers, asked.faults),
        url=asked.url,
    )
    write(site, asked.output)
    return 0
