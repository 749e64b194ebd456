"""Whatever a command prints to, it ends well or says why in one sentence."""

from __future__ import annotations

import ast
import io
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import pytest

from reports.catalogue import Catalogue
from reports.cli.main import main as shared
from reports.command import Main
from tests.reports import sample
from tests.test_house import MAY_IMPORT, modules

ROOT = Path(__file__).parents[2]
PACKAGES = [*(name for name in MAY_IMPORT if (ROOT / name).is_dir()), "benchmarks", "tests/cpython"]

STARTED_BY_OTHERS = {
    *("conformance.plugin.in_guest", "kernels.confine", "kernels.init", "kernels.reaper", "kernels.xstate"),
    "tests.cpython.suite",
}
"""No commands: guests are started by them, as fast as can be, and tests."""


def commands() -> Iterator[str]:
    """The modules that ``python -m`` runs."""
    for package in PACKAGES:
        for module, file in modules(package).items():
            text = file.read_text()
            if "__main__" in text and any(map(_runs, ast.parse(text).body)):
                yield module


def _runs(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


COMMANDS = sorted({*commands()} - STARTED_BY_OTHERS)
ALONE = "libsocket.__main__"
"""Is installed without the others, so it cannot share what they share."""


def main_of(command: str) -> Main:
    main: Main = import_module(command).main
    return main


def said(command: str, *arguments: str) -> tuple[int, str, str]:
    """A command's status, and what it printed to each stream."""
    out, err = streams("ascii")
    with redirect_stdout(out), redirect_stderr(err):
        status = main_of(command)(arguments)
    return status, written(out), written(err)


def streams(encoding: str) -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
    """In memory, in the place of the interpreter's own two."""
    return (
        io.TextIOWrapper(io.BytesIO(), encoding, newline="\n"),
        io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace", newline="\n"),
    )


def written(stream: io.TextIOWrapper) -> str:
    """What a stream in memory was given."""
    stream.seek(0)
    return stream.read()


def test_there_are_commands() -> None:
    assert {ALONE, "kernels.__main__", "reports.__main__", "tools.site"} <= {*COMMANDS}


@pytest.mark.parametrize("command", sorted({*COMMANDS} - {ALONE}))
def test_every_command_ends_as_all_do(command: str) -> None:
    """What the tests below see of one of them holds for all."""
    assert getattr(main_of(command), "__code__") is getattr(shared, "__code__")  # noqa: B009


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_a_command(command: str) -> None:
    status, out, err = said(command, "--help")

    assert (status, err) == (0, "")
    assert out.startswith(f"usage: python -m {command.removesuffix('.__main__')} ")
    assert "exit status:" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_usage_is_2_and_steers_no_terminal(command: str) -> None:
    status, out, err = said(command, "--\x1b[31m\nnone", "\x9bx")

    assert (status, out) == (2, "")
    assert err.startswith("usage:")
    assert err.replace("\n", "").isprintable()


def ended(command: Sequence[str], cwd: Path, **streams: Any) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(cwd),
        **streams.pop("env", {}),
    }
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    line = [sys.executable, "-m", *command]
    return subprocess.run(line, cwd=cwd, env=environment, text=True, check=False, **given)


def closed(descriptor: int, command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """How a command ends that never had a stream."""
    return ended(command, cwd, preexec_fn=lambda: os.close(descriptor))


def unread() -> IO[str]:
    """A pipe whose reader has gone away."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


PRINTING = [
    ["libsocket", "--help"],
    ["libsocket", "unix"],
    ["reports", "--help"],
    ["reports", "html", "run.jsonl", "--catalogue", "catalogue.json"],
    ["reports", "show", "run.jsonl", "--catalogue", "catalogue.json"],
    ["conformance.plugin.inventory", "--catalogue", "catalogue.json"],
    ["kernels", "-q", "list"],
]
printing = pytest.mark.parametrize("command", PRINTING, ids=" ".join)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sample.write(tmp_path / "run.jsonl", sample.single(name="p/t/ü"))
    (tmp_path / "catalogue.json").write_text(Catalogue.of([]).encode())
    return tmp_path


@printing
def test_what_cannot_be_written_is_one_sentence(command: list[str], folder: Path) -> None:
    with open("/dev/full", "w") as full:
        done = [ended(command, folder, stdout=full), closed(1, command, folder)]

    name = command[0].rpartition(".")[2]
    assert [(one.returncode, one.stderr.splitlines()[-1]) for one in done] == [
        (73, f"{name}: standard output: No space left on device"),
        (73, f"{name}: standard output: Bad file descriptor"),
    ]
    assert "Traceback" not in "".join(one.stderr for one in done)


@printing
def test_a_reader_that_goes_away_ends_it_quietly(command: list[str], folder: Path) -> None:
    with unread() as pipe:
        done = ended(command, folder, stdout=pipe)

    assert (done.returncode, "standard output" in done.stderr, "Traceback" in done.stderr) == (
        0,
        False,
        False,
    )


@pytest.mark.parametrize("command", [["libsocket", "x"], ["reports", "show", "x"]], ids=" ".join)
def test_without_a_place_for_errors_the_status_tells(command: list[str], folder: Path) -> None:
    with open("/dev/full", "w") as full:
        done = [closed(2, command, folder), ended(command, folder, stderr=full)]

    status = 2 if command[0] == "libsocket" else 65
    assert [(one.returncode, one.stdout) for one in done] == [(status, "")] * 2


def test_a_terminal_of_ascii_is_enough(folder: Path) -> None:
    poor = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TERM": "dumb"}

    done = [ended(command, folder, env=poor) for command in PRINTING[1:5:3]]

    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 2


def test_an_output_that_has_no_room_leaves_what_was_there(folder: Path) -> None:
    page = folder / "page.html"
    page.write_text("before")

    done = ended(
        [*PRINTING[3], "-o", "page.html"],
        folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )

    assert (done.returncode, done.stderr) == (
        73,
        "reports: page.html: the report cannot be written: File too large\n",
    )
    assert (page.read_text(), len(list(folder.iterdir()))) == ("before", 3)
