"""Mirrors of package archives: those that this machine's apt fetches from, with the keys it trusts for each.

apt reads its own sources, in either form and whatever the state of its lists. It tells all but the options of
an entry, and in which entry it read what; those are read from there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kernels import apt
from kernels.errors import NoKeyring, NoSource

OPTIONS = ("Signed-By", "Check-Valid-Until", "Check-Date")
"""The options of an entry that count for every suite of its mirror: the keys, and how old an index may be."""

_QUESTION = (
    *("apt-get", "indextargets", "--no-release-info"),
    *("--format", "$(SOURCESENTRY)|$(RELEASE)|$(REPO_URI)"),
    # Nothing of what the machine has fetched is looked at: it may be nothing.
    *("-o", "Dir::State::Lists=/dev/null", "-o", "Dir::State::status=/dev/null"),
    *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
    *("Created-By: Packages", "Component: main"),
)


@dataclass(frozen=True)
class Mirror:
    """Where packages are fetched from."""

    uri: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Those of ``OPTIONS`` that are set, as deb822 writes them."""
    security: bool = False
    """Whether its suites are those of security updates."""

    def __str__(self) -> str:
        """Its address, without a password."""
        return re.sub(r"//[^/@]*@", "//", self.uri)

    def signed_by(self, keyring: str) -> Mirror:
        """The same, verified with the keys of a file."""
        return replace(self, options={**self.options, "Signed-By": keyring})

    def entry(self, suite: str, arch: str) -> str:
        """The entry of a deb822 file of sources for a suite. Raises NoKeyring."""
        for keyring in self._keyrings():
            if not os.access(keyring, os.R_OK):
                raise NoKeyring(keyring, str(self))
        fields = {
            "Types": "deb",
            "URIs": self.uri,
            "Suites": suite,
            "Components": "main",
            "Architectures": arch,
            "Targets": "Packages",
            **self.options,
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())

    def _keyrings(self) -> list[str]:
        """The files that its keys are in; they may also be in the entry, or named by their fingerprints."""
        keys = self.options.get("Signed-By", "")
        embedded = keys.lstrip().startswith("-----BEGIN")
        return [] if embedded else [key for key in re.split(r"[\s,]+", keys) if key.startswith("/")]


def is_security(suite: str) -> bool:
    """Whether a suite is one of security updates, which distributions keep on a mirror of their own."""
    return suite.endswith(("-security", "/updates"))


def of_machine(arch: str) -> list[Mirror]:
    """The mirrors of this machine's apt that have packages of an architecture. Raises NoApt, NoSource."""
    asked = apt.run([*_QUESTION, f"Architecture: {arch}"])
    said = apt.complaints(asked.stderr)
    if asked.returncode != 0:
        raise NoSource(f"this machine's apt sources cannot be read: {said}")
    mirrors: list[Mirror] = []
    for mirror in _mirrors(asked.stdout):
        if mirror not in mirrors:
            mirrors.append(mirror)
    if not mirrors:
        none = f"this machine's apt sources name none with packages of the component main for {arch}"
        raise NoSource(f"{none} ({said})" if said else none)
    return mirrors


def _mirrors(listed: str) -> Iterator[Mirror]:
    for line in dict.fromkeys(listed.splitlines()):
        entry, suite, uri = line.split("|")
        if not uri.startswith("cdrom:"):
            file, _, number = entry.rpartition(":")
            yield Mirror(uri, _options(Path(file), int(number)), is_security(suite))


def _options(file: Path, number: int) -> dict[str, str]:
    """The options of an entry: of the so-manieth stanza of a deb822 file, or line of another."""
    text = file.read_text(errors="replace")
    if file.suffix == ".sources":
        # Imported here: only a new index is fetched, and this module takes 50 ms to import.
        from debian.deb822 import Deb822

        # Its keys are equal whatever their case.
        found: Mapping[str, str] = list(Deb822.iter_paragraphs(text, use_apt_pkg=False))[number - 1]
        return {name: found[name] for name in OPTIONS if name in found}
    bracketed = re.match(r"\s*deb\s+\[([^]]*)\]", text.splitlines()[number - 1])
    pairs = (option.partition("=") for option in (bracketed[1].split() if bracketed else ()))
    given = {name.lower(): value for name, _, value in pairs}
    return {name: given[name.lower()] for name in OPTIONS if name.lower() in given}
