"""What kernels are built from: a series of the archive, a tarball, or a tree. Each has a digest."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kernels.archive import Archive
from kernels.errors import NotASource, NotInArchive, UnknownSource
from kernels.series import series_table

SPACE = 2 << 30
"""Bytes that an unpacked source takes, and a margin."""
_VERSION = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(\S*)$", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """The source of one kernel, not unpacked yet."""

    name: str
    """What it is, for a person: ``linux-source-6.1 6.1.192-3``, ``/home/me/linux 0123456789ab``."""
    digest: str
    """The same for the same files."""
    unpack: Callable[[Path], None]
    """Puts the tree into an empty folder. Raises what the archive raises, and NotASource."""


def find(spec: str, commit: str | None, archive: Archive) -> Source:
    """The source that a user names: ``6.1``, a tarball, a tree, or ``TREE@COMMIT``.

    Raises UnknownSource, NotASource, and what the archive raises.
    """
    if commit is None and spec in series_table().sources:
        return _of_series(spec, archive)
    path = Path(os.path.expanduser(spec)).absolute()
    if commit is None and not path.exists() and "@" in spec:
        tree, _, commit = spec.rpartition("@")
        path = Path(os.path.expanduser(tree)).absolute()
    if not spec or not path.exists():
        raise UnknownSource(spec, series_table().sources)
    if path.is_dir() and (commit is not None or _is_git(path)):
        return _of_git(path, commit)
    if path.is_dir():
        return _of_folder(path)
    if commit is not None or not path.is_file():
        raise NotASource(path, "it is no folder" if commit is not None else "it is no file to read")
    return _of_tarball(path)


def version(tree: Path, name: Path | str) -> str:
    """The version that a tree has in its Makefile: ``6.1.192``. Raises NotASource, which names it so."""
    try:
        text = (tree / "Makefile").read_text(errors="replace")
    except OSError as error:
        raise NotASource(name, "it has no Makefile") from error
    parts: dict[str, str] = dict(_VERSION.findall(text))
    if not {"VERSION", "PATCHLEVEL", "SUBLEVEL"} <= parts.keys():
        raise NotASource(name, "its Makefile names no version of Linux")
    if not (tree / "arch/um").is_dir():
        raise NotASource(name, "it has no user-mode Linux (arch/um)")
    number = ".".join(parts[name] for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))
    return number + parts.get("EXTRAVERSION", "")


def _of_series(number: str, archive: Archive) -> Source:
    name = archive.table.source_package.replace("{series}", number)
    suites = archive.table.sources[number]
    with archive.cache.locked(archive.progress):
        newest = archive.find(name, *suites)
    if newest is None:
        raise NotInArchive(name, suites)

    def unpack(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            with archive.cache.locked(archive.progress):
                archive.unpack([newest], Path(made))
            tarball = next(Path(made, "usr/src").glob(f"{name}.tar*"))
            with archive.progress.work(f"unpacking {name} {newest.version}"):
                _untar(tarball, folder)

    return Source(f"{name} {newest.version}", _digest(name, newest.version), unpack)


def _of_tarball(path: Path) -> Source:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotASource(path, f"it cannot be read ({error.strerror})") from error
    return Source(str(path), digest, lambda folder: _untar(path, folder))


def _untar(tarball: Path, folder: Path) -> None:
    """Unpack a tarball, without the folder that all of it is in. Raises NotASource."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        _run(["tar", "-xf", str(tarball), "--no-same-owner", "-C", made], tarball)
        content = list(Path(made).iterdir())
        top = content[0] if len(content) == 1 and content[0].is_dir() else Path(made)
        for path in top.iterdir():
            path.rename(folder / path.name)


def _is_git(path: Path) -> bool:
    """Whether a folder is the top of a git tree, and not only somewhere below one."""
    return (path / ".git").exists()


def _of_git(path: Path, commit: str | None) -> Source:
    """A commit of a git tree, or else the files that it has now, as ``git add --all`` would take them.

    Objects and index of its own are in a temporary folder: nothing is added to the user's repository.
    """
    if commit is not None:
        # With --end-of-options rev-parse would print that too.
        tree = _git(path, "rev-parse", "--verify", f"{commit.lstrip('-')}^{{tree}}")
        name = _git(path, "rev-parse", "--verify", "--short=12", f"{commit.lstrip('-')}^{{commit}}")
    else:
        with _GitOverlay(path) as overlay:
            tree = overlay.add_all()
        head = _git(path, "rev-parse", "HEAD", "HEAD^{tree}").split()
        name = f"{head[0][:12]}{'' if tree == head[1] else ' with changes'}"

    def unpack(folder: Path) -> None:
        with _GitOverlay(path) as overlay:
            if commit is None and overlay.add_all() != tree:
                raise NotASource(path, "its files are being changed")
            overlay.check_out(tree, folder)

    return Source(f"{path} {name}", tree, unpack)


class _GitOverlay:
    """An index and a store of objects over those of a repository, which is only read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made = tempfile.TemporaryDirectory(prefix="kernels-git-")

    def __enter__(self) -> _GitOverlay:
        objects = Path(_git(self._path, "rev-parse", "--path-format=absolute", "--git-path", "objects"))
        index = Path(_git(self._path, "rev-parse", "--path-format=absolute", "--git-path", "index"))
        own = Path(self._made.name)
        (own / "objects").mkdir()
        if index.exists():
            shutil.copy2(index, own / "index")
        self._environ = {
            "GIT_INDEX_FILE": str(own / "index"),
            "GIT_OBJECT_DIRECTORY": str(own / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._made.cleanup()

    def add_all(self) -> str:
        """Take all files that are not ignored. Returns the digest of their tree."""
        _git(self._path, "add", "--all", environ=self._environ)
        return _git(self._path, "write-tree", environ=self._environ)

    def check_out(self, tree: str, folder: Path) -> None:
        """Put the files of a tree into a folder."""
        _git(self._path, "read-tree", "--reset", tree, environ=self._environ)
        _git(self._path, "checkout-index", "--all", f"--prefix={folder}/", environ=self._environ)


def _git(path: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    inherited = {variable: value for variable, value in os.environ.items() if not variable.startswith("GIT_")}
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(path), *arguments]
    return _run(command, path, {**inherited, **(environ or {})}).strip()


def _of_folder(path: Path) -> Source:
    """A tree without git: its files as they are now, told apart by size and time, as make does."""
    version(path, path)
    facts = [
        f"{name} {status.st_size} {status.st_mtime_ns} {status.st_mode}"
        for place, _, names in os.walk(path)
        for name in (os.path.join(place, name) for name in names)
        for status in [os.lstat(name)]
    ]

    def unpack(folder: Path) -> None:
        _run(["cp", "-a", "--reflink=auto", f"{path}/.", str(folder)], path)
        if (folder / ".config").exists() or (folder / "include/config").exists():
            # What a build in the tree itself has left would end up in ours.
            _run(["make", "-C", str(folder), "ARCH=um", "mrproper"], path)

    return Source(str(path), _digest(*sorted(facts)), unpack)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode(errors="surrogateescape")).hexdigest()


def _run(command: list[str], source: Path, environ: Mapping[str, str] | None = None) -> str:
    """The output of a program that reads a source. Raises NotASource where it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=None if environ is None else dict(environ),
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NotASource(source, f"{command[0]} says: {said[-1]}")
    return done.stdout
