"""The cache of fetched kernels: a folder per user, locked against other processes, written atomically."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from kernels.errors import CacheUnwritable, NoSpace
from kernels.progress import Progress

FOLDER = "libsocket-conformance"


@dataclass(frozen=True)
class Cache:
    """The folder and its lock. Folders are added by ``atomic_folder`` and removed by ``clean``."""

    root: Path

    @classmethod
    def of_user(cls) -> Cache:
        """The user's, below XDG_CACHE_HOME or ~/.cache."""
        return cls(platformdirs.user_cache_path(FOLDER))

    @contextmanager
    def locked(self, progress: Progress) -> Iterator[None]:
        """Hold the cache against other processes, and remove what a killed one left in ``partial``.

        Prints a line and waits while another process holds it. Raises CacheUnwritable.
        """
        with self._acquired(progress):
            shutil.rmtree(self._partial, ignore_errors=True)
            yield

    @contextmanager
    def atomic_folder(self, folder: Path) -> Iterator[Path]:
        """An empty folder that replaces ``folder`` if the block succeeds, and is removed otherwise."""
        self._partial.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._partial) as partial:
            content = Path(partial) / folder.name
            content.mkdir()
            yield content
            folder.parent.mkdir(parents=True, exist_ok=True)
            if folder.exists():
                folder.rename(Path(partial) / "replaced")
            content.rename(folder)

    def require_space(self, size: int) -> None:
        """Raise NoSpace unless that many bytes are free."""
        free = shutil.disk_usage(self.root).free
        if free < size:
            raise NoSpace(self.root, size, free)

    def clean(self, progress: Progress) -> int:
        """Remove everything but the lock, on which others may wait. Returns the bytes removed."""
        if not self.root.exists():
            return 0
        with self.locked(progress):
            size = size_of(self.root)
            # Moved first: who is killed meanwhile leaves no part that looks whole.
            self._partial.mkdir()
            for path in self.root.iterdir():
                if path not in (self._lock, self._partial):
                    path.rename(self._partial / path.name)
            shutil.rmtree(self._partial)
        return size

    @property
    def _partial(self) -> Path:
        return self.root / "partial"

    @property
    def _lock(self) -> Path:
        return self.root / "lock"

    def _acquired(self, progress: Progress) -> AbstractContextManager[object]:
        # Imported here: a run that finds its kernel locks nothing.
        from filelock import FileLock, Timeout

        lock = FileLock(self._lock)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                return lock.acquire(blocking=False)
            except Timeout:
                progress.line("another run is fetching kernels; waiting for it to end")
                return lock.acquire()
        except OSError as error:
            raise CacheUnwritable(self.root, error.strerror or str(error)) from error


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
