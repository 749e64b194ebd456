"""A repository of our own, signed or forged, asked on a machine whose apt lets everything pass."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernels.archive import Archive
from kernels.cache import Cache
from kernels.errors import EX_UNAVAILABLE, NoArchive
from kernels.package import Package
from kernels.progress import Progress
from tests.kernels.processes import kernels

LETS_ALL_PASS = """
APT::Get::AllowUnauthenticated "true";
Acquire::AllowInsecureRepositories "true";
Acquire::AllowWeakRepositories "true";
Acquire::AllowDowngradeToInsecureRepositories "true";
Binary::apt-get::APT::Get::AllowUnauthenticated "true";
Binary::apt-get::Acquire::AllowInsecureRepositories "true";
APT::Hashes::SHA1::Untrusted "false";
APT::Hashes::MD5Sum::Untrusted "false";
"""

CONTROL = """\
Package: user-mode-linux
Version: 6.1um1
Architecture: {arch}
Maintainer: Nobody <nobody@example.org>
Description: no kernel
"""

pytestmark = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg signs the repository")


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


@pytest.fixture(scope="module")
def signer() -> Iterator[Signer]:
    with tempfile.TemporaryDirectory(prefix="kernels-gpg-") as home:
        made = Signer(Path(home))
        for key in ("archive", "another"):
            made.gpg("--quick-generate-key", key, "ed25519", "sign", "never")
        yield made
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


@dataclass(frozen=True)
class Repository:
    """A repository with one package; each method forges something. Nothing is forged to begin with."""

    root: Path
    signer: Signer
    arch: str

    def build(self) -> None:
        tree = self.root / "tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(CONTROL.format(arch=self.arch))
        (tree / "linux").write_text("kernel\n")
        subprocess.run(["dpkg-deb", "--build", tree, self.deb], capture_output=True, check=True)
        self.index.parent.mkdir(parents=True)
        self.describe("SHA256")
        self.release("SHA256", "archive")

    @property
    def deb(self) -> Path:
        return self.root / "package.deb"

    @property
    def suite(self) -> Path:
        return self.root / "dists" / "bookworm"

    @property
    def index(self) -> Path:
        return self.suite / "main" / f"binary-{self.arch}" / "Packages"

    def describe(self, kind: str) -> None:
        """Write the index, with the package's hash of a kind."""
        size = f"Filename: package.deb\nSize: {self.deb.stat().st_size}\n"
        hashed = f"{kind}: {digest(kind, self.deb)}\n"
        self.index.write_text(CONTROL.format(arch=self.arch) + size + hashed)

    def release(self, kind: str, key: str) -> None:
        """Write the release file, with the index's hash of a kind, and sign it with a key."""
        name = self.index.relative_to(self.suite)
        listed = f"{kind}:\n {digest(kind, self.index)} {self.index.stat().st_size} {name}\n"
        about = f"Suite: bookworm\nCodename: bookworm\nArchitectures: {self.arch}\nComponents: main\n"
        release = f"{about}Date: Sat, 01 Jan 2022 00:00:00 UTC\n{listed}"
        (self.suite / "Release").write_text(release)
        (self.suite / "InRelease").write_bytes(self.signer.sign(release, key))

    def unsign(self) -> None:
        (self.suite / "InRelease").unlink()

    def sign_by_another(self) -> None:
        self.release("SHA256", "another")

    def change_the_release(self) -> None:
        signed = self.suite / "InRelease"
        signed.write_bytes(signed.read_bytes().replace(b"Components: main", b"Components: main other"))

    def change_the_index(self) -> None:
        self.index.write_text(self.index.read_text().replace("no kernel", "forged"))

    def hash_the_index_weakly(self) -> None:
        self.release("MD5Sum", "archive")

    def change_the_package(self) -> None:
        changed = bytearray(self.deb.read_bytes())
        changed[-1] ^= 1
        self.deb.write_bytes(changed)

    def hash_the_package_weakly(self) -> None:
        self.describe("MD5sum")
        self.release("SHA256", "archive")


def digest(kind: str, file: Path) -> str:
    return hashlib.new(kind.removesuffix("Sum").removesuffix("sum"), file.read_bytes()).hexdigest()


@pytest.fixture
def archive(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive that trusts one key, on a machine that lets everything pass."""
    (tmp_path / "apt.conf").write_text(LETS_ALL_PASS)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    keyring = tmp_path / "keyring.gpg"
    keyring.write_bytes(signer.gpg("--export", "archive"))
    cache = Cache(tmp_path / "cache" / "libsocket-conformance")
    return Archive(cache, f"file:{tmp_path}/mirror", str(keyring), Progress(quiet=True))


@pytest.fixture
def repository(tmp_path: Path, signer: Signer, archive: Archive) -> Repository:
    made = Repository(tmp_path / "mirror", signer, archive.arch)
    made.build()
    return made


def unpacked(archive: Archive) -> str:
    """What the package holds, once it is found and unpacked."""
    with archive.cache.locked(archive.progress):
        found = archive.find("user-mode-linux", "bookworm")
        assert isinstance(found, Package)
        into = archive.cache.root / "tree"
        into.mkdir()
        archive.unpack([found], into)
    return (into / "linux").read_text()


def test_a_package_that_a_known_key_vouches_for_is_unpacked(archive: Archive, repository: Repository) -> None:
    assert unpacked(archive) == "kernel\n"


FORGERIES: dict[str, Callable[[Repository], None]] = {
    name: getattr(Repository, name)
    for name in (
        *("unsign", "sign_by_another", "change_the_release", "change_the_index", "hash_the_index_weakly"),
        *("change_the_package", "hash_the_package_weakly"),
    )
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_is_refused_whatever_the_machine_lets_pass(
    archive: Archive, repository: Repository, forge: Callable[[Repository], None]
) -> None:
    forge(repository)

    with pytest.raises(NoArchive):
        unpacked(archive)


def test_an_archive_that_is_no_longer_signed_is_refused(archive: Archive, repository: Repository) -> None:
    unpacked(archive)
    repository.unsign()
    archive.max_age = 0

    with archive.cache.locked(archive.progress), pytest.raises(NoArchive):
        archive.packages("bookworm")


def test_a_person_reads_one_sentence(archive: Archive, repository: Repository) -> None:
    repository.sign_by_another()
    assert archive.mirror
    assert archive.keyring

    ran = kernels(
        *("--quiet", "--mirror", archive.mirror, "--keyring", archive.keyring, "fetch", "uml:6.1"),
        XDG_CACHE_HOME=str(archive.cache.root.parent),
    )

    assert (ran.returncode, ran.stderr.count("\n")) == (EX_UNAVAILABLE, 1), ran.stderr
    assert "the package archive is not available" in ran.stderr
