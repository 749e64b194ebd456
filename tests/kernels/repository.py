"""A repository of packages on the local file system, and the keys that sign it."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernels.archive import Archive
from kernels.package import Package

CONTROL = """\
Package: {package}
Version: 6.1um1
Architecture: {arch}
Maintainer: Nobody <nobody@example.org>
Description: no kernel
"""


@dataclass(frozen=True)
class Signer:
    """Two keys: the one that the archive's keyring has, and another."""

    home: Path

    def gpg(self, *arguments: str | Path) -> bytes:
        command = ["gpg", "--homedir", self.home, "--batch", "--passphrase", "", *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def sign(self, release: str, key: str) -> bytes:
        (self.home / "release").write_text(release)
        return self.gpg("--local-user", key, "--clearsign", "--output", "-", self.home / "release")


@dataclass(frozen=True)
class Repository:
    """A repository with one package; each method forges something. Nothing is forged to begin with."""

    root: Path
    signer: Signer
    arch: str
    name: str = "bookworm"
    """Of its one suite."""
    package: str = "user-mode-linux"

    def build(self) -> None:
        tree = self.root / "tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(self._control)
        (tree / "linux").write_text("kernel\n")
        subprocess.run(["dpkg-deb", "--build", tree, self.deb], capture_output=True, check=True)
        self.index.parent.mkdir(parents=True)
        self.describe("SHA256")
        self.sign()

    @property
    def _control(self) -> str:
        return CONTROL.format(package=self.package, arch=self.arch)

    @property
    def deb(self) -> Path:
        return self.root / "package.deb"

    @property
    def suite(self) -> Path:
        return self.root / "dists" / self.name

    @property
    def index(self) -> Path:
        return self.suite / "main" / f"binary-{self.arch}" / "Packages"

    def describe(self, kind: str) -> None:
        """Write the index, with the package's hash of a kind."""
        size = f"Filename: package.deb\nSize: {self.deb.stat().st_size}\n"
        hashed = f"{kind}: {digest(kind, self.deb)}\n"
        self.index.write_text(self._control + size + hashed)

    def release(self, kind: str, key: str, more: str = "") -> None:
        """Write the release file, with the index's hash of a kind, and sign it with a key."""
        name = self.index.relative_to(self.suite)
        listed = f"{kind}:\n {digest(kind, self.index)} {self.index.stat().st_size} {name}\n"
        about = f"Suite: {self.name}\nCodename: {self.name}\nArchitectures: {self.arch}\nComponents: main\n"
        release = f"{about}Date: Sat, 01 Jan 2022 00:00:00 UTC\n{more}{listed}"
        (self.suite / "Release").write_text(release)
        (self.suite / "InRelease").write_bytes(self.signer.sign(release, key))

    def sign(self) -> None:
        self.release("SHA256", "archive")

    def unsign(self) -> None:
        (self.suite / "InRelease").unlink()

    def sign_by_another(self) -> None:
        self.release("SHA256", "another")

    def expire(self) -> None:
        self.release("SHA256", "archive", more="Valid-Until: Sat, 08 Jan 2022 00:00:00 UTC\n")

    def change_the_release(self) -> None:
        signed = self.suite / "InRelease"
        signed.write_bytes(signed.read_bytes().replace(b"Components: main", b"Components: main other"))

    def change_the_index(self) -> None:
        self.index.write_text(self.index.read_text().replace("no kernel", "forged"))

    def hash_the_index_weakly(self) -> None:
        self.release("MD5Sum", "archive")

    def remove_the_package(self) -> None:
        self.deb.unlink()

    def change_the_package(self) -> None:
        changed = bytearray(self.deb.read_bytes())
        changed[-1] ^= 1
        self.deb.write_bytes(changed)

    def hash_the_package_weakly(self) -> None:
        self.describe("MD5sum")
        self.sign()


def digest(kind: str, file: Path) -> str:
    return hashlib.new(kind.removesuffix("Sum").removesuffix("sum"), file.read_bytes()).hexdigest()


def unpacked(archive: Archive, *suites: str) -> str:
    """What the package holds, once it is found and unpacked."""
    with archive.cache.locked(archive.progress):
        found = archive.find("user-mode-linux", *suites)
        assert isinstance(found, Package)
        into = archive.cache.root / "tree"
        into.mkdir()
        archive.unpack([found], into)
    return (into / "linux").read_text()
