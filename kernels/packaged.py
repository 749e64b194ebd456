"""What backends share whose kernels come from packages of the archive, or from a path of the user's."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from kernels import tools
from kernels.archive import Archive
from kernels.backend import Backend, Candidate, Image
from kernels.errors import NotAKernel, NotInArchive, UnknownKernel
from kernels.package import Package, by_version
from kernels.series import Series, series_table


class Packaged(Backend):
    """Resolves a series to the newest package there is and keeps each version in a folder of its own."""

    parts: ClassVar[str] = r"(?!)"
    """Pattern of the further packages, of the same version, that a kernel may be split into."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Programs that starting a guest, or the guest itself, needs."""

    def names(self) -> tuple[str, ...]:
        return tuple(series.name for series in series_table().of(self.name))

    def local(self, spec: str, archive: Archive) -> Image | None:
        series = self._series(spec)
        image = self._newest_fetched(series, archive) if series else self._from_path(spec, archive)
        return image if all(tools.find(name, tools.folder(archive)) for name in self.needs) else None

    def candidate(self, spec: str, archive: Archive) -> Candidate | None:
        series = self._series(spec)
        if series is None:
            return None
        try:
            packages = self._resolve(series, archive.cached, archive.arch)
        except NotInArchive:
            return None
        return Candidate(packages[0].version, sum(package.size for package in packages))

    def fetch(self, spec: str, archive: Archive) -> Image:
        series = self._series(spec)
        if series is None:
            image = self._from_path(spec, archive)
            tools.fetch(self.needs, archive)
            return image
        packages = self._resolve(series, archive.packages, archive.arch)
        folder = self._folder(series, archive) / packages[0].version
        tools.fetch(self.needs, archive)
        if not (folder / "image.json").exists():
            self._unpack(folder, packages, archive)
        return self._read(series, folder / "image.json", archive)

    @abstractmethod
    def inspect(self, name: str, path: Path) -> Image:
        """The kernel that the user built. Raises NotAKernel, NoNamespaces."""

    @abstractmethod
    def arrange(self, tree: Path, folder: Path, packages: Sequence[Package], archive: Archive) -> Image:
        """Turn packages unpacked in ``tree`` into a kernel to start; ``tree`` is then moved to ``folder``."""

    def _newest_fetched(self, series: Series, archive: Archive) -> Image | None:
        images = list(self._folder(series, archive).glob("*/image.json"))
        return self._read(series, max(images, key=_fetched_at), archive) if images else None

    def _from_path(self, spec: str, archive: Archive) -> Image:
        path = Path(os.path.expanduser(spec)).absolute()
        return replace(self.inspect(f"{self.name}:{spec}", path), tools=tools.folder(archive))

    def _series(self, spec: str) -> Series | None:
        """The series of that number; None for a path. Raises UnknownKernel."""
        found = next((series for series in series_table().of(self.name) if series.number == spec), None)
        if found is None and os.sep not in spec and not (spec and os.path.exists(spec)):
            raise UnknownKernel(f"{self.name}:{spec}", self.names())
        return found

    def _folder(self, series: Series, archive: Archive) -> Path:
        return archive.cache.root / self.name / series.number

    def _resolve(self, series: Series, index: Callable[..., list[Package]], arch: str) -> list[Package]:
        """The newest package of the series, and those it is split into. Raises NotInArchive."""
        packages = index(*series.suites)
        complete = [parts for image in packages if (parts := self._parts(series, image, packages, arch))]
        if not complete:
            raise NotInArchive(series.name, series.suites)
        return max(complete, key=lambda parts: by_version(parts[0]))

    def _parts(self, series: Series, image: Package, packages: Sequence[Package], arch: str) -> list[Package]:
        """The image and all it is split into; nothing if a part has left the archive before the image."""
        names = {image.name, *(name for name in image.depends if re.fullmatch(self.parts, name))}
        same = [one for one in packages if (one.suite, one.version) == (image.suite, image.version)]
        parts = [image, *(one for one in same if one.name in names and one != image)]
        fits = series.matches(image.name, image.version, arch)
        return parts if fits and {one.name for one in parts} == names else []

    def _unpack(self, folder: Path, packages: Sequence[Package], archive: Archive) -> None:
        with archive.cache.atomic_folder(folder) as tree:
            archive.unpack(packages, tree)
            image = self.arrange(tree, folder, packages, archive)
            facts = {
                "release": image.release,
                "version": image.version,
                "program": str(image.program.relative_to(tree)),
                "modules": str(image.modules.relative_to(tree)) if image.modules else None,
            }
            (tree / "image.json").write_text(json.dumps(facts, indent=1) + "\n")
        archive.progress.line(f"{image.name} is {image.release}, in {folder}")

    def _read(self, series: Series, path: Path, archive: Archive) -> Image:
        facts = json.loads(path.read_text())
        return Image(
            series.name,
            facts["release"],
            facts["version"],
            path.parent / facts["program"],
            path.parent,
            path.parent / facts["modules"] if facts["modules"] else None,
            tools.folder(archive),
        )


def head(path: Path, size: int, wanted: str) -> bytes:
    """The first bytes of a kernel that the user built. Raises NotAKernel where that is no file to read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise NotAKernel(path, "it is no regular file", wanted)
            return os.read(file, size)
        finally:
            os.close(file)
    except OSError as error:
        raise NotAKernel(path, f"it cannot be read ({error.strerror})", wanted) from error


def ask(program: Path, question: str, wanted: str) -> subprocess.CompletedProcess[str]:
    """What a program that the user built prints when it is run with one option. Raises NotAKernel."""
    try:
        return subprocess.run(
            [program, question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except OSError as error:
        raise NotAKernel(program, f"it cannot be run ({error.strerror})", wanted) from error
    except subprocess.TimeoutExpired as error:
        raise NotAKernel(program, f"it does not end when it is run with {question}", wanted) from error


def _fetched_at(path: Path) -> float:
    return path.stat().st_mtime
