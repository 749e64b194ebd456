"""The package archive, through an apt state of our own: its lists, sources and downloads lie in our cache.

Nothing of the machine's apt is changed. Signatures are verified by apt with the machine's own keys, and the
mirror is the one the machine's sources name, unless the user names another.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from debian.debian_support import Version

from kernels.cache import Cache
from kernels.errors import NoApt, NoArchive
from kernels.known import Known, known
from kernels.progress import Progress

INDEX_ROOM = 250 << 20
"""Bytes that the index of one suite may take while apt unpacks it."""
INDEX_AGE = 24 * 3600.0
"""Seconds after which an index is asked for anew."""

CONFIGURATION = """\
#clear APT::Update;
#clear DPkg::Post-Invoke;
Dir::State "{state}";
Dir::State::Lists "{state}/lists";
Dir::State::status "{state}/status";
Dir::Cache "{state}/cache";
Dir::Cache::pkgcache "packages.bin";
Dir::Cache::srcpkgcache "";
Dir::Etc::SourceList "{state}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
"""


@dataclass(frozen=True)
class Package:
    """One version of a package in one suite."""

    name: str
    version: str
    suite: str
    size: int
    """Bytes to download."""
    installed: int
    """Bytes when unpacked."""
    depends: Sequence[str] = ()
    """Names of the packages it depends on, alternatives among them."""


@dataclass
class Archive:
    """The packages of an archive, suite by suite. An index is fetched when its suite is first asked about."""

    cache: Cache
    mirror: str | None = field(default_factory=lambda: os.environ.get("KERNELS_MIRROR") or None)
    keyring: str | None = field(default_factory=lambda: os.environ.get("KERNELS_KEYRING") or None)
    progress: Progress = field(default_factory=Progress)
    max_age: float = INDEX_AGE
    knows: Known = field(default_factory=known)

    @cached_property
    def arch(self) -> str:
        """The machine's package architecture: ``amd64``."""
        return _answer(["dpkg", "--print-architecture"]).strip()

    def packages(self, suite: str) -> list[Package]:
        """What a suite holds of what is worth remembering here.

        Raises NoApt, NoArchive (unreachable, or its signature is not good), NoSpace.
        """
        remembered = self._state(suite) / "index.json"
        if not remembered.exists() or time.time() - remembered.stat().st_mtime > self.max_age:
            self._update(suite)
        return self.remembered(suite)

    def remembered(self, suite: str) -> list[Package]:
        """What a suite held when it was last asked; nothing where it never was."""
        remembered = self._state(suite) / "index.json"
        return [Package(**one) for one in json.loads(remembered.read_text())] if remembered.exists() else []

    def find(self, name: str, suite: str, version: str | None = None) -> Package | None:
        """The newest version of a package in a suite, or one version of it."""
        fitting = [one for one in self.packages(suite) if one.name == name and version in {None, one.version}]
        return max(fitting, key=by_version, default=None)

    def unpack(self, packages: Sequence[Package], into: Path) -> None:
        """Download packages, let apt verify them, and unpack them into a folder. All or nothing."""
        self.cache.require_space(sum(one.size + one.installed for one in packages))
        with tempfile.TemporaryDirectory(dir=into.parent) as folder:
            for one in packages:
                deb = self._download(one, Path(folder))
                _answer(["dpkg-deb", "-x", str(deb), str(into)])

    def _state(self, suite: str) -> Path:
        return self.cache.root / "apt" / suite

    def _update(self, suite: str) -> None:
        apt_get = program("apt-get")
        self.cache.root.mkdir(parents=True, exist_ok=True)
        self.cache.require_space(INDEX_ROOM)
        source = self._source(suite)
        self.progress.line(f"asking the archive what {suite} holds")
        final = self._state(suite)
        with self.cache.atomic_folder(final) as state:
            self._lay(state, source)
            updated = _run([apt_get, "-c", str(state / "apt.conf"), "-q", "update"])
            if updated.returncode != 0:
                raise NoArchive(source, _complaint(updated.stdout + updated.stderr))
            found = list(self._index(state, suite))
            (state / "index.json").write_text(json.dumps([asdict(one) for one in found], indent=0))
            (state / "cache" / "packages.bin").unlink(missing_ok=True)
            _configure(state, final, self.arch)

    def _lay(self, state: Path, source: str) -> None:
        for folder in ("lists/partial", "cache/archives/partial"):
            (state / folder).mkdir(parents=True)
        (state / "status").touch()
        (state / "sources.list").write_text(source + "\n")
        _configure(state, state, self.arch)

    def _index(self, state: Path, suite: str) -> Iterator[Package]:
        for stanza in _answer(["apt-cache", "-c", str(state / "apt.conf"), "dumpavail"]).split("\n\n"):
            name = stanza.partition("\n")[0].removeprefix("Package: ")
            # By name first: parsing all of a suite's 65 000 stanzas takes 11 s, parsing these takes 10 ms.
            if self.knows.remembered.fullmatch(name):
                yield package_of(stanza, suite)

    def _source(self, suite: str) -> str:
        mirror = self.mirror or self._machines_mirror(suite)
        keyring = self.keyring or next((str(one) for one in self.knows.keyrings if one.exists()), None)
        options = f"arch={self.arch}" + (f" signed-by={keyring}" if keyring else "")
        return f"deb [{options}] {mirror} {suite} main"

    def _machines_mirror(self, suite: str) -> str:
        """The mirror of this machine's own sources that has the suites of the same kind."""
        mirrors = {kind: mirror for names, mirror in _sources() for kind in self._kinds(names)}
        wanted = self.knows.suites.get(suite, "main")
        if wanted not in mirrors:
            raise NoArchive(f"this machine's apt sources for {suite}", f"they name no {wanted} mirror of it")
        return mirrors[wanted]

    def _kinds(self, names: Iterable[str]) -> set[str]:
        return {self.knows.suites[name] for name in names if name in self.knows.suites}

    def _download(self, package: Package, folder: Path) -> Path:
        asked = f"{package.name}={package.version}"
        configuration = str(self._state(package.suite) / "apt.conf")
        command = [program("apt-get"), "-c", configuration, "-q", "download", asked]
        with tempfile.TemporaryFile("w+") as said:
            with subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, text=True) as apt:
                try:
                    self._watch(apt, package, folder)
                finally:
                    apt.kill()
            if apt.returncode != 0:
                said.seek(0)
                raise NoArchive(f"downloading {asked} from {package.suite}", _complaint(said.read()))
        return next(folder.glob(f"{package.name}_*.deb"))

    def _watch(self, apt: subprocess.Popen[str], package: Package, folder: Path) -> None:
        with self.progress.download(f"fetching {package.name} {package.version}", package.size) as update:
            while apt.poll() is None:
                update(sum(path.stat().st_size for path in folder.glob(f"{package.name}_*")))
                _wait(apt, 0.2)


