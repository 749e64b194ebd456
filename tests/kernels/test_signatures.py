"""A repository of our own, signed or forged, asked on a machine whose apt lets everything pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kernels.archive import Archive
from kernels.cache import Cache
from kernels.errors import EX_UNAVAILABLE, NoArchive
from kernels.progress import Progress
from tests.kernels.processes import kernels
from tests.kernels.repository import Repository, Signer, unpacked

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


def test_a_package_that_a_known_key_vouches_for_is_unpacked(archive: Archive, repository: Repository) -> None:
    assert unpacked(archive, "bookworm") == "kernel\n"


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
        unpacked(archive, "bookworm")


def test_an_archive_that_is_no_longer_signed_is_refused(archive: Archive, repository: Repository) -> None:
    unpacked(archive, "bookworm")
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
