from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

import pytest

from kernels.progress import Progress
from tests.kernels.processes import ROOT

IMPORTED = """
import sys
from kernels.__main__ import main
main(["--quiet", "list"])
print(sorted({"rich", "filelock", "debian.deb822", "jinja2"} & set(sys.modules)))
"""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, TextIO]]:
    """A terminal: the end that reads what is drawn, and the stream to draw on."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as stream:
        yield master, stream
    os.close(master)


def drawn(master: int, stream: TextIO) -> str:
    """All that was drawn on a terminal, which is closed: only then does reading come to an end (EIO)."""
    stream.close()
    text = b""
    with suppress(OSError):
        while True:
            text += os.read(master, 65_536)
    return text.decode()


def download(progress: Progress) -> None:
    """Three of four mebibytes."""
    with progress.download("fetching [linux] 6.1", 4 << 20) as update:
        update(3 << 20)


def test_a_terminal_shows_a_bar_with_the_bytes_received(terminal: tuple[int, TextIO]) -> None:
    download(Progress(stream=terminal[1]))

    text = drawn(*terminal)
    assert ("fetching [linux] 6.1" in text, "3.0/4.0 MiB" in text) == (True, True)


def test_elsewhere_a_download_is_one_line() -> None:
    stream = io.StringIO()

    download(Progress(stream=stream))

    assert stream.getvalue() == "fetching [linux] 6.1 (4 MiB)\n"


def test_a_terminal_shows_what_is_done_now(terminal: tuple[int, TextIO]) -> None:
    with Progress(stream=terminal[1]).work("compiling [linux]") as update:
        update("CC net/core/[sock].o")

    text = drawn(*terminal)
    assert ("compiling [linux]" in text, "CC net/core/[sock].o" in text) == (True, True)


def test_elsewhere_work_is_one_line() -> None:
    stream = io.StringIO()

    with Progress(stream=stream).work("compiling linux") as update:
        update("CC net/core/sock.o")

    assert stream.getvalue() == "compiling linux\n"


def test_quiet_shows_nothing(terminal: tuple[int, TextIO]) -> None:
    quiet = Progress(quiet=True, stream=terminal[1])

    quiet.line("asking the archive")
    download(quiet)

    assert drawn(*terminal) == ""


def test_a_run_that_fetches_nothing_imports_nothing_to_fetch_with() -> None:
    command = [sys.executable, "-c", IMPORTED]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[-1] == "[]"