def by_version(package: Package) -> Version:
    """A key that sorts packages as dpkg sorts their versions."""
    return Version(package.version)


def program(name: str) -> str:
    """The path of a program of apt's. Raises NoApt."""
    path = shutil.which(name)
    if path is None:
        raise NoApt(name)
    return path


def _configure(state: Path, place: Path, arch: str) -> None:
    (state / "apt.conf").write_text(CONFIGURATION.format(state=place, arch=arch))


def _sources() -> Iterator[tuple[list[str], str]]:
    """Each index of the machine's apt: the names its suite goes by, and its mirror."""
    form = "$(RELEASE)|$(CODENAME)|$(SUITE)|$(REPO_URI)"
    command = [program("apt-get"), "indextargets", "--format", form, "Created-By: Packages"]
    for line in _answer(command).splitlines():
        *names, mirror = line.split("|")
        yield names, mirror


def package_of(stanza: str, suite: str) -> Package:
    """The package that a stanza of a suite's index describes."""
    # Imported here: only a new index is parsed, and this module takes 50 ms to import.
    from debian.deb822 import Packages

    fields = Packages(stanza)
    return Package(
        fields["Package"],
        fields["Version"],
        suite,
        int(fields["Size"]),
        int(fields.get("Installed-Size", 0)) << 10,
        [one["name"] for alternatives in fields.relations["depends"] or () for one in alternatives],
    )


def _complaint(said: str) -> str:
    """apt's own errors out of what it said."""
    lines = (line for line in said.splitlines() if line.startswith(("E:", "W:", "Err:")))
    errors = dict.fromkeys(line.partition(" ")[2].strip() for line in lines)
    return "; ".join(errors) or said.strip()[-300:] or "it said nothing"


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _answer(command: Sequence[str]) -> str:
    done = subprocess.run([program(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoArchive(" ".join(command), _complaint(done.stderr))
    return done.stdout


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
