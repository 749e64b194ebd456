"""Programs of apt's, and what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from kernels.errors import NoApt, NoArchive

_NOISE = ("Some index files failed to download", "The list of sources could not be read")


def program(name: str) -> str:
    """The path of a program of apt's. Raises NoApt."""
    path = shutil.which(name)
    if path is None:
        raise NoApt(name)
    return path


def environ() -> dict[str, str]:
    """The environment of apt's programs: what they say is read, so they say it untranslated."""
    return {**os.environ, "LC_ALL": "C"}


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program of apt's to its end. Raises NoApt."""
    return subprocess.run(
        [program(command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environ(),
        check=False,
    )


def output(command: Sequence[str]) -> str:
    """What a program of apt's prints. Raises NoApt, and NoArchive where it fails."""
    done = run(command)
    if done.returncode != 0:
        raise NoArchive(f"'{' '.join(command)}' failed: {complaints(done.stderr) or 'apt printed nothing'}")
    return done.stdout


def complaints(printed: str) -> str:
    """The errors and warnings in what apt printed, each once."""
    lines = re.findall(r"^[EW]: (.*[^\s.:])", printed, re.MULTILINE)
    return "; ".join(line for line in dict.fromkeys(lines) if not line.startswith(_NOISE))
