"""The kernels that this user built, in the cache: what each is made of, and the trees they were made in.

Below the folder ``built`` are ``images/NAME``, a kernel each; ``logs/NAME``; and ``sources/DIGEST`` with an
unpacked source, its objects and copies of both, which builds with patches share.

A folder is locked by its own descriptor (flock(2)), so a lock ends with its process and leaves no file. Who
builds holds the whole with others; who removes what others could be building with holds it alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from kernels.backend import Image
from kernels.cache import Cache, size_of
from kernels.errors import BadName, CacheUnwritable, NotBuilt
from kernels.progress import Progress

PREFIX = "built"
"""What stands before the colon in the names of these kernels."""
NOTES = "notes"
"""The folder of a kernel that counts: what gcov(1) must know of each file, and the file itself."""
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)


@dataclass(frozen=True)
class Facts:
    """What is known of a built kernel."""

    release: str
    version: str
    source: str
    """The name of its source."""
    digest: str
    """That of the source."""
    made_of: str
    """The digest of all that it was made of: source, configuration, compiler, options and patches."""
    options: Sequence[str] = ()
    patches: Sequence[str] = ()

    @property
    def origin(self) -> str:
        """What it is made of, for a person."""
        return ", ".join((self.source, *self.options, *self.patches))


@dataclass(frozen=True)
class Built:
    """The folder of the kernels that were built."""

    root: Path

    @classmethod
    def of(cls, cache: Cache) -> Built:
        return cls(cache.root / PREFIX)

    def names(self) -> list[str]:
        """The kernels there are."""
        return sorted(path.parent.name for path in self.root.glob("images/*/facts.json"))

    def facts(self, name: str) -> Facts:
        """What is known of a kernel. Raises NotBuilt."""
        try:
            kept = json.loads((self.folder(name) / "facts.json").read_text())
        except FileNotFoundError as error:
            raise NotBuilt(name, self.names()) from error
        # One that was built by another version may be known by more.
        return Facts(**{one.name: kept[one.name] for one in fields(Facts) if one.name in kept})

    def image(self, name: str) -> Image:
        """A kernel to start. Raises NotBuilt."""
        facts, folder = self.facts(name), self.folder(name)
        return Image(
            f"{PREFIX}:{name}", facts.release, facts.version, folder / "linux", folder, origin=facts.origin
        )

    def made_of(self, digest: str) -> str | None:
        """The name of a kernel that is made of just this."""
        return next((name for name in self.names() if self.facts(name).made_of == digest), None)

    def folder(self, name: str) -> Path:
        """Where a kernel is. Raises NotBuilt for what is no name."""
        if not _NAME.fullmatch(name):
            raise NotBuilt(name, self.names())
        return self.root / "images" / name

    def log(self, name: str) -> Path:
        """What was printed when a kernel was built, or was not."""
        return self.root / "logs" / name

    def source(self, digest: str) -> Path:
        """The folder of a source, its objects and copies."""
        return self.root / "sources" / digest[:16]

    def keep(self, name: str, facts: Facts, fill: Callable[[Path], object]) -> Image:
        """Let a kernel have a name, in place of a former one; ``fill`` puts its files into a folder."""
        folder = self.folder(name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix="new-") as made:
            content = Path(made, "new")
            content.mkdir()
            fill(content)
            (content / "facts.json").write_text(json.dumps(asdict(facts), indent=1) + "\n")
            if folder.exists():
                folder.rename(Path(made, "replaced"))
            content.rename(folder)
        return self.image(name)

    def remove(self, name: str) -> int:
        """Remove a kernel, and the sources of which no other is made. Returns the bytes removed.

        While something is being built the sources stay: it may be with them. Raises NotBuilt.
        """
        folder, log = self.folder(name), self.log(name)
        if not folder.exists() and not log.exists():
            raise NotBuilt(name, self.names())
        size = size_of(folder) if folder.exists() else 0
        shutil.rmtree(folder, ignore_errors=True)
        log.unlink(missing_ok=True)
        with held_alone(self.root) as alone:
            return size + sum(map(self._removed, self._unused() if alone else ()))

    @contextmanager
    def building(self, progress: Progress) -> Iterator[None]:
        """Hold the folder with others that build, and not with one that removes. Raises CacheUnwritable."""
        with held(self.root, fcntl.LOCK_SH, progress, "kernels are being removed; waiting for that to end"):
            yield

    @contextmanager
    def idle(self, progress: Progress) -> Iterator[None]:
        """Hold the folder alone, if it is there: nothing is being built meanwhile."""
        if not self.root.exists():
            yield
            return
        with held(self.root, fcntl.LOCK_EX, progress, "a kernel is being built; waiting for it to end"):
            yield

    def _unused(self) -> list[Path]:
        """Sources of which no kernel is made, and what killed builds left."""
        used = {self.source(self.facts(name).digest) for name in self.names()}
        sources = [path for path in self.root.glob("sources/*") if path not in used]
        return [*sources, *self.root.glob("new-*")]

    def _removed(self, path: Path) -> int:
        """Remove a folder. It is moved first: who is killed meanwhile leaves no part that looks whole."""
        aside = path.rename(self.root / f"new-{path.name.removeprefix('new-')}")
        size = size_of(aside)
        shutil.rmtree(aside, ignore_errors=True)
        return size


def check_name(name: str) -> None:
    """Raise BadName unless a kernel can be named so."""
    if not _NAME.fullmatch(name):
        raise BadName(name)


@contextmanager
def held(folder: Path, how: int, progress: Progress, waiting: str) -> Iterator[None]:
    """Hold a folder, which is made where it is missing; says so where it waits. Raises CacheUnwritable."""
    try:
        descriptor = _locked(folder, how | fcntl.LOCK_NB)
        if descriptor is None:
            progress.line(waiting)
        while descriptor is None:
            descriptor = _locked(folder, how)
    except OSError as error:
        raise CacheUnwritable(folder, error.strerror or str(error)) from error
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def held_alone(folder: Path) -> Iterator[bool]:
    """Hold a folder if nobody else does; yields whether that is so."""
    descriptor = _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _locked(folder: Path, how: int) -> int | None:
    """The descriptor that locks a folder; None if somebody else holds it, or has just removed it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
