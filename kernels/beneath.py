"""Reads what a guest wrote: its root may leave anything in the folder that it shares, links and FIFOs too."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_beneath(folder: Path, path: Path) -> BinaryIO | None:
    """A regular file somewhere below a folder, open for reading; None if there is no such file.

    No link below the folder is followed (O_NOFOLLOW, open(2)), and a FIFO is not waited for.
    """
    *parents, name = path.relative_to(folder).parts
    parent = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for one in parents:
            outer, parent = parent, os.open(one, _FOLDER, dir_fd=parent)
            os.close(outer)
        file = os.open(name, _FILE, dir_fd=parent)
    except OSError:
        return None
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return os.fdopen(file, "rb")


def read_beneath(folder: Path, path: Path) -> bytes:
    """What a regular file somewhere below a folder holds; nothing if there is no such file."""
    file = open_beneath(folder, path)
    if file is None:
        return b""
    with file:
        return file.read()


def activity(folder: Path) -> tuple[int, float]:
    """Sizes and times of all files below a folder: they change while a guest writes anything."""
    size, changed = 0, 0.0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it was removed since
                file = os.lstat(os.path.join(place, name))
                size, changed = size + file.st_size, changed + file.st_mtime
    return size, changed
