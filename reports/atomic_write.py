"""Reports as files: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def atomic_write(text: str, path: Path) -> None:
    """Puts text into a file in one step: whoever opens it sees what was there before, or all that is new.

    A device or a pipe, which cannot be replaced, is written to. Raises: OSError.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
    else:
        _replace(text, path.resolve())


def _replace(text: str, path: Path) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except BaseException as error:
        if not isinstance(error, FileExistsError):
            beside.unlink(missing_ok=True)
        raise
