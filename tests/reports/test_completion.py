"""What bash completes after the script was sourced."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from reports.catalogue import Catalogue
from reports.model import Claim
from tests.reports import sample
from tests.reports.conftest import Said

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")

IDS = [claim.id for claim in sample.CLAIMS]
TRY = """\
source completion.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_reports
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(said: Said, folder: Path) -> Path:
    status, out, err = said("completion", "bash")
    assert (status, err) == (0, "")
    (folder / "completion.bash").write_text(out)
    return folder


def completed(folder: Path, *words: str) -> list[str]:
    """What the last of the words may become."""
    done = subprocess.run(
        ["bash", "-c", TRY, "bash", *words], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def starting(with_: str) -> list[str]:
    return [claim for claim in IDS if claim.startswith(with_)]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["python", "-m", "reports", "expl"], ["explain"]),
        ([".venv/bin/python", "-m", "reports", "explain", "SO_"], ["SO_MARK", "SO_RCVBUF"]),
        (["python", "-m", "reports", "explain", "socket.7/SO_R"], starting("socket.7/SO_R")),
        (["python", "-m", "reports", "reproduce", "tcp"], starting("tcp")),
        (["python", "-m", "reports", "reproduce", "TCP"], []),
        (["pytest", "conformance/", "--claim", "udp.7/"], starting("udp.7/")),
        (["pytest", "conformance/", "--claim", "'udp.7/"], starting("udp.7/")),
        (["pytest", "conformance/", "--claim", "=", "udp.7/"], starting("udp.7/")),
        (["pytest", "conformance/", "--claim", "="], IDS),
        (["python", "-m", "pytest", "--claim", ""], IDS),
        (["python", "-m", "reports", "html", ""], []),
        (["python", "explain", ""], []),
        (["pytest", "conformance/", ""], []),
    ],
    ids=" ".join,
)
def test_words_are_completed(script: Path, words: list[str], found: list[str]) -> None:
    assert completed(script, *words) == found


def test_every_command_is_there(script: Path, said: Said) -> None:
    _, usage, _ = said("--help")

    commands = completed(script, "python", "-m", "reports", "")

    assert {"show", "explain", "completion"} < {*commands}
    assert all(f"\n    {one}" in usage for one in commands)


def test_without_a_catalogue_nothing_is_completed(script: Path) -> None:
    (script / "build" / "catalogue.json").unlink()

    assert completed(script, "python", "-m", "reports", "explain", "") == []


def test_what_a_shell_would_run_is_no_id(script: Path) -> None:
    claims = [
        Claim(f"a.7/b/{name}", "") for name in ("$(touch${IFS}x)", "`touch`", "a;b", '"', "\\", "*", "good")
    ]
    (script / "build" / "catalogue.json").write_text(Catalogue.of(claims).encode())

    assert completed(script, "pytest", "--claim", "") == ["a.7/b/good"]
    assert not (script / "x").exists()
