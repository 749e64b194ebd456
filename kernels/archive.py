"""The package archive, through an apt state of our own: its lists, sources and downloads lie in our cache.

Nothing of the machine's apt is changed. Signatures are verified by apt with the machine's own keys, and the
mirror is the one the machine's sources name, unless the user names another. What the machine lets pass
unsigned does not count.
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

from kernels.cache import Cache
from kernels.errors import NoApt, NoArchive
from kernels.package import Package, by_version
from kernels.progress import Progress
from kernels.series import FILE, SeriesTable, series_table

INDEX_SPACE = 250 << 20
"""Bytes of disk that updating the index of one suite may take."""
INDEX_AGE = 24 * 3600.0
"""Seconds after which an index is fetched again."""

CONFIGURATION = """\
#clear APT::Update;
#clear APT::Hashes;
#clear DPkg::Post-Invoke;
#clear Acquire::gpgv::Options;
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
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
"""
"""It counts over the settings of the machine's apt: whatever those let pass, nothing unsigned or weakly
hashed is taken. How old an index may be is theirs (Acquire::Check-Valid-Until): archived suites expire."""


@dataclass
class Archive:
    """The packages of an archive, suite by suite. What may fetch something needs the cache locked."""

    cache: Cache
    mirror: str | None = field(default_factory=lambda: os.environ.get("KERNELS_MIRROR") or None)
    keyring: str | None = field(default_factory=lambda: os.environ.get("KERNELS_KEYRING") or None)
    progress: Progress = field(default_factory=Progress)
    max_age: float = INDEX_AGE
    table: SeriesTable = field(default_factory=series_table)

    @cached_property
    def arch(self) -> str:
        """The machine's package architecture, such as ``amd64``."""
        return _output(["dpkg", "--print-architecture"]).strip()

    def packages(self, suite: str) -> list[Package]:
        """The packages of a suite that kernels are made of. Fetches an index older than ``max_age`` again.

        So is one from before the table was changed, for it may lack what is asked for now.

        Raises NoApt, NoArchive (unreachable, or its signature is not good), NoSpace.
        """
        index = self._index(suite)
        oldest = max(time.time() - self.max_age, FILE.stat().st_mtime)
        if not index.exists() or index.stat().st_mtime < oldest:
            self._update(suite)
        return self.cached(suite)

    def cached(self, suite: str) -> list[Package]:
        """The packages of a suite's cached index, however old; none if it was never fetched."""
        index = self._index(suite)
        return [Package(**one) for one in json.loads(index.read_text())] if index.exists() else []

    def find(self, name: str, suite: str) -> Package | None:
        """The newest version of a package in a suite. Raises what ``packages`` raises."""
        return max((one for one in self.packages(suite) if one.name == name), key=by_version, default=None)

    def unpack(self, packages: Sequence[Package], into: Path) -> None:
        """Download packages, let apt verify them, and unpack them into a folder.

        Raises NoApt, NoArchive, NoSpace.
        """
        self.cache.require_space(sum(one.size + one.installed for one in packages))
        with tempfile.TemporaryDirectory(dir=into.parent) as folder:
            for one in packages:
                deb = self._download(one, Path(folder))
                _output(["dpkg-deb", "-x", str(deb), str(into)])

    def _state(self, suite: str) -> Path:
        return self.cache.root / "apt" / suite

    def _index(self, suite: str) -> Path:
        return self._state(suite) / "index.json"

    def _update(self, suite: str) -> None:
        apt_get = program("apt-get")
        self.cache.require_space(INDEX_SPACE)
        source = self._source(suite)
        self.progress.line(f"updating the index of {suite}")
        final = self._state(suite)
        with self.cache.atomic_folder(final) as state:
            _write_state(state, source, self.arch)
            command = [apt_get, "-c", str(state / "apt.conf"), "-q", "update"]
            updated = subprocess.run(command, capture_output=True, text=True, check=False)
            if updated.returncode != 0:
                raise NoArchive(source, _apt_errors(updated.stdout + updated.stderr))
            found = list(self._read_index(state, suite))
            (state / "index.json").write_text(json.dumps([asdict(one) for one in found], indent=0))
            (state / "cache" / "packages.bin").unlink(missing_ok=True)
            _configure(state, final, self.arch)

    def _read_index(self, state: Path, suite: str) -> Iterator[Package]:
        for stanza in _output(["apt-cache", "-c", str(state / "apt.conf"), "dumpavail"]).split("\n\n"):
            name = stanza.partition("\n")[0].removeprefix("Package: ")
            # By name first: parsing all of a suite's 65 000 stanzas takes 11 s, parsing these takes 10 ms.
            if self.table.packages.fullmatch(name):
                yield Package.parse(stanza, suite)

    def _source(self, suite: str) -> str:
        mirror = self.mirror or self._configured_mirror(suite)
        keyring = self.keyring or next((str(one) for one in self.table.keyrings if one.exists()), None)
        options = f"arch={self.arch}" + (f" signed-by={keyring}" if keyring else "")
        return f"deb [{options}] {mirror} {suite} main"

    def _configured_mirror(self, suite: str) -> str:
        """The mirror in this machine's apt sources that has suites of the same kind: main or security."""
        mirrors = {kind: mirror for names, mirror in _sources() for kind in self._kinds(names)}
        wanted = self.table.suites.get(suite, "main")
        if wanted not in mirrors:
            raise NoArchive(f"this machine's apt sources for {suite}", f"none of them is a {wanted} mirror")
        return mirrors[wanted]

    def _kinds(self, names: Iterable[str]) -> set[str]:
        return {self.table.suites[name] for name in names if name in self.table.suites}

    def _download(self, package: Package, folder: Path) -> Path:
        pinned = f"{package.name}={package.version}"
        configuration = str(self._state(package.suite) / "apt.conf")
        command = [program("apt-get"), "-c", configuration, "-q", "download", pinned]
        with tempfile.TemporaryFile("w+") as output:
            with subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, text=True) as apt:
                try:
                    self._watch(apt, package, folder)
                finally:
                    apt.kill()
            if apt.returncode != 0:
                output.seek(0)
                raise NoArchive(f"downloading {pinned} from {package.suite}", _apt_errors(output.read()))
        return next(folder.glob(f"{package.name}_*.deb"))

    def _watch(self, apt: subprocess.Popen[str], package: Package, folder: Path) -> None:
        with self.progress.download(f"fetching {package.name} {package.version}", package.size) as update:
            while apt.poll() is None:
                update(sum(path.stat().st_size for path in folder.glob(f"{package.name}_*")))
                _wait(apt, 0.2)


