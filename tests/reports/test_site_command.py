"""``python -m reports site``"""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.cli.main import main
from reports.coverage import store
from tests.reports import covered, sample
from tests.reports.links import broken


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.json"
    path.write_text(sample.CATALOGUE.encode())
    return path


def test_site_is_drawn_from_runs_and_what_else_is_named(tmp_path: Path, catalogue: Path) -> None:
    runs = [
        sample.write(tmp_path / name, run) for name, run in (("1.jsonl", sample.OLD), ("2.jsonl", sample.NEW))
    ]
    inventories, programs = tmp_path / "inventories", tmp_path / "programs" / "socket.7" / "SO_RCVBUF"
    programs.mkdir(parents=True)
    inventories.mkdir()
    (programs / "doubled.c").write_text("int main(void) {}\n")
    (inventories / "socket.7.toml").write_text(
        'title = "socket(7)"\nproject = "p"\nversion = "1"\nurl = "https://example.org"\n'
        '[[sentence]]\nid = "so-rcvbuf-2"\nsays = "It is doubled."\n'
    )
    site = tmp_path / "site"

    named = {
        "-o": site,
        "--catalogue": catalogue,
        "--inventories": inventories,
        "--reproducers": tmp_path / "programs",
        "--url": "https://example.org/sockets",
    }
    arguments = ["site", *runs, *(word for pair in named.items() for word in pair)]

    status = main(list(map(str, arguments)))

    assert status == 0
    assert broken(site) == []
    assert "It is doubled." in (site / "document" / "socket.7.html").read_text()
    assert (site / "claim" / "socket.7" / "SO_RCVBUF" / "doubled.c").read_text() == "int main(void) {}\n"
    assert "https://example.org/sockets/feed.atom" in (site / "feed.atom").read_text()


def test_what_is_reached_of_a_kernel_is_a_page(tmp_path: Path, catalogue: Path) -> None:
    store.write(covered.COVERAGE, tmp_path / "reached.sqlite")
    plan, site = tmp_path / "coverage.toml", tmp_path / "site"
    plan.write_text('[[goal]]\nfunctions = "*:sk_setsockopt"\n')
    named = {"-o": site, "--catalogue": catalogue, "--coverage": tmp_path / "reached.sqlite", "--plan": plan}

    status = main(["site", *(str(word) for pair in named.items() for word in pair)])

    assert status == 0
    page = (site / "source.html").read_text()
    assert "6 of 8" in page
    assert "return -EPERM;" in page
    assert 'href="source.html"' in (site / "index.html").read_text()


def test_site_without_runs_has_every_claim(tmp_path: Path, catalogue: Path) -> None:
    assert main(["site", "-o", str(tmp_path / "site"), "--catalogue", str(catalogue)]) == 0
    assert len(list((tmp_path / "site" / "claim").rglob("*.html"))) == len(sample.CLAIMS)


def test_two_runs_of_one_kernel_are_refused(
    tmp_path: Path, catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(sample.write(tmp_path / name, sample.OLD)) for name in ("1.jsonl", "2.jsonl")]

    status = main(["site", *runs, "-o", str(tmp_path / "s"), "--catalogue", str(catalogue)])

    assert status == 65
    assert "are runs of one kernel" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("name", ["--inventories", "--transcripts", "--reproducers", "--faults"])
def test_what_is_named_must_be_there(
    name: str, tmp_path: Path, catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(
        ["site", "-o", str(tmp_path / "s"), "--catalogue", str(catalogue), name, str(tmp_path / "none")]
    )

    assert status == 65
    assert f"{tmp_path / 'none'}: " in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_folder_that_cannot_be_written_is_named(
    tmp_path: Path, catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()

    assert main(["site", "-o", str(tmp_path / "file"), "--catalogue", str(catalogue)]) == 73
    assert f"{tmp_path / 'file'}" in capsys.readouterr().err


def test_folder_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site"]) == 2
    assert "-o/--output" in capsys.readouterr().err
