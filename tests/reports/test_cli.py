from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reports.html import html
from reports.markdown import markdown
from reports.record import Run
from reports.runfile import RunWriter
from tests.reports import sample

ROOT = Path(__file__).resolve().parents[2]
REPORTS = [sys.executable, "-m", "reports"]


def reports(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*REPORTS, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def write(path: Path, run: Run) -> Path:
    with RunWriter(path) as writer:
        writer.header(run.header)
        for record in run.records.values():
            writer.record(record)
        if run.footer:
            writer.footer(run.footer)
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return write(tmp_path / "old.jsonl", sample.OLD)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write(tmp_path / "new.jsonl", sample.NEW)


def test_show_prints_every_run(old: Path, new: Path) -> None:
    done = reports("show", old, new)

    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line.startswith("Linux")] == [
        "Linux 5.10.0, x86_64 (uml:6.1)",
        "Linux 6.18.44-amd64, x86_64 (uml:6.1)",
    ]


def test_show_into_a_pipe_has_no_colour(old: Path) -> None:
    assert "\x1b" not in reports("show", old).stdout


def test_no_color_is_honoured(old: Path) -> None:
    coloured = reports("show", old, FORCE_COLOR="1", NO_COLOR="", TERM="xterm").stdout
    plain = reports("show", old, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm").stdout

    assert ("\x1b[33m" in coloured, "\x1b[33m" in plain) == (True, False)


def test_show_survives_a_terminal_that_is_not_utf8(tmp_path: Path) -> None:
    done = reports(
        "show", write(tmp_path / "run.jsonl", sample.single("über", name="p/t/ü")), PYTHONIOENCODING="ascii"
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("kind", "draw"), [("markdown", markdown), ("html", html)])
def test_report_goes_to_the_terminal_unless_a_file_is_named(
    old: Path, new: Path, kind: str, draw: object
) -> None:
    assert callable(draw)
    assert reports(kind, old, new, PYTHONIOENCODING="ascii").stdout == draw(sample.EVERY)


@pytest.mark.parametrize(("kind", "draw"), [("markdown", markdown), ("html", html)])
def test_report_is_written_to_a_file(tmp_path: Path, old: Path, new: Path, kind: str, draw: object) -> None:
    target = tmp_path / "report"
    target.write_text("what was there before")

    done = reports(kind, old, new, "-o", target)

    assert callable(draw)
    assert (done.returncode, done.stdout, target.read_text()) == (0, "", draw(sample.EVERY))


def test_nothing_is_left_beside_a_report(tmp_path: Path, old: Path) -> None:
    reports("html", old, "-o", tmp_path / "report.html")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.jsonl", "report.html"]


def test_report_through_a_link_replaces_what_it_points_to(tmp_path: Path, old: Path) -> None:
    link = tmp_path / "link.html"
    link.symlink_to("report.html")

    reports("html", old, "-o", link)

    assert (link.is_symlink(), (tmp_path / "report.html").is_file()) == (True, True)


def test_report_into_a_pipe_leaves_the_pipe(tmp_path: Path, old: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([*REPORTS, "markdown", str(old), "-o", str(pipe)], cwd=ROOT) as writer:
        text = pipe.read_text(encoding="utf-8")

    assert (writer.returncode, pipe.is_fifo(), text) == (0, True, markdown([sample.OLD]))


def test_malformed_run_is_named_and_nothing_is_overwritten(tmp_path: Path, old: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("before")
    with old.open("ab") as file:
        file.write(b"{}\n")

    done = reports("html", old, "-o", target)

    assert (done.returncode, done.stdout, target.read_text()) == (2, "", "before")
    assert done.stderr == f"reports: {old}:10: nothing may follow the footer\n"


@pytest.mark.parametrize("kind", ["show", "markdown", "html"])
def test_absent_run_is_named(tmp_path: Path, kind: str) -> None:
    done = reports(kind, tmp_path / "none.jsonl")

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == f"reports: {tmp_path / 'none.jsonl'}: the run cannot be read: No such file or directory\n"
    )


def test_one_bad_run_among_good_ones_draws_nothing(tmp_path: Path, old: Path) -> None:
    done = reports("show", old, tmp_path / "none.jsonl")

    assert (done.returncode, done.stdout) == (2, "")


def test_target_that_is_a_folder_is_refused(tmp_path: Path, old: Path) -> None:
    done = reports("html", old, "-o", tmp_path)

    assert done.returncode == 2
    assert done.stderr == f"reports: {tmp_path}: the report cannot be written: Is a directory\n"


def test_target_in_no_folder_is_refused(tmp_path: Path, old: Path) -> None:
    done = reports("html", old, "-o", tmp_path / "none" / "report.html")

    assert (done.returncode, (tmp_path / "none").exists()) == (2, False)
    assert "No such file or directory" in done.stderr


def test_run_is_never_overwritten_by_its_report(old: Path) -> None:
    before = old.read_bytes()

    done = reports("markdown", old, "-o", old)

    assert (done.returncode, old.read_bytes()) == (2, before)
    assert "is one of the runs" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["pdf", "run.jsonl"], ["html"], ["show", "x", "--nonsense"]])
def test_wrong_usage_is_explained(arguments: list[str]) -> None:
    done = reports(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "error:" in done.stderr


def test_help_gives_an_example() -> None:
    done = reports("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "python -m reports html old.jsonl host.jsonl -o report.html" in done.stdout


def test_full_terminal_is_told(old: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*REPORTS, "show", str(old)],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 2
    assert done.stderr == "reports: the report cannot be written: No space left on device\n"


@pytest.mark.parametrize("kind", ["show", "markdown", "html"])
def test_reader_that_went_away_is_no_error(old: Path, kind: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [*REPORTS, kind, str(old)],
            cwd=ROOT,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")


def test_interrupt_is_quiet(tmp_path: Path) -> None:
    pipe = tmp_path / "run.jsonl"
    os.mkfifo(pipe)
    reader = subprocess.Popen([*REPORTS, "show", str(pipe)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    with reader, pipe.open("wb"):
        # The pipe opens once the command reads from it, so it is past its own start.
        reader.send_signal(signal.SIGINT)
        _, said = reader.communicate(timeout=120)

    assert (reader.returncode, said) == (130, "")
