"""Packages, as the index of a suite describes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from debian.debian_support import Version


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

    @classmethod
    def parse(cls, stanza: str, suite: str) -> Package:
        """The package that a stanza of a suite's index describes."""
        # Imported here: only a new index is parsed, and this module takes 50 ms to import.
        from debian.deb822 import Packages

        fields = Packages(stanza)
        return cls(
            fields["Package"],
            fields["Version"],
            suite,
            int(fields["Size"]),
            int(fields.get("Installed-Size", 0)) << 10,
            [one["name"] for alternatives in fields.relations["depends"] or () for one in alternatives],
        )


def by_version(package: Package) -> Version:
    """A key that sorts packages as dpkg sorts their versions."""
    return Version(package.version)
