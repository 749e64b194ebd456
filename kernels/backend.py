"""The one interface to a kernel: fetch it, start it. Each file in ``kernels.backends`` is one more way."""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from kernels import backends as _folder
from kernels.archive import Archive
from kernels.confine import not_confined
from kernels.errors import FolderUnwritable, UnknownKernel
from kernels.guest import Guest, Job
from kernels.series import series_table


@dataclass(frozen=True)
class Candidate:
    """The newest version of a kernel in the archive."""

    version: str
    size: int
    """Bytes to download."""


@dataclass(frozen=True)
class Image:
    """A kernel on this machine that can be started."""

    name: str
    """The kernel's name, such as ``uml:6.1``."""
    release: str
    """What ``uname -r`` will print, as far as the image shows; of another implementation its own."""
    version: str
    """The package's version, or the program's own."""
    program: Path
    folder: Path
    """Where it is kept."""
    modules: Path | None = None
    """The folder that holds lib/modules/<release>."""
    tools: Path = Path("/nonexistent")
    """The folder of programs that were fetched because this machine has none."""
    origin: str = ""
    """What it was built from, where it was built here."""


class Backend(ABC):
    """A way to start kernels, found by its file: a module in ``kernels.backends`` with a ``BACKEND``."""

    name: ClassVar[str]
    """What stands before the colon."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The names of its kernels, oldest first: ``("uml:5.10", …)``."""

    @abstractmethod
    def local(self, spec: str, archive: Archive) -> Image | None:
        """The kernel if it can be started without the network, else None.

        ``spec`` is what stands after the colon. Raises UnknownKernel, NotAKernel, NoNamespaces.
        """

    @abstractmethod
    def candidate(self, spec: str, archive: Archive) -> Candidate | None:
        """What the cached indexes offer; None if they offer nothing, or none was fetched yet."""

    @abstractmethod
    def fetch(self, spec: str, archive: Archive) -> Image:
        """Fetch the newest version, unless it is here already. The cache must be locked.

        Raises what ``local`` raises, and NotInArchive, NoArchive, NoApt, NoSpace, MissingProgram.
        """

    def emulated(self) -> bool:
        """Whether the processors of its guests are software, so that a start takes minutes."""
        return False

    @abstractmethod
    def start(self, image: Image, job: Job) -> Guest:
        """Start a guest on the job. Raises MissingProgram, Unreadable, PathNotBootable."""


@dataclass(frozen=True)
class Kernel:
    """Something a command can run on."""

    name: str
    backend: Backend
    spec: str

    def fetch(self, archive: Archive) -> Image:
        """Fetch the newest version, unless it is here already.

        Raises what the backend raises, and CacheUnwritable.
        """
        with archive.cache.locked(archive.progress):
            return self.backend.fetch(self.spec, archive)

    def obtain(self, archive: Archive) -> Image:
        """The local image, or else a fetched one; says where its guests cannot be confined.

        Raises what ``fetch`` raises.
        """
        image = self.backend.local(self.spec, archive) or self.fetch(archive)
        if why := not_confined():
            archive.progress.line(
                f"{self.name}: its guest can write what you can: no confinement here ({why})"
            )
        return image

    def emulated(self) -> bool:
        """Whether the processors of its guests are software."""
        return self.backend.emulated()

    def start(self, image: Image, job: Job) -> Guest:
        """Start a guest on the job. Raises what the backend raises, and FolderUnwritable."""
        try:
            return self.backend.start(image, job)
        except OSError as error:
            raise FolderUnwritable(job.shared, error) from error


@cache
def backends() -> Mapping[str, Backend]:
    """Every backend by name, in the order of series.toml."""
    files = pkgutil.iter_modules(_folder.__path__)
    modules = [importlib.import_module(f"{_folder.__name__}.{file.name}") for file in files]
    found: dict[str, Backend] = {module.BACKEND.name: module.BACKEND for module in modules}
    order = list(dict.fromkeys(series.backend for series in series_table().series))
    return dict(sorted(found.items(), key=lambda one: [*order, one[0]].index(one[0])))


def names() -> list[str]:
    """The names of all kernels."""
    return [name for backend in backends().values() for name in backend.names()]


def kernel(name: str) -> Kernel:
    """The kernel of a name: ``6.1``, ``uml:6.1``, ``virtme:PATH``, ``gvisor``. Raises UnknownKernel."""
    prefix, colon, spec = name.partition(":")
    if prefix in backends():
        return Kernel(name, backends()[prefix], spec)
    for backend in backends().values():
        if not colon and f"{backend.name}:{name}" in backend.names():
            return Kernel(f"{backend.name}:{name}", backend, name)
    raise UnknownKernel(name, names())
