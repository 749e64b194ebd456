"""Folders that guests and their host share for the length of a run; none is left behind for long."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

_OWNED = re.compile(r"kernels-(\d+)-(\d+)-(\d+)-.*")


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A new folder; those of this user's runs that were killed are removed first."""
    for left in Path(tempfile.gettempdir()).glob("kernels-*"):
        if _orphaned(left):
            shutil.rmtree(left, ignore_errors=True)
    mine = f"kernels-{_numbering()}-{os.getpid()}-{_started(os.getpid())}-"
    return tempfile.TemporaryDirectory(prefix=mine, ignore_cleanup_errors=True)


def _orphaned(folder: Path) -> bool:
    owner = _OWNED.fullmatch(folder.name)
    if owner is None or int(owner[1]) != _numbering() or folder.stat().st_uid != os.geteuid():
        return False
    return _started(int(owner[2])) != int(owner[3])


def _numbering() -> int:
    """The pid namespace, in which a pid means something."""
    return os.stat("/proc/self/ns/pid").st_ino


def _started(pid: int) -> int | None:
    """When a process began, in clock ticks since boot (proc_pid_stat(5), field 22); None when it is gone."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(line.rpartition(")")[2].split()[19])
