"""The one interface to a kernel: find, fetch, start. Each file in ``kernels.backends`` is one more way."""

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
from kernels.errors import UnknownKernel
from kernels.guest import Guest, Job
from kernels.known import known


@dataclass(frozen=True)
class Offer:
    """A kernel as it can be had: what an archive holds, or what lies at a path."""

    name: str
    """``uml:6.1``"""
    version: str
    source: str
    """The suite, or "a path"."""
    size: int
    """Bytes to download; 0 when nothing need be."""


@dataclass(frozen=True)
class Image:
    """A kernel that is here and can be started."""

    name: str
    """As it was asked for: ``uml:6.1``."""
    release: str
    """What ``uname -r`` will say, as far as the image tells."""
    version: str
    """The package's version, or the program's own."""
    program: Path
    folder: Path
    """Where it is kept."""
    modules: Path | None = None
    """The folder that holds lib/modules/<release>."""
    tools: Path = Path("/nonexistent")
    """The folder of programs that were fetched because this machine has none."""


class Backend(ABC):
    """A way to start kernels, found by its file: a module in ``kernels.backends`` with a ``BACKEND``."""

    name: ClassVar[str]
    """What stands before the colon."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Every kernel it may be asked for by name, oldest first: ``("uml:5.10", …)``."""

    @abstractmethod
    def here(self, wanted: str, archive: Archive) -> Image | None:
        """The kernel if it can be started without the network. ``wanted`` is what stands after the colon."""

    @abstractmethod
    def remembered(self, wanted: str, archive: Archive) -> Offer | None:
        """What could be had when the archive was last asked; None where it never was."""

    @abstractmethod
    def find(self, wanted: str, archive: Archive) -> Offer:
        """What can be had under that name, newest first. Raises UnknownKernel, NotInArchive, NoArchive …"""

    @abstractmethod
    def fetch(self, wanted: str, archive: Archive) -> Image:
        """Bring the newest here. Raises what ``find`` raises, and NoSpace."""

    @abstractmethod
    def start(self, image: Image, job: Job) -> Guest:
        """Start a guest on the job. Raises MissingProgram, Unreadable."""


@dataclass(frozen=True)
class Kernel:
    """Something a command can run on, by name."""

    name: str
    backend: Backend
    wanted: str

    def find(self, archive: Archive) -> Offer:
        return self.backend.find(self.wanted, archive)

    def fetch(self, archive: Archive) -> Image:
        """The newest that can be had; what is here already is not fetched again."""
        with archive.cache.locked(archive.progress):
            return self.backend.fetch(self.wanted, archive)

    def ready(self, archive: Archive) -> Image:
        """What is here, or else what can be fetched."""
        return self.backend.here(self.wanted, archive) or self.fetch(archive)

    def start(self, image: Image, job: Job) -> Guest:
        return self.backend.start(image, job)


@cache
def backends() -> Mapping[str, Backend]:
    """Every backend there is, by name, in the order of the list of known kernels."""
    files = pkgutil.iter_modules(_folder.__path__)
    modules = [importlib.import_module(f"{_folder.__name__}.{file.name}") for file in files]
    found: dict[str, Backend] = {module.BACKEND.name: module.BACKEND for module in modules}
    order = list(dict.fromkeys(series.backend for series in known().series))
    return dict(sorted(found.items(), key=lambda one: [*order, one[0]].index(one[0])))


def names() -> list[str]:
    """Every kernel that can be asked for by name."""
    return [name for backend in backends().values() for name in backend.names()]


def kernel(name: str) -> Kernel:
    """The kernel a person means: ``6.1``, ``uml:6.1``, ``virtme:PATH``, ``gvisor``. Raises UnknownKernel."""
    prefix, colon, wanted = name.partition(":")
    if prefix in backends():
        return Kernel(name, backends()[prefix], wanted)
    for backend in backends().values():
        if not colon and f"{backend.name}:{name}" in backend.names():
            return Kernel(f"{backend.name}:{name}", backend, name)
    raise UnknownKernel(name, names())