def program(name: str) -> str:
    """The path of a program of apt's. Raises NoApt."""
    path = shutil.which(name)
    if path is None:
        raise NoApt(name)
    return path


def _write_state(state: Path, source: str, arch: str) -> None:
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(source + "\n")
    _configure(state, state, arch)


def _configure(state: Path, place: Path, arch: str) -> None:
    (state / "apt.conf").write_text(CONFIGURATION.format(state=place, arch=arch))


def _sources() -> Iterator[tuple[list[str], str]]:
    """Each index of the machine's apt: the names of its suite, and its mirror."""
    form = "$(RELEASE)|$(CODENAME)|$(SUITE)|$(REPO_URI)"
    command = [program("apt-get"), "indextargets", "--format", form, "Created-By: Packages"]
    for line in _output(command).splitlines():
        *names, mirror = line.split("|")
        yield names, mirror


def _apt_errors(output: str) -> str:
    """The errors in apt's output."""
    lines = (line for line in output.splitlines() if line.startswith(("E:", "W:", "Err:")))
    errors = dict.fromkeys(line.partition(" ")[2].strip() for line in lines)
    return "; ".join(errors) or output.strip()[-300:] or "apt printed nothing"


def _output(command: Sequence[str]) -> str:
    done = subprocess.run([program(command[0]), *command[1:]], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoArchive(" ".join(command), _apt_errors(done.stderr))
    return done.stdout


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
