"""``completion``: what a shell completes of these commands."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Final

import reports
from reports.cli import arguments

SHELLS: Final = ("bash",)


def add(kinds: arguments.Kinds) -> None:
    parser = arguments.add(
        kinds,
        "completion",
        "a script that makes a shell complete claims and options",
        partial(_run, kinds),
        "Prints a script to source, in zsh after bashcompinit. It completes the names of commands, the "
        "claims and options of 'explain' and 'reproduce', and the claims of 'pytest conformance/ --claim'.",
    )
    parser.add_argument("shell", choices=SHELLS)


def _run(kinds: arguments.Kinds, _: argparse.Namespace) -> int:
    script = Path(reports.__file__).with_name("templates") / "completion.bash"
    print(script.read_text().replace("{{ commands }}", " ".join(kinds.choices)), end="")
    return 0
