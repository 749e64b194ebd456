from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from reports.catalogue import Catalogue
from reports.findings import findings, kernel_table
from reports.html import html
from reports.junit import junit
from reports.ktap import ktap
from reports.markdown import markdown
from reports.model import Answer, Claim, Run, Verdict
from reports.overlay import overlay
from reports.run_file import read_run
from reports.store import reference
from tests.reports import sample
from tests.reports.conftest import Said

ROOT = Path(__file__).resolve().parents[2]
REPORTS = [sys.executable, "-m", "reports"]

DRAWN: dict[str, Callable[[Sequence[Run], Catalogue], str]] = {
    "markdown": markdown,
    "html": html,
    "findings": findings,
    "ktap": ktap,
    "junit": junit,
    "table": kernel_table,
}
KINDS = ["show", *DRAWN]

Reports = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def reports(folder: Path) -> Reports:
    """Runs one command."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*REPORTS, *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


def test_show_compares_several_runs(said: Said, old: Path, new: Path) -> None:
    status, out, err = said("show", new, old)

    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line.startswith(("Linux", "Changed"))] == [
        "Linux 5.10.0, x86_64 (uml:6.1)",
        "Linux 6.18.44-amd64, x86_64 (uml:6.1)",
        "Changed between 5.10.0 and 6.18.44-amd64",
    ]


@pytest.mark.parametrize("kind", [*KINDS, "kcidb"])
def test_two_runs_of_one_kernel_are_no_two_columns(said: Said, folder: Path, old: Path, kind: str) -> None:
    sample.write(folder / "runs" / "again.jsonl", sample.OLD)

    status, out, err = said(kind, old, "runs")

    assert (status, out) == (65, "")
    assert err == (
        f"reports: {old} and runs/again.jsonl are runs of one kernel, Linux 5.10.0, x86_64 (uml:6.1); name "
        "one of them, 'merge' them if they are parts of one run, or compare them with 'diff'\n"
    )


def test_show_into_a_pipe_has_no_colour(reports: Reports, old: Path) -> None:
    assert "\x1b" not in reports("show", old).stdout


def test_no_color_is_honoured(reports: Reports, old: Path) -> None:
    coloured = reports("show", old, FORCE_COLOR="1", NO_COLOR="", TERM="xterm").stdout
    plain = reports("show", old, FORCE_COLOR="1", NO_COLOR="1", TERM="xterm").stdout

    assert ("\x1b[33m" in coloured, "\x1b[33m" in plain) == (True, False)


def test_show_survives_a_terminal_that_is_not_utf8(reports: Reports, folder: Path) -> None:
    run = sample.write(folder / "run.jsonl", sample.single(name="p/t/ü"))

    done = reports("show", run, PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", DRAWN)
def test_report_goes_to_the_terminal_unless_a_file_is_named(
    reports: Reports, old: Path, new: Path, kind: str
) -> None:
    done = reports(kind, old, new, PYTHONIOENCODING="ascii")

    assert done.stdout == DRAWN[kind](sample.EVERY, sample.CATALOGUE)


@pytest.mark.parametrize("kind", DRAWN)
def test_report_is_written_to_a_file(reports: Reports, folder: Path, old: Path, new: Path, kind: str) -> None:
    target = folder / "report"
    target.write_text("what was there before")

    done = reports(kind, old, new, "-o", target)

    drawn = DRAWN[kind](sample.EVERY, sample.CATALOGUE)
    assert (done.returncode, done.stdout, target.read_text()) == (0, "", drawn)


def test_an_overlay_is_written_from_a_run_on_another_implementation(reports: Reports, folder: Path) -> None:
    run = sample.on(sample.OLD, implementation="gVisor")
    sample.write(folder / "gvisor.jsonl", run)

    done = reports("overlay", "gvisor.jsonl")

    assert (done.returncode, done.stdout) == (0, overlay([run], sample.CATALOGUE))


def test_linux_has_no_overlay(reports: Reports, old: Path) -> None:
    done = reports("overlay", old)

    assert (done.returncode, done.stdout) == (65, "")
    assert "declared beside the claims" in done.stderr


@pytest.mark.parametrize("named", [["runs"], ["runs/1.jsonl", "runs/2.jsonl"]], ids=["folder", "files"])
def test_runs_are_drawn_oldest_kernel_first(reports: Reports, folder: Path, named: list[str]) -> None:
    sample.write(folder / "runs" / "1.jsonl", sample.NEW)
    sample.write(folder / "runs" / "2.jsonl", sample.OLD)

    done = reports("table", *named)

    assert done.stdout == kernel_table(sample.EVERY, sample.CATALOGUE)


@pytest.mark.parametrize("kind", KINDS)
def test_folder_without_runs_is_refused(reports: Reports, folder: Path, kind: str) -> None:
    done = reports(kind, "build")

    assert (done.returncode, done.stdout) == (65, "")
    assert done.stderr == "reports: build: the folder holds no run file, whose name ends in .jsonl\n"


@pytest.mark.parametrize("kind", DRAWN)
def test_missing_catalogue_is_named_once_and_the_report_is_drawn_all_the_same(
    reports: Reports, folder: Path, old: Path, new: Path, kind: str
) -> None:
    (folder / "build" / "catalogue.json").unlink()

    done = reports(kind, old, new)

    assert (done.returncode, done.stdout) == (0, DRAWN[kind](sample.EVERY, sample.EMPTY))
    assert done.stderr == (
        "reports: there is no build/catalogue.json, so statements and declared differences are missing; "
        "write it with 'make catalogue', or name one with --catalogue\n"
    )


def test_catalogue_that_was_named_must_be_there(reports: Reports, old: Path) -> None:
    done = reports("html", old, "--catalogue", "none.json")

    assert (done.returncode, done.stdout) == (65, "")
    assert done.stderr == "reports: none.json: the catalogue cannot be read: No such file or directory\n"


def test_several_catalogues_are_joined_and_the_first_counts(reports: Reports, folder: Path) -> None:
    run = sample.run(sample.header(), *(Answer(f"a.7/b/{name}", Verdict.HOLDS) for name in ("x", "gone")))
    sample.write(folder / "run.jsonl", run)
    newer = Catalogue.of([Claim("a.7/b/x", "new text")])
    older = Catalogue.of([Claim("a.7/b/x", "old text"), Claim("a.7/b/gone", "kept text")])
    (folder / "newer.json").write_text(newer.encode())
    (folder / "older.json").write_text(older.encode())

    text = reports("markdown", "run.jsonl", "--catalogue", "newer.json", "--catalogue", "older.json").stdout

    assert [words in text for words in ("new text", "old text", "kept text")] == [True, False, True]


def test_nothing_is_left_beside_a_report(reports: Reports, folder: Path, old: Path) -> None:
    reports("html", old, "-o", folder / "report.html")

    assert sorted(path.name for path in folder.iterdir()) == ["build", "old.jsonl", "report.html"]


def test_report_through_a_link_replaces_what_it_points_to(reports: Reports, folder: Path, old: Path) -> None:
    link = folder / "link.html"
    link.symlink_to("report.html")

    reports("html", old, "-o", link)

    assert (link.is_symlink(), (folder / "report.html").is_file()) == (True, True)


def test_report_into_a_pipe_leaves_the_pipe(folder: Path, old: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    with started("markdown", str(old), "-o", str(pipe), cwd=folder) as writer:
        text = pipe.read_text(encoding="utf-8")

    assert (writer.returncode, pipe.is_fifo(), text) == (0, True, markdown([sample.OLD], sample.CATALOGUE))


def test_missing_folder_of_a_report_is_made(reports: Reports, folder: Path, old: Path) -> None:
    done = reports("html", old, "-o", "site/matrix/index.html")

    assert (done.returncode, (folder / "site" / "matrix" / "index.html").is_file()) == (0, True)


def test_malformed_run_is_named_and_nothing_is_overwritten(reports: Reports, folder: Path, old: Path) -> None:
    target = folder / "report.html"
    target.write_text("before")
    with old.open("ab") as file:
        file.write(b"{}\n")

    done = reports("html", old, "-o", target)

    assert (done.returncode, done.stdout, target.read_text()) == (65, "", "before")
    assert done.stderr == f"reports: {old}:10: nothing may follow the footer\n"


@pytest.mark.parametrize("kind", KINDS)
def test_absent_run_is_named(reports: Reports, folder: Path, kind: str) -> None:
    done = reports(kind, "none.jsonl")

    assert (done.returncode, done.stdout) == (65, "")
    assert done.stderr == "reports: none.jsonl: the run cannot be read: No such file or directory\n"


def test_one_bad_run_among_good_ones_draws_nothing(reports: Reports, old: Path) -> None:
    done = reports("show", old, "none.jsonl")

    assert (done.returncode, done.stdout) == (65, "")


def test_target_that_is_a_folder_is_refused(reports: Reports, folder: Path, old: Path) -> None:
    done = reports("html", old, "-o", folder)

    assert done.returncode == 73
    assert done.stderr == f"reports: {folder}: the report cannot be written: Is a directory\n"


@pytest.mark.parametrize(
    "target", ["old.jsonl", "build/../old.jsonl", "link", "runs/1.jsonl", "build/catalogue.json"]
)
def test_what_a_report_is_drawn_from_is_never_overwritten(
    reports: Reports, folder: Path, old: Path, target: str
) -> None:
    (folder / "link").symlink_to("old.jsonl")
    sample.write(folder / "runs" / "1.jsonl", sample.NEW)
    before = (folder / target).read_bytes()

    done = reports("markdown", old, "runs", "-o", target)

    assert (done.returncode, (folder / target).read_bytes()) == (73, before)
    assert done.stderr == (
        f"reports: {target}: the report cannot be written: the report is drawn from that file and would "
        "overwrite it; name another\n"
    )


def test_report_is_put_between_comments_of_a_document(
    reports: Reports, folder: Path, old: Path, new: Path
) -> None:
    document = folder / "README.md"
    document.write_text("a\n<!-- kernels -->\nold\n<!-- end of kernels -->\nb\n")

    done = reports("table", old, new, "-o", document, "--between", "kernels")

    table = kernel_table(sample.EVERY, sample.CATALOGUE)
    assert done.returncode == 0
    assert document.read_text() == f"a\n<!-- kernels -->\n{table}<!-- end of kernels -->\nb\n"


def test_document_without_the_comments_is_left_alone(reports: Reports, folder: Path, old: Path) -> None:
    document = folder / "README.md"
    document.write_text("a\n")

    done = reports("table", old, "-o", document, "--between", "kernels")

    assert (done.returncode, document.read_text()) == (73, "a\n")
    assert done.stderr == (
        f"reports: {document}: the report cannot be written: there are no lines <!-- kernels --> and "
        "<!-- end of kernels --> to write between\n"
    )


def test_document_that_is_absent_is_named(reports: Reports, folder: Path, old: Path) -> None:
    done = reports("table", old, "-o", "none.md", "--between", "kernels")

    assert (done.returncode, (folder / "none.md").exists()) == (65, False)
    assert done.stderr == "reports: none.md: the document cannot be read: No such file or directory\n"


def test_store_writes_reference_runs_and_prints_where(reports: Reports, folder: Path, old: Path) -> None:
    done = reports("store", old, "-o", "results/runs")

    assert (done.returncode, done.stdout, done.stderr) == (0, "results/runs/uml-6.1.jsonl\n", "")
    assert (folder / "results/runs/uml-6.1.jsonl").read_text() == reference(sample.OLD)


def test_store_of_a_folder_onto_itself_changes_nothing(reports: Reports, folder: Path, old: Path) -> None:
    reports("store", old, "-o", "runs")

    done = reports("store", "runs", "-o", "runs")

    assert done.returncode == 0
    assert [path.read_text() for path in (folder / "runs").iterdir()] == [reference(sample.OLD)]


def test_store_refuses_two_runs_of_one_kernel(reports: Reports, folder: Path, old: Path, new: Path) -> None:
    done = reports("store", old, new, "-o", "runs")

    assert (done.returncode, (folder / "runs").exists()) == (73, False)
    assert done.stderr == (
        "reports: runs: the report cannot be written: two of the runs would be runs/uml-6.1.jsonl\n"
    )


def test_store_into_a_file_is_refused(reports: Reports, old: Path) -> None:
    done = reports("store", old, "-o", old)

    assert (done.returncode, read_run(old)) == (73, sample.OLD)
    assert done.stderr == f"reports: {old}: the report cannot be written: File exists\n"


def test_against_a_reference_that_was_kept_ends_well(reports: Reports, old: Path) -> None:
    reports("store", old, "-o", "runs")

    done = reports("against", "runs", old)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Nothing is lost: 7 claims." in done.stdout


def test_against_shows_every_run_and_fails_when_one_lost_something(
    reports: Reports, folder: Path, old: Path, new: Path
) -> None:
    sample.write(folder / "runs" / "uml.jsonl", sample.OLD)

    done = reports("against", "runs", new, old)

    assert (done.returncode, done.stderr) == (1, "")
    assert "tcp.7/TCP_NODELAY/default-off: DIFFERS (undeclared), now missing" in done.stdout
    assert "Nothing is lost: 7 claims." in done.stdout


def test_against_without_a_reference_is_refused(reports: Reports, old: Path) -> None:
    done = reports("against", "build", old)

    assert (done.returncode, done.stdout) == (65, "")
    lacking = "no file in build is a run of Linux 5.10.0, x86_64 (uml:6.1), or of an earlier series like it"
    assert done.stderr == f"reports: {lacking}\n"


@pytest.mark.parametrize(
    ("of", "names"),
    [
        ("run", {"Header", "Answer", "Footer"}),
        ("catalogue", {"CatalogueFile", "Claim", "Expectation", "Test"}),
        ("diff", {"DifferenceFile", "Compared", "Changed", "Seen", "Kernel", "Expectation"}),
    ],
)
def test_schema_is_printed(reports: Reports, of: str, names: set[str]) -> None:
    done = reports("schema", of)

    assert (done.returncode, done.stderr) == (0, "")
    assert names <= json.loads(done.stdout)["$defs"].keys()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["pdf", "run.jsonl"],
        ["html"],
        ["show", "x", "--nonsense"],
        ["show", "x", "-o", "y"],
        ["schema"],
        ["schema", "matrix"],
        ["store", "x"],
        ["against", "x"],
        ["table", "x", "--between", "kernels"],
        ["diff", "x"],
        ["explain"],
        ["merge"],
        ["completion", "fish"],
        ["kcidb", "x", "--origin", "Ours!"],
        ["kcidb", "x", "--build", "nobody"],
    ],
)
def test_wrong_usage_is_explained(reports: Reports, arguments: list[str]) -> None:
    done = reports(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert "error:" in done.stderr


def test_help_gives_an_example_and_the_exit_statuses(reports: Reports) -> None:
    done = reports("--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "python -m reports html old.jsonl host.jsonl -o report.html" in done.stdout
    assert [line.split()[0] for line in done.stdout.split("exit status:\n")[1].splitlines()] == [
        *("0", "1", "2", "65", "73", "125", "130")
    ]


def started(*arguments: str, cwd: Path, **streams: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*REPORTS, *arguments], cwd=cwd, env=environment, text=True, **streams)


def test_full_terminal_is_named(folder: Path, old: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = started("show", str(old), cwd=folder, stdout=full, stderr=subprocess.PIPE)
        _, error = process.communicate(timeout=120)

    assert (process.returncode, error) == (
        73,
        "reports: standard output: No space left on device\n",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_reader_that_went_away_is_no_error(folder: Path, old: Path, kind: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        process = started(kind, str(old), cwd=folder, stdout=closed, stderr=subprocess.PIPE)
        _, error = process.communicate(timeout=120)

    assert (process.returncode, error) == (0, "")


def test_interrupt_is_quiet(folder: Path, old: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    command = started("html", str(old), cwd=folder, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    with command, os.fdopen(reading, "rb", buffering=0) as page:
        page.read(1)
        # The command has begun to write and waits, since the page is larger than the pipe.
        command.send_signal(signal.SIGINT)
        page.readall()
        _, error = command.communicate(timeout=120)

    assert (command.returncode, error) == (130, "")
