"""modprobe and depmod: the machine's own, or the archive's kmod unpacked into our cache."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

from kernels.archive import Archive, Package
from kernels.errors import MissingProgram

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where an ordinary user's PATH does not look."""


def kmod(program: str, archive: Archive) -> Path:
    """The path of modprobe or depmod; fetches the archive's once where the machine has none.

    Raises MissingProgram, and what the archive raises. The cache must be locked where it has to fetch.
    """
    if found(program, archive) is None:
        _bring(archive.cache.root / "kmod", archive)
    return found(program, archive) or archive.cache.root / "kmod" / program


def found(program: str, archive: Archive) -> Path | None:
    """The path of modprobe or depmod if it is here already."""
    own = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SBIN}")
    kept = archive.cache.root / "kmod" / program
    return Path(own) if own else kept if kept.exists() else None


def _bring(folder: Path, archive: Archive) -> None:
    with archive.cache.filled(folder) as tree:
        archive.unpack(_packages(archive), tree)
        binary = next(path for path in tree.glob("**/bin/kmod") if not path.is_symlink())
        for name in ("modprobe", "depmod"):
            (tree / "applets").mkdir(exist_ok=True)
            (tree / "applets" / name).symlink_to(Path("..") / binary.relative_to(tree))
            _wrap(tree / name, folder)
        _try(binary, tree)


def _packages(archive: Archive) -> list[Package]:
    """From the machine's own suite if it is a known one, so that the machine's libraries fit."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    suite = codename if codename in archive.knows.suites else archive.knows.kmod_suite
    return [package for name in archive.knows.kmod if (package := archive.find(name, suite))]


def _wrap(path: Path, folder: Path) -> None:
    libraries = ":".join(str(folder / place) for place in ("usr/lib", "lib"))
    call = shlex.join([f"LD_LIBRARY_PATH={libraries}", str(folder / "applets" / path.name)])
    path.write_text(f'#!/bin/sh\nexec env {call} "$@"\n')
    path.chmod(0o755)


def _try(binary: Path, tree: Path) -> None:
    libraries = ":".join({str(path.parent) for path in tree.glob("**/libkmod.so*")})
    environ = {"LD_LIBRARY_PATH": libraries}
    if subprocess.run([binary, "--version"], env=environ, capture_output=True, check=False).returncode != 0:
        raise MissingProgram("kmod", "to load a guest's modules", "Install the kmod package.")
