"""What people read on the repository's page is what the reference runs and the claims say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.plugin.expectations import FOLDER
from reports.catalogue import Catalogue
from reports.findings import findings, kernel_table, put_between
from reports.matrix import Matrix
from reports.model import LINUX, Run
from reports.overlay import overlay
from reports.site.badges import badge_of, summary_of
from reports.store import reference as canonical
from reports.store import stem
from tools import peers
from tools.tried import MARKS, tried

ROOT = Path(__file__).parents[1]
ANEW = "write it anew: make docs"

Reference = tuple[list[Run], Catalogue]


def test_no_reference_run_was_interrupted(reference: Reference) -> None:
    runs, _ = reference

    assert [run.header.kernel for run in runs if run.interrupted or any(run.missing())] == []


def test_reference_runs_are_stored_as_reference_runs(reference: Reference) -> None:
    runs, _ = reference

    files = {path.name: path.read_text() for path in (ROOT / "results" / "runs").glob("*.jsonl")}
    assert files == {f"{stem(run)}.jsonl": canonical(run) for run in runs}


def test_every_kernel_is_as_declared(reference: Reference) -> None:
    runs, catalogue = reference

    cells = [(row.claim.id, cell) for row in Matrix.of(runs, catalogue).rows for cell in row.cells]

    assert [(claim, cell.run.header.kernel) for claim, cell in cells if cell.unexpected] == []


def test_every_claim_that_was_answered_is_in_the_catalogue(reference: Reference) -> None:
    runs, catalogue = reference

    assert {name for run in runs for name in run.asked} - catalogue.by_id.keys() == set()


def test_every_id_is_found_by_its_text(reference: Reference) -> None:
    _, catalogue = reference
    files = [path for kind in ("*/test_*.py", "*/*.toml") for path in (ROOT / "conformance").glob(kind)]
    text = "".join(path.read_text() for path in files if path.parent != FOLDER)

    assert [claim.id for claim in catalogue.claims if f'"{claim.id}"' not in text] == []


def test_the_overlays_are_as_written_from_the_runs(reference: Reference) -> None:
    runs, catalogue = reference
    elsewhere = [run for run in runs if run.header.implementation != LINUX]

    written = {f"{run.header.implementation.lower()}.toml": overlay([run], catalogue) for run in elsewhere}

    assert {path.name: path.read_text() for path in FOLDER.glob("*.toml")} == written


def test_the_findings_are_current(reference: Reference) -> None:
    assert (ROOT / "docs" / "findings.md").read_text() == findings(*reference), ANEW


@pytest.mark.parametrize(("name", "draw"), [("badge", badge_of), ("summary", summary_of)])
def test_the_pictures_are_current(reference: Reference, name: str, draw: Callable[..., str]) -> None:
    assert (ROOT / "docs" / f"{name}.svg").read_text() == draw(*reference), ANEW


def test_the_readme_says_how_much_is_tried(reference: Reference) -> None:
    readme = (ROOT / "README.md").read_text()

    assert readme == put_between(MARKS, tried(reference[1]), readme), ANEW


def test_the_readme_has_the_kernels(reference: Reference) -> None:
    readme = (ROOT / "README.md").read_text()

    assert readme == put_between("kernels", kernel_table(*reference), readme), ANEW


def test_other_suites_are_measured_by_claims_that_are_there(reference: Reference) -> None:
    _, catalogue = reference
    pages = sorted((ROOT / "docs" / "peers").glob("*.md"))
    page = peers.PAGE.read_text()

    assert peers.not_there(pages, catalogue.by_id.keys()) == []
    assert page == put_between(peers.MARKS, peers.table(pages), page), ANEW
