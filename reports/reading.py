"""Files that a stranger may have written, as bytes: at once, and no more of them than there is room for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from reports.errors import FileError

LARGEST: Final = 16 << 20
"""Bytes that a file may have; decoded, they can take twenty times as much memory."""


def contents(path: Path, what: str) -> bytes:
    """What a file holds. Raises: FileError, also for a pipe or a device, which may never end."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileError(f"{what} cannot be read: it is not a regular file", path)
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise FileError(f"{what} cannot be read: {error.strerror}", path) from error
    if len(data) > LARGEST:
        raise FileError(f"{what} cannot be read: it has more than {LARGEST >> 20} MiB", path)
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe, too, whether or not somebody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)
