"""The site leads from options to claims and back, and no link is broken."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from libsocket import OPTIONS
from reports.catalogue import Catalogue
from reports.model import Run
from tests.reports.links import broken
from tools.site import main


@pytest.fixture(scope="module")
def site(reference: tuple[list[Run], Catalogue], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    catalogue = folder / "catalogue.json"
    catalogue.write_text(reference[1].encode())
    assert main(["--catalogue", str(catalogue), "-o", str(folder / "site")]) == 0
    return folder / "site"


def test_every_option_has_the_page_that_its_docstring_names(site: Path) -> None:
    assert [option.page for option in OPTIONS if not (site / f"{option.page}.html").is_file()] == []


def test_every_claim_has_a_page(site: Path, reference: tuple[list[Run], Catalogue]) -> None:
    missing = [claim.id for claim in reference[1].claims if not (site / f"claim/{claim.id}.html").is_file()]

    assert missing == []


def test_no_link_is_broken(site: Path) -> None:
    assert broken(site) == []


def test_option_has_its_declaration_its_support_and_its_claims(site: Path) -> None:
    page = (site / "option" / "SO_RCVBUF.html").read_text()

    assert "since Linux 1.0" in page
    assert "Answered on every kernel by every kind of socket." in page
    assert 'href="../claim/socket.7/SO_RCVBUF/doubled.html"' in page


def test_kernels_that_were_probed_are_listed(site: Path) -> None:
    page = (site / "options.html").read_text()

    assert "Kernels that were probed" in page
    assert "Supported by none of them" in page


def test_every_option_has_support_data(site: Path) -> None:
    tree = json.loads((site / "data" / "support.json").read_text())["sockets"]

    added = {
        (level, option): found["__compat"]["support"]["linux"]["version_added"]
        for level, options in tree.items()
        for option, found in options.items()
    }
    assert added == {(option.level.name, option.constant): option.since for option in OPTIONS}
    texts = re.findall(r'"version_\w+": ?("[^"]*"|\w+)', json.dumps(tree, ensure_ascii=False))
    assert [one for one in texts if not re.fullmatch(r'"≤?\d+(\.\d+)*"|false', one)] == []


def test_start_page_is_small(site: Path) -> None:
    loaded = sum((site / name).stat().st_size for name in ("index.html", "style.css", "site.js"))

    assert loaded < 200_000


def test_missing_catalogue_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--catalogue", str(tmp_path / "none.json"), "-o", str(tmp_path / "site")])

    assert status == 65
    assert f"{tmp_path / 'none.json'}: the catalogue cannot be read" in capsys.readouterr().err
