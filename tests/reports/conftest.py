from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reports.cli.main import main
from tests.reports import sample

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where commands run: the folder has the catalogue where they look for it."""
    catalogue = tmp_path / "build" / "catalogue.json"
    catalogue.parent.mkdir()
    catalogue.write_text(sample.CATALOGUE.encode(), encoding="utf-8")
    return tmp_path


@pytest.fixture
def said(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs one command in this process: its status, and what it printed to each stream."""
    monkeypatch.chdir(folder)

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([str(one) for one in arguments])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def old(folder: Path) -> Path:
    return sample.write(folder / "old.jsonl", sample.OLD)


@pytest.fixture
def new(folder: Path) -> Path:
    return sample.write(folder / "new.jsonl", sample.NEW)
