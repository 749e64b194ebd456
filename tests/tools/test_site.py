"""The site leads from options to claims and back, and no link is broken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from libsocket import OPTIONS
from reports.catalogue import Catalogue
from reports.model import Claim, Run
from tools.option_claims import Summary
from tools.probes import kept
from tools.site import Site, item, main
from tools.support import Support


@pytest.fixture(scope="module")
def site(reference: tuple[list[Run], Catalogue], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    Site(*reference, Support(kept())).write(folder)
    return folder


def test_every_option_has_the_page_that_its_docstring_names(site: Path) -> None:
    assert [option.page for option in OPTIONS if not (site / f"{option.page}.html").is_file()] == []


def test_no_link_is_broken(site: Path) -> None:
    rows = set(re.findall(r'<tr [^>]*id="([^"]+)"', (site / "index.html").read_text()))

    links = [
        (path, target)
        for path in [*site.glob("option/*.html"), site / "options.html"]
        for target in re.findall(r'href="([^"]+)"', path.read_text())
    ]
    files = [target for path, target in links if not (path.parent / target.partition("#")[0]).is_file()]
    claims = {target.partition("#")[2] for _, target in links if "#" in target}

    assert (files, claims - rows) == ([], set())
    assert "socket.7/SO_RCVBUF/doubled" in claims


def test_claim_is_a_line() -> None:
    one = Summary(
        Claim("a.7/SO_B/c", "It is *so*."), "DIFFERS", "it is not", {"HOLDS": ("5.10 to 6.1", "6.16")}
    )

    assert item(one) == (
        r"- **DIFFERS** (HOLDS on 5.10 to 6.1 and 6.16): It is \*so\*. *Instead: it is not.* "
        "[a.7/SO_B/c](../index.html#a.7/SO_B/c)"
    )


def test_missing_catalogue_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--catalogue", str(tmp_path / "none.json"), "-o", str(tmp_path / "site")])

    assert status == 65
    assert f"{tmp_path / 'none.json'}: the catalogue cannot be read" in capsys.readouterr().err
