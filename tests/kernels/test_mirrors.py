"""Mirrors of a machine's apt: machines made of a configuration of apt, with a repository beside."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernels.archive import Archive
from kernels.backends.virtme import BACKEND as VIRTME
from kernels.cache import Cache
from kernels.errors import (
    EX_UNAVAILABLE,
    Expired,
    Inconsistent,
    NoArchive,
    NoKeyring,
    NoSource,
    NoSuite,
    NotInArchive,
    NotVerified,
    Unreachable,
)
from kernels.mirrors import Mirror
from kernels.progress import Progress
from tests.kernels.processes import ROOT, kernels
from tests.kernels.repository import Repository, Signer, unpacked


@dataclass(frozen=True)
class Machine:
    """A root of which apt knows its configuration, and nothing that was ever fetched."""

    root: Path

    @property
    def apt(self) -> Path:
        return self.root / "etc" / "apt"

    @property
    def keyring(self) -> Path:
        return self.root / "keyring.gpg"

    def has(self, name: str, sources: str) -> None:
        """Give it a file of sources, in which MIRROR and KEYRING stand for what is here."""
        text = sources.replace("MIRROR", f"file:{self.root}/mirror").replace("KEYRING", str(self.keyring))
        (self.apt / name).write_text(text)

    def archive(self, stream: io.StringIO | None = None) -> Archive:
        cache = Cache(self.root / "cache" / "libsocket-conformance")
        progress = Progress(stream=stream) if stream else Progress(quiet=True)
        return Archive(cache, None, None, progress)


@pytest.fixture
def machine(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    for folder in ("sources.list.d", "trusted.gpg.d", "apt.conf.d"):
        (made.apt / folder).mkdir(parents=True)
    made.keyring.write_bytes(signer.gpg("--export", "archive"))
    (tmp_path / "apt.conf").write_text(f'Dir "{tmp_path}";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    return made


@pytest.fixture
def repository(machine: Machine, signer: Signer) -> Repository:
    made = Repository(machine.root / "mirror", signer, machine.archive().arch)
    made.build()
    return made


DEB822 = """\
# The machine's own.

Types: deb deb-src
URIs: MIRROR
# A remark.
Suites: trixie trixie-updates
Components: main contrib
signed-by: KEYRING
"""
DISABLED = """\
Enabled: no
Types: deb
URIs: file:/nowhere
Suites: bookworm
Components: main
Signed-By: /nowhere.gpg

