"""``site``: pages of claims, options and documents."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from reports.cli import arguments
from reports.coverage.plan import PLAN, plan_of
from reports.coverage.store import read
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
        "--coverage",
        type=Path,
        metavar="FILE",
        help="what of a kernel claims reach, as 'make kernel-coverage' writes",
    )
    parser.add_argument(
        "--plan", type=Path, metavar="FILE", help=f"with --coverage: what is to be reached (default: {PLAN})"
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
        reached=read(asked.coverage) if asked.coverage else None,
        plan=plan_of(asked.plan),
        url=asked.url,
    )
    write(site, asked.output)
    return 0
