"""The package archive, through an apt state of our own: its lists, sources and downloads lie in our cache.

Nothing of the machine's apt is changed. Mirrors and their keys are those of the machine's sources, unless the
user names others, and apt verifies the signatures. What the machine lets pass unsigned does not count.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from kernels import apt, mirrors
from kernels.cache import Cache
from kernels.errors import Expired, Inconsistent, NoArchive, NoSuite, NotVerified, Unreachable
from kernels.mirrors import Mirror
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
Dir::Etc::SourceList "{state}/archive.sources";
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


FAILURES: tuple[tuple[str, type[NoArchive]], ...] = (
    ("does not have a Release file", NoSuite),
    ("Release file for .* is (expired|not valid yet)", Expired),
    ("GPG error|OpenPGP", NotVerified),
    ("Failed to fetch .*(404|File not found|Hash Sum mismatch|unexpected size)", Inconsistent),
    ("Failed to fetch", Unreachable),
    ("is not signed", NotVerified),
)
"""What apt says, and what it means: the first that fits. What it cannot reach apt also calls unsigned."""


@dataclass
class Archive:
    """The packages of an archive, suite by suite. What may fetch something needs the cache locked."""

    cache: Cache
    mirror: str | None = field(default_factory=lambda: os.environ.get("KERNELS_MIRROR") or None)
    keyring: str | None = field(default_factory=lambda: os.environ.get("KERNELS_KEYRING") or None)
    progress: Progress = field(default_factory=Progress)
    max_age: float = INDEX_AGE
    table: SeriesTable = field(default_factory=series_table)

    _lacking: dict[str, str] = field(default_factory=dict, init=False)
    """The suites that no mirror has, as far as was asked, and who was."""

    @cached_property
    def arch(self) -> str:
        """The machine's package architecture, such as ``amd64``."""
        return apt.output(["dpkg", "--print-architecture"]).strip()

    def packages(self, *suites: str) -> list[Package]:
        """The packages of suites that kernels are made of. Fetches an index older than ``max_age`` again.

        So is one from before the table was changed, for it may lack what is asked for now. A suite that no
        mirror has is named once and passed over, unless there is no other.

        Raises NoApt, NoArchive and what is derived of it, NoSpace.
        """
        known = set(self._lacking)
        there = [suite for suite in suites if self._refresh(suite)]
        lacking = {suite: self._lacking[suite] for suite in suites if suite not in there}
        if not there:
            raise NoSuite("; ".join(lacking.values()))
        for suite in lacking.keys() - known:
            self.progress.line(f"{lacking[suite]}; going on without it")
        return self.cached(*there)

    def cached(self, *suites: str) -> list[Package]:
        """The packages of cached indexes, however old; none of a suite that was never fetched."""
        indexes = [index for index in map(self._index, suites) if index.exists()]
        return [Package(**one) for index in indexes for one in json.loads(index.read_text())]

    def find(self, name: str, *suites: str) -> Package | None:
        """The newest version of a package in suites. Raises what ``packages`` raises."""
        return max((one for one in self.packages(*suites) if one.name == name), key=by_version, default=None)

    def unpack(self, packages: Sequence[Package], into: Path) -> None:
        """Download packages, let apt verify them, and unpack them into a folder.

        Raises NoApt, NoArchive, NoSpace.
        """
        self.cache.require_space(sum(one.size + one.installed for one in packages))
        with tempfile.TemporaryDirectory(dir=into.parent) as folder:
            for one in packages:
                deb = self._download(one, Path(folder))
                apt.output(["dpkg-deb", "-x", str(deb), str(into)])

    def _state(self, suite: str) -> Path:
        return self.cache.root / "apt" / suite

    def _index(self, suite: str) -> Path:
        return self._state(suite) / "index.json"

    def _refresh(self, suite: str) -> bool:
        """Fetch a suite's index if it is too old. Returns whether there is one."""
        index = self._index(suite)
        oldest = max(time.time() - self.max_age, FILE.stat().st_mtime)
        if suite not in self._lacking and (not index.exists() or index.stat().st_mtime < oldest):
            try:
                self._update(suite)
            except NoSuite as error:
                self._lacking[suite] = error.why
        return suite not in self._lacking

    def _update(self, suite: str) -> None:
        """Fetch a suite's index from the first mirror that has it."""
        self.cache.require_space(INDEX_SPACE)
        lacking: list[str] = []
        failures: list[NoArchive] = []
        for mirror in self._mirrors(suite):
            try:
                return self._fetch_index(suite, mirror)
            except NoSuite:
                lacking.append(str(mirror))
            except NoArchive as error:
                failures.append(error)
        raise failures[0] if failures else NoSuite(f"{suite} is not to be had from {', '.join(lacking)}")

    def _mirrors(self, suite: str) -> list[Mirror]:
        """Where to look for a suite: in mirrors of the same kind, if there are such."""
        if self.mirror:
            keyring = self.keyring or next((one for one in self.table.keyrings if os.path.exists(one)), None)
            named = Mirror(self.mirror)
            return [named.signed_by(os.path.abspath(keyring)) if keyring else named]
        every = mirrors.of_machine(self.arch)
        found = [one for one in every if one.security == mirrors.is_security(suite)] or every
        return [one.signed_by(os.path.abspath(self.keyring)) for one in found] if self.keyring else found

    def _fetch_index(self, suite: str, mirror: Mirror) -> None:
        entry = mirror.entry(suite, self.arch)
        final, text = self._state(suite), f"updating the index of {suite} from {mirror}"
        with self.progress.work(text), self.cache.atomic_folder(final) as state:
            _write_state(state, entry, self.arch)
            updated = apt.run(["apt-get", "-c", str(state / "apt.conf"), "-q", "update"])
            if updated.returncode != 0:
                raise _failure(f"{suite} from {mirror}", updated.stderr)
            found = list(self._read_index(state, suite))
            if not found:
                raise NoSuite(f"{suite} from {mirror} has nothing that kernels are made of")
            (state / "index.json").write_text(json.dumps([asdict(one) for one in found], indent=0))
            (state / "cache" / "packages.bin").unlink(missing_ok=True)
            _configure(state, final, self.arch)

    def _read_index(self, state: Path, suite: str) -> Iterator[Package]:
        for stanza in apt.output(["apt-cache", "-c", str(state / "apt.conf"), "dumpavail"]).split("\n\n"):
            name = stanza.partition("\n")[0].removeprefix("Package: ")
            # By name first: parsing all of a suite's 65 000 stanzas takes 11 s, parsing these takes 10 ms.
            if self.table.packages.fullmatch(name):
                yield Package.parse(stanza, suite)

    def _download(self, package: Package, folder: Path) -> Path:
        pinned = f"{package.name}={package.version}"
        configuration = str(self._state(package.suite) / "apt.conf")
        command = [apt.program("apt-get"), "-c", configuration, "-q", "download", pinned]
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            with subprocess.Popen(
                command, cwd=folder, env=apt.environ(), stdout=output, stderr=output, text=True
            ) as running:
                try:
                    self._watch(running, package, folder)
                finally:
                    running.kill()
            if running.returncode != 0:
                output.seek(0)
                raise _failure(f"{pinned} from {package.suite}", output.read())
        return next(folder.glob(f"{package.name}_*.deb"))

    def _watch(self, running: subprocess.Popen[str], package: Package, folder: Path) -> None:
        with self.progress.download(f"fetching {package.name} {package.version}", package.size) as update:
            while running.poll() is None:
                update(sum(path.stat().st_size for path in folder.glob(f"{package.name}_*")))
                _wait(running, 0.2)


def _failure(wanted: str, printed: str) -> NoArchive:
    """Why apt could not get what was wanted, by what it printed."""
    said = apt.complaints(printed) or printed.strip()[-300:] or "apt printed nothing"
    kind = next((kind for pattern, kind in FAILURES if re.search(pattern, said)), NoArchive)
    return kind(f"{wanted}: {said}")


def _write_state(state: Path, entry: str, arch: str) -> None:
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    sources = state / "archive.sources"
    sources.touch(0o600)
    sources.write_text(entry)
    _configure(state, state, arch)


def _configure(state: Path, place: Path, arch: str) -> None:
    (state / "apt.conf").write_text(CONFIGURATION.format(state=place, arch=arch))


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