"""
ONE_LINE = (
    "# The machine's own.\ndeb [ arch=i386,ARCH signed-by=KEYRING ] MIRROR trixie main contrib # a remark\n"
)


def embedded(signer: Signer) -> str:
    """The keys, as a field of deb822 holds them."""
    lines = signer.gpg("--armor", "--export", "archive").decode().splitlines()
    return "".join(f" {line or '.'}\n" for line in lines)


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("sources.list.d/own.sources", DEB822),
        ("sources.list.d/own.sources", DISABLED + DEB822),
        ("sources.list.d/own.sources", DEB822.replace(" KEYRING", "\n" + "EMBEDDED")),
        ("sources.list.d/own.list", ONE_LINE),
        ("sources.list", ONE_LINE),
        ("sources.list", "deb cdrom:[A Distribution]/ bookworm main\n" + ONE_LINE),
    ],
    ids=["deb822", "after-one-disabled", "embedded-key", "one-line", "sources.list", "after-a-disc"],
)
def test_a_suite_comes_from_the_machines_sources(
    name: str, sources: str, machine: Machine, repository: Repository, signer: Signer
) -> None:
    machine.has(name, sources.replace("EMBEDDED", embedded(signer)).replace("ARCH", repository.arch))

    assert unpacked(machine.archive(), "bookworm") == "kernel\n"


def test_an_embedded_key_is_no_path() -> None:
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n /nowhere\n -----END PGP PUBLIC KEY BLOCK-----"

    assert f"Signed-By: {key}\n" in Mirror("file:/mirror", {"Signed-By": key}).entry("bookworm", "amd64")


@pytest.mark.usefixtures("repository")
def test_an_entry_without_keys_has_those_that_the_machine_trusts(machine: Machine) -> None:
    (machine.apt / "trusted.gpg.d" / "own.gpg").write_bytes(machine.keyring.read_bytes())
    machine.has("sources.list", "deb MIRROR trixie main\n")

    assert unpacked(machine.archive(), "bookworm") == "kernel\n"


@pytest.mark.usefixtures("repository")
def test_a_keyring_of_the_users_counts_for_the_machines_sources(machine: Machine) -> None:
    machine.has("sources.list", "deb [signed-by=/nowhere.gpg] MIRROR trixie main\n")
    archive = machine.archive()
    archive.keyring = str(machine.keyring)

    assert unpacked(archive, "bookworm") == "kernel\n"


@pytest.mark.usefixtures("repository")
def test_the_machines_own_lists_may_be_read_only(machine: Machine) -> None:
    machine.has("sources.list", ONE_LINE.replace("ARCH", machine.archive().arch))
    lists = machine.root / "var/lib/apt"
    lists.mkdir(parents=True)
    script = f"mount -t tmpfs -o ro tmpfs {lists} && exec {sys.executable} -m kernels list --refresh"
    listed = subprocess.run(
        ["unshare", "--mount", "env", f"XDG_CACHE_HOME={machine.root}/cache", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (listed.returncode, "6.1um1" in listed.stdout) == (0, True), listed.stderr


SOURCES = {
    "without-a-security-mirror": "deb [signed-by=KEYRING] MIRROR bookworm main\n",
    "with-one-that-lacks-it": (
        "deb [signed-by=KEYRING] MIRROR bookworm main\n"
        "deb [signed-by=KEYRING] MIRROR/security bookworm-security main\n"
    ),
}


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("sources", SOURCES.values(), ids=SOURCES)
def test_a_suite_that_no_mirror_has_is_named_once_and_the_others_are_used(
    sources: str, machine: Machine
) -> None:
    machine.has("sources.list", sources)
    archive = machine.archive(said := io.StringIO())

    with archive.cache.locked(archive.progress):
        found = [archive.packages("bookworm-security", "bookworm") for _ in range(2)]

    named = [line for line in said.getvalue().splitlines() if "going on without it" in line]
    assert [[one.name for one in each] for each in found] == [["user-mode-linux"], ["user-mode-linux"]]
    assert [line.partition(" is not to be had")[0] for line in named] == ["bookworm-security"]


@pytest.mark.usefixtures("repository")
def test_a_series_is_looked_for_in_the_suites_that_are_there(machine: Machine) -> None:
    machine.has("sources.list", "deb [signed-by=KEYRING] MIRROR bookworm main\n")
    archive = machine.archive()

    with archive.cache.locked(archive.progress), pytest.raises(NotInArchive, match=r"virtme:6\.1"):
        VIRTME.fetch("6.1", archive)

    assert [one.suite for one in archive.cached("bookworm-security", "bookworm")] == ["bookworm"]


def test_others_sources_of_a_suite_are_passed_over(
    machine: Machine, repository: Repository, signer: Signer
) -> None:
    Repository(machine.root / "another", signer, repository.arch, package="editor").build()
    machine.has("sources.list.d/another.list", "deb [signed-by=KEYRING] file:/nowhere bookworm main\n")
    machine.has(
        "sources.list.d/editor.list",
        f"deb [signed-by=KEYRING] file:{machine.root}/another bookworm main\n",
    )
    machine.has("sources.list.d/own.sources", DEB822)

    assert unpacked(machine.archive(), "bookworm") == "kernel\n"


def test_how_old_an_index_may_be_is_said_by_its_entry(machine: Machine, repository: Repository) -> None:
    repository.expire()
    machine.has("sources.list.d/own.sources", DEB822 + "Check-Valid-Until: no\n")

    assert unpacked(machine.archive(), "bookworm") == "kernel\n"


NONE = {
    "no-file": "",
    "disabled": DISABLED,
    "sources-only": DEB822.replace("deb deb-src", "deb-src"),
    "another-architecture": DEB822 + "Architectures: nothing\n",
    "another-component": DEB822.replace("main contrib", "contrib"),
    "a-flat-one": "Types: deb\nURIs: MIRROR\nSuites: ./\n",
    "malformed": "Types: deb\n",
}


@pytest.mark.parametrize("sources", NONE.values(), ids=NONE)
def test_a_machine_whose_apt_has_no_source_is_told_so(sources: str, machine: Machine) -> None:
    machine.has("sources.list.d/own.sources", sources)

    refused(machine.archive(), NoSource, "this machine's apt sources .*sources.list")


def refused(archive: Archive, kind: type[NoArchive], words: str) -> None:
    with archive.cache.locked(archive.progress), pytest.raises(NoArchive, match=words) as caught:
        archive.packages("bookworm")
    assert (type(caught.value), archive.cached("bookworm")) == (kind, [])


OWN = "deb [signed-by=KEYRING] MIRROR bookworm main\n"


@dataclass(frozen=True)
class Failure:
    """What is told of sources and a repository, of which something is not as it should be."""

    kind: type[NoArchive]
    words: str
    sources: str = OWN
    spoil: Callable[[Repository], object] = Repository.sign


CAUSES = {
    "suite": Failure(NoSuite, "bookworm is not to be had from", OWN.replace("MIRROR", "file:/nowhere")),
    "network": Failure(
        Unreachable,
        r"connect to 127\.0\.0\.1:9.* network.* proxy",
        OWN.replace("MIRROR", "http://127.0.0.1:9/"),
    ),
    "no-keyring": Failure(
        NoKeyring,
        r"verified with /nowhere\.gpg.* missing.* Install it",
        OWN.replace("KEYRING", "/nowhere.gpg"),
    ),
    "key": Failure(
        NotVerified, "signatures? .* Install the archive's keys", spoil=Repository.sign_by_another
    ),
    "signature": Failure(NotVerified, "Install the archive's keys", spoil=Repository.change_the_release),
    "no-signature": Failure(NotVerified, "is not signed", spoil=Repository.unsign),
    "expired": Failure(Expired, "is expired.* clock .*Acquire::Check-Valid-Until", spoil=Repository.expire),
    "index": Failure(Inconsistent, "ask again", spoil=Repository.change_the_index),
}


@pytest.mark.parametrize("failure", CAUSES.values(), ids=CAUSES)
def test_a_failure_has_its_cause_and_a_way_out(
    failure: Failure, machine: Machine, repository: Repository
) -> None:
    failure.spoil(repository)
    machine.has("sources.list", failure.sources)

    refused(machine.archive(), failure.kind, failure.words)


def test_a_package_that_left_the_mirror_is_asked_for_again(machine: Machine, repository: Repository) -> None:
    machine.has("sources.list", OWN)
    repository.remove_the_package()

    with pytest.raises(Inconsistent, match="--refresh"):
        unpacked(machine.archive(), "bookworm")


def test_a_password_of_a_mirror_is_not_shown(machine: Machine) -> None:
    machine.has("sources.list", OWN.replace("MIRROR", "http://me:secret@127.0.0.1:9/"))

    ran = kernels("fetch", "uml:6.1", XDG_CACHE_HOME=str(machine.root / "cache"))

    assert (ran.returncode, "secret" in ran.stderr, "127.0.0.1:9/" in ran.stderr) == (
        EX_UNAVAILABLE,
        False,
        True,
    )
