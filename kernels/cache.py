"""Where kernels are kept: one folder below the user's cache, filled by whole folders or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import CacheUnwritable, NoSpace
from kernels.progress import Progress

FOLDER = "libsocket-conformance"


def user_cache() -> Path:
    """The folder that the XDG base directories give this user's cache."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else Path("~/.cache").expanduser()


@dataclass(frozen=True)
class Cache:
    """The folder, its lock, and the two ways in and out: ``filled`` and ``clean``."""

    root: Path

    @classmethod
    def of_user(cls) -> Cache:
        return cls(user_cache() / FOLDER)

    @contextmanager
    def locked(self, progress: Progress) -> Iterator[None]:
        """Hold the cache against other runs. What an interrupted run left half made is removed first.

        Raises CacheUnwritable where the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = open(self.root / "lock", "w")  # noqa: SIM115
        except OSError as error:
            raise CacheUnwritable(self.root, error.strerror or str(error)) from error
        with lock:
            self._take(lock.fileno(), progress)
            shutil.rmtree(self._making, ignore_errors=True)
            yield

    @contextmanager
    def filled(self, folder: Path) -> Iterator[Path]:
        """An empty folder that becomes ``folder`` when the block ends well, and vanishes otherwise."""
        self._making.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._making) as making:
            content = Path(making) / folder.name
            content.mkdir()
            yield content
            folder.parent.mkdir(parents=True, exist_ok=True)
            if folder.exists():
                folder.rename(Path(making) / "former")
            content.rename(folder)

    def need(self, size: int) -> None:
        """Raise NoSpace unless that many bytes are free."""
        free = shutil.disk_usage(self.root).free
        if free < size:
            raise NoSpace(self.root, size, free)

    def clean(self, progress: Progress) -> int:
        """Remove everything that is there, once no other run fills it. The bytes that were removed."""
        if not self.root.exists():
            return 0
        with self.locked(progress):
            size = size_of(self.root)
            shutil.rmtree(self.root, ignore_errors=True)
        return size

    @property
    def _making(self) -> Path:
        return self.root / "making"

    def _take(self, lock: int, progress: Progress) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.line("another run is fetching kernels; waiting for it to end")
            fcntl.flock(lock, fcntl.LOCK_EX)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
