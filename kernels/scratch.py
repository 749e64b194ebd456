"""Temporary folders that a guest and its host share; the next run removes those of a killed one."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from kernels.errors import FolderUnwritable

_OWNED = re.compile(r"kernels-(\d+)-(\d+)-(\d+)-.*")


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A new folder. Removes those of this user's killed runs first. Raises FolderUnwritable."""
    try:
        return _made()
    except OSError as error:
        raise FolderUnwritable(error.filename or os.environ.get("TMPDIR", "/tmp"), error) from error


def _made() -> tempfile.TemporaryDirectory[str]:
    for left in Path(tempfile.gettempdir()).glob("kernels-*"):
        if _orphaned(left):
            shutil.rmtree(left, ignore_errors=True)
    prefix = f"kernels-{_pid_namespace()}-{os.getpid()}-{_start_time(os.getpid())}-"
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


def _orphaned(folder: Path) -> bool:
    owner = _OWNED.fullmatch(folder.name)
    if owner is None or int(owner[1]) != _pid_namespace() or folder.stat().st_uid != os.geteuid():
        return False
    return _start_time(int(owner[2])) != int(owner[3])


def _pid_namespace() -> int:
    """The inode of the pid namespace: a pid means something only in there."""
    return os.stat("/proc/self/ns/pid").st_ino


def _start_time(pid: int) -> int | None:
    """When a process started, in ticks since boot (proc_pid_stat(5), field 22); None if it is gone."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(line.rpartition(")")[2].split()[19])
