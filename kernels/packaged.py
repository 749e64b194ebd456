"""What backends have in common whose kernels come out of an archive's packages, or lie at a user's path."""

from __future__ import annotations

import json
import os
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from kernels import tools
from kernels.archive import Archive, Package, by_version
from kernels.backend import Backend, Image, Offer
from kernels.errors import NotInArchive, UnknownKernel
from kernels.known import Series, known


class Packaged(Backend):
    """Resolves a series to the newest package there is and keeps each version in a folder of its own."""

    parts: ClassVar[str] = r"(?!)"
    """Pattern of the further packages, of the same version, that a kernel may be split into."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Small programs that guests are made or filled with."""

    def names(self) -> tuple[str, ...]:
        return tuple(series.name for series in known().of(self.name))

    def here(self, wanted: str, archive: Archive) -> Image | None:
        image = self._kept(wanted, archive)
        return image if all(tools.find(name, tools.folder(archive)) for name in self.needs) else None

    def find(self, wanted: str, archive: Archive) -> Offer:
        series = self._series(wanted)
        if series is None:
            image = self._built(wanted, archive)
            return Offer(image.name, image.release, "a path", 0)
        return _offer(series, self._resolve(series, archive.packages, archive.arch))

    def remembered(self, wanted: str, archive: Archive) -> Offer | None:
        series = self._series(wanted)
        try:
            return _offer(series, self._resolve(series, archive.remembered, archive.arch)) if series else None
        except NotInArchive:
            return None

    def fetch(self, wanted: str, archive: Archive) -> Image:
        series = self._series(wanted)
        if series is None:
            image = self._built(wanted, archive)
            tools.bring(self.needs, archive)
            return image
        packages = self._resolve(series, archive.packages, archive.arch)
        folder = self._folder(series, archive) / packages[0].version
        tools.bring(self.needs, archive)
        if not (folder / "image.json").exists():
            self._bring(folder, packages, archive)
        return self._read(series, folder / "image.json", archive)

    @abstractmethod
    def local(self, name: str, path: Path) -> Image:
        """The kernel at a user's path. Raises NotAKernel."""

    @abstractmethod
    def arrange(self, tree: Path, folder: Path, packages: Sequence[Package], archive: Archive) -> Image:
        """Make a startable kernel of unpacked packages, in ``tree``, which will be moved to ``folder``."""

    def _kept(self, wanted: str, archive: Archive) -> Image | None:
        """The user's own kernel, or what was fetched last of a series."""
        series = self._series(wanted)
        if series is None:
            return self._built(wanted, archive)
        kept = list(self._folder(series, archive).glob("*/image.json"))
        return self._read(series, max(kept, key=_age), archive) if kept else None

    def _built(self, wanted: str, archive: Archive) -> Image:
        """A kernel that the user built."""
        image = self.local(f"{self.name}:{wanted}", Path(wanted).expanduser().absolute())
        return replace(image, tools=tools.folder(archive))

    def _series(self, wanted: str) -> Series | None:
        """The series of that number; None for a path. Raises UnknownKernel."""
        one_known = next((series for series in known().of(self.name) if series.number == wanted), None)
        if one_known is None and os.sep not in wanted and not (wanted and Path(wanted).exists()):
            raise UnknownKernel(f"{self.name}:{wanted}", self.names())
        return one_known

    def _folder(self, series: Series, archive: Archive) -> Path:
        return archive.cache.root / self.name / series.number

    def _resolve(self, series: Series, ask: Callable[[str], list[Package]], arch: str) -> list[Package]:
        """The newest package of the series, and what it is split into."""
        held = [package for suite in series.suites for package in ask(suite)]
        complete = [parts for image in held if (parts := self._parts(series, image, held, arch))]
        if not complete:
            raise NotInArchive(series.name, series.suites)
        return max(complete, key=lambda parts: by_version(parts[0]))

    def _parts(self, series: Series, image: Package, held: Sequence[Package], arch: str) -> list[Package]:
        """The image and all it is split into; nothing where a part has left the archive before the image."""
        names = {image.name, *(name for name in image.depends if re.fullmatch(self.parts, name))}
        same = [one for one in held if (one.suite, one.version) == (image.suite, image.version)]
        parts = [image, *(one for one in same if one.name in names and one != image)]
        fits = series.fits(image.name, image.version, arch)
        return parts if fits and {one.name for one in parts} == names else []

    def _bring(self, folder: Path, packages: Sequence[Package], archive: Archive) -> None:
        with archive.cache.atomic_folder(folder) as tree:
            archive.unpack(packages, tree)
            image = self.arrange(tree, folder, packages, archive)
            told = {
                "release": image.release,
                "version": image.version,
                "program": str(image.program.relative_to(tree)),
                "modules": str(image.modules.relative_to(tree)) if image.modules else None,
            }
            (tree / "image.json").write_text(json.dumps(told, indent=1) + "\n")
        archive.progress.line(f"{image.name} is {image.release}, kept in {folder}")

    def _read(self, series: Series, path: Path, archive: Archive) -> Image:
        told = json.loads(path.read_text())
        modules = path.parent / told["modules"] if told["modules"] else None
        program = path.parent / told["program"]
        version, kept = told["version"], tools.folder(archive)
        return Image(series.name, told["release"], version, program, path.parent, modules, kept)


def _offer(series: Series, packages: Sequence[Package]) -> Offer:
    size = sum(package.size for package in packages)
    return Offer(series.name, packages[0].version, packages[0].suite, size)


def _age(path: Path) -> float:
    return path.stat().st_mtime
