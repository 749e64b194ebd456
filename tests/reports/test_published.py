"""What is published is drawn from the reference runs as they are."""

from __future__ import annotations

import re
from pathlib import Path

from reports.html import html
from reports.markdown import markdown
from reports.record import Run
from reports.runfile import read_run

ROOT = Path(__file__).parents[2]


def reference_runs() -> list[Run]:
    """In the order of ``make matrix``: by series, then by name."""

    def place(path: Path) -> tuple[list[int], str]:
        return [int(number) for number in re.findall(r"\d+", path.stem)], path.stem

    return [read_run(path) for path in sorted((ROOT / "reports" / "runs").glob("*.jsonl"), key=place)]


def test_no_reference_run_was_interrupted() -> None:
    assert [run.header.kernel for run in reference_runs() if run.interrupted or any(run.missing())] == []


def test_linux_is_as_declared() -> None:
    linux = [run for run in reference_runs() if not run.header.kernel.startswith("gvisor")]

    assert [record.claim for run in linux for record in run.records.values() if not record.expected] == []


def test_the_published_matrix_is_current() -> None:
    runs = reference_runs()

    assert (ROOT / "docs" / "matrix.md").read_text() == markdown(runs)
    assert (ROOT / "docs" / "matrix.html").read_text() == html(runs)
