"""Small programs that guests need: the machine's own, or the archive's unpacked in our cache."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from kernels.archive import Archive
from kernels.errors import MissingProgram
from kernels.package import Package

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where an ordinary user's PATH does not look."""
APPLETS = ("modprobe", "depmod")
"""The names that the one binary of kmod is called by."""
WRAPPER = """\
#!/bin/sh
here=${0%/*}
LD_LIBRARY_PATH="{libraries}" exec "$here/applets/{applet}" "$@"
"""


def folder(archive: Archive) -> Path:
    """Where fetched programs are; it need not exist."""
    return archive.cache.root / "tools"


def search_path(fetched: Path) -> str:
    """The PATH that finds the machine's programs first, then those in a folder."""
    return f"{os.environ.get('PATH', '')}:{SBIN}:{fetched}"


def find(name: str, fetched: Path) -> Path | None:
    """A program of the machine's, or one in the folder of fetched ones."""
    path = shutil.which(name, path=search_path(fetched))
    return Path(path) if path else None


def fetch(names: Iterable[str], archive: Archive) -> None:
    """Fetch the programs if this machine lacks one of them. The cache must be locked.

    Raises MissingProgram, and what the archive raises.
    """
    fetched = folder(archive)
    if all(find(name, fetched) for name in names):
        return
    with archive.cache.atomic_folder(fetched) as tree:
        archive.unpack(_packages(archive), tree)
        for applet in APPLETS:
            _wrap(_program(tree, "kmod"), applet, tree)
        (tree / "busybox").symlink_to(_program(tree, "busybox").relative_to(tree))


def _packages(archive: Archive) -> list[Package]:
    """Those of this machine's own suite if series.toml has it, so that this machine's libraries fit."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    suite = codename if codename in archive.table.suites else archive.table.tools_suite
    return [package for name in archive.table.tools if (package := archive.find(name, suite))]


def _program(tree: Path, name: str) -> Path:
    return next(path for path in tree.glob(f"**/bin/{name}") if not path.is_symlink())


def _wrap(binary: Path, applet: str, tree: Path) -> None:
    """A script that calls the binary by the applet's name, with the libraries beside it."""
    called = tree / "applets" / applet
    called.parent.mkdir(exist_ok=True)
    called.symlink_to(Path("..") / binary.relative_to(tree))
    libraries = {path.parent.relative_to(tree) for path in tree.glob("**/lib*.so.*")}
    script = tree / applet
    script.write_text(
        WRAPPER.format(libraries=":".join(f"$here/{path}" for path in libraries), applet=applet)
    )
    script.chmod(0o755)
    if subprocess.run([script, "--help"], capture_output=True, check=False).returncode != 0:
        raise MissingProgram(applet, "in guests", "Install the package kmod.")
