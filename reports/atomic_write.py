"""Reports as files: whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def atomic_write(text: str, path: Path) -> None:
    """Puts text into a file in one step: whoever opens it sees what was there before, or all that is new.

    A device or a pipe, which cannot be replaced, is written to. Raises: OSError, which names the file.
    """
    try:
        if _replaceable(path):
            _replace(text, Path(os.path.realpath(path)))
        else:
            path.write_text(text, encoding="utf-8")
    except OSError as error:  # a full disk names no file, and what is beside it is nobody's business
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replaceable(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def _replace(text: str, path: Path) -> None:
    beside = path.with_name(f".{os.urandom(8).hex()}.part")
    with beside.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.close()
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
