"""The commands that README and CONTRIBUTING name work as they are written, in a clone."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

_CODE = re.compile(r"^\$ (?P<line>.*)$|`(?P<inline>[^`]+)`", re.MULTILINE)
_FENCE = re.compile(r"^ *```(?!console).*?^ *```$", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(r"(?:\S*/)?(?:python|pytest)\d*")


def commands(document: str) -> Iterator[list[str]]:
    """Every Python and pytest that a document runs, with its arguments and without sudo."""
    for found in _CODE.finditer(_FENCE.sub("", (ROOT / document).read_text())):
        text = found["line"] or found["inline"]
        if re.match(rf"(?:sudo )?{_PROGRAM.pattern}\s", text):
            words = shlex.split(text, comments=True)
            yield words[words[0] == "sudo" :]


COMMANDS = [words for document in ("README.md", "CONTRIBUTING.md") for words in commands(document)]
MODULES = {
    tuple(words[: words.index("--") if "--" in words else None]) for words in COMMANDS if "-m" in words
}
OPTIONS = {word.partition("=")[0] for words in COMMANDS for word in words if words[0].endswith("pytest")}


def test_the_documents_name_commands() -> None:
    assert {".venv/bin/python", ".venv/bin/pytest"} == {words[0] for words in COMMANDS}


@pytest.mark.parametrize("words", sorted(MODULES), ids=" ".join)
def test_a_command_explains_itself_as_it_is_written(words: tuple[str, ...]) -> None:
    done = subprocess.run([*words, "--help"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python -m {words[2]}" in done.stdout


def test_pytest_has_every_option_that_is_written() -> None:
    asked = [".venv/bin/pytest", "conformance", "--help", "-p", "no:cacheprovider"]

    known = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert [one for one in sorted(OPTIONS) if one.startswith("--") and one not in known] == []
