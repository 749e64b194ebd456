from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernels.archive import Archive
from kernels.cache import Cache
from kernels.errors import EX_UNAVAILABLE, NoApt, NoArchive
from kernels.package import Package, by_version
from kernels.progress import Progress
from tests.kernels.processes import ROOT

VERSIONS = [
    *("6.1.192-2", "6.1.192-1", "6.1.180-1~deb11u1", "6.12.117-1", "6.12.90-2~bpo12+1", "6.12.90-1"),
    *("0.0~20221219.0-2+b3", "0.0~20240729.0-4+b7", "0.0~20240729.0-4~bpo12+2"),
    *("5.10um3+b1", "7.2um1", "1:0.1", "1.0", "1.0a", "1.0-1", "1.0+b1", "1.0~rc1"),
]

RELEASE = """\
Origin: Nobody
Suite: bookworm
Codename: bookworm
Date: Sat, 01 Jan 2022 00:00:00 UTC
Architectures: amd64
Components: main
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/binary-amd64/Packages
"""

STANZA = """\
Package: linux-image-7.3.4+deb13-amd64
Version: 7.3.4-1
Installed-Size: 2
Depends: kmod (>= 30~), linux-binary-7.3.4+deb13-amd64 (= 7.3.4-1) | x:any [amd64], linux-modules-7.3.4-amd64
Size: 1000
Description: a kernel
 Depends: nothing in here
"""


def at(version: str) -> Package:
    return Package("a", version, "sid", 0, 0)


def in_folder(folder: Path, mirror: str | None = None, keyring: str | None = None) -> Archive:
    return Archive(Cache(folder), mirror, keyring, Progress(quiet=True))


def unsigned(folder: Path) -> str:
    """An archive without a signature."""
    packages = folder / "dists/bookworm/main/binary-amd64/Packages"
    packages.parent.mkdir(parents=True)
    packages.touch()
    (folder / "dists/bookworm/Release").write_text(RELEASE)
    return f"file:{folder}"


def test_versions_sort_as_dpkg_sorts_them() -> None:
    pairs = list(itertools.permutations(VERSIONS, 2))
    script = "\n".join(
        f"dpkg --compare-versions '{one}' lt '{two}' && echo yes || echo no" for one, two in pairs
    )
    dpkg = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.split()

    ours = ["yes" if by_version(at(one)) < by_version(at(two)) else "no" for one, two in pairs]

    assert ours == dpkg


def test_the_archive_holds_user_mode_linux(archive: Archive) -> None:
    with archive.cache.locked(archive.progress):
        held = archive.find("user-mode-linux", "bookworm")

    assert held is not None
    assert held.version.startswith("6.1um")


def test_a_stanza_of_an_index_is_a_package() -> None:
    package = Package.parse(STANZA, "sid")

    assert package == Package(
        "linux-image-7.3.4+deb13-amd64",
        "7.3.4-1",
        "sid",
        1000,
        2048,
        ["kmod", "linux-binary-7.3.4+deb13-amd64", "x", "linux-modules-7.3.4-amd64"],
    )


def test_a_package_that_depends_on_nothing_has_no_dependencies() -> None:
    package = Package.parse("Package: a\nVersion: 1\nSize: 2\n", "sid")

    assert package == Package("a", "1", "sid", 2, 0, [])


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:9/", "file:/nowhere"])
def test_an_unreachable_archive_is_reported_and_leaves_nothing(mirror: str, tmp_path: Path) -> None:
    archive = in_folder(tmp_path, mirror)

    with archive.cache.locked(archive.progress), pytest.raises(NoArchive, match="--mirror"):
        archive.packages("bookworm")

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]


def test_an_archive_without_a_signature_is_refused(tmp_path: Path) -> None:
    archive = in_folder(tmp_path / "cache", unsigned(tmp_path / "mirror"))

    with archive.cache.locked(archive.progress), pytest.raises(NoArchive, match="not signed"):
        archive.packages("bookworm")

    assert archive.cached("bookworm") == []


@dataclass(frozen=True)
class Interrupted(Progress):
    """Ctrl-C, as soon as a file exists."""

    when: Path = Path("/nowhere")

    @contextmanager
    def download(self, text: str, size: int) -> Iterator[Callable[[int], None]]:  # noqa: ARG002
        def update(_: int) -> None:
            if self.when.exists():
                raise KeyboardInterrupt

        yield update


def test_an_interrupted_download_ends_apt_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pidfile, cache = tmp_path / "pid", tmp_path / "cache"
    apt_get = tmp_path / "apt-get"
    apt_get.write_text(f"#!/bin/sh\ntouch a_1.deb\necho $$ > new\nmv new {pidfile}\nexec sleep 1000\n")
    apt_get.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    archive = Archive(Cache(cache), progress=Interrupted(when=pidfile))
    (cache / "tree").mkdir(parents=True)

    with pytest.raises(KeyboardInterrupt):
        archive.unpack([at("1")], cache / "tree")

    running = Path("/proc", pidfile.read_text().strip()).exists()
    assert (running, [path.name for path in cache.rglob("*")]) == (False, ["tree"])


def test_without_apt_no_kernel_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = in_folder(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with archive.cache.locked(archive.progress), pytest.raises(NoApt, match="Install apt"):
        archive.packages("bookworm")


def test_the_machines_own_apt_is_not_touched(archive: Archive) -> None:
    with archive.cache.locked(archive.progress):
        archive.packages("bookworm")
    configuration = archive.cache.root / "apt" / "bookworm" / "apt.conf"

    command = ["apt-config", "-c", str(configuration), "dump"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    kept = str(archive.cache.root)
    assert [line for line in lines if "-Invoke:: " in line] == []
    assert [kept in line for line in lines if line.startswith(("Dir::State ", "Dir::Cache "))] == [True, True]


def test_a_full_disk_is_reported_before_anything_is_fetched(tmp_path: Path) -> None:
    mounted = f"mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec {sys.executable} -m kernels fetch 6.1"
    fetched = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted],
        cwd=ROOT,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (fetched.returncode, "MiB are free" in fetched.stderr) == (EX_UNAVAILABLE, True)
