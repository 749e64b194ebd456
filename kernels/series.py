"""The series of kernels that can be fetched, read from ``series.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("series.toml")


@dataclass(frozen=True)
class Series:
    """Where the packages of one series are."""

    backend: str
    number: str
    suites: tuple[str, ...]
    package: str
    """Pattern of the whole package name."""
    version: str
    """Pattern of the start of the package's version."""

    @property
    def name(self) -> str:
        return f"{self.backend}:{self.number}"

    def matches(self, package: str, version: str, arch: str) -> bool:
        """Whether a package, of this version and architecture, is a kernel of the series."""
        named = self._pattern(self.package, arch).fullmatch(package)
        return bool(named and self._pattern(self.version, arch).match(version))

    def _pattern(self, text: str, arch: str) -> re.Pattern[str]:
        number, _, flavour = self.number.partition("-")
        words = {"{series}": number, "{flavour}": f"{flavour}-" if flavour else "", "{arch}": arch}
        for place, word in words.items():
            text = text.replace(place, re.escape(word))
        return re.compile(text)


@dataclass(frozen=True)
class SeriesTable:
    """The content of ``series.toml``, where each entry is explained."""

    keyrings: tuple[Path, ...]
    packages: re.Pattern[str]
    series: tuple[Series, ...]
    source_package: str
    """The name of the package with the source of a {series}."""
    sources: Mapping[str, tuple[str, ...]]
    """The suites that may have the source of a series, by its number."""
    tools: tuple[str, ...]
    tools_suite: str

    @property
    def suites(self) -> tuple[str, ...]:
        """Every suite that something may come from."""
        named = (*(one.suites for one in self.series), *self.sources.values(), (self.tools_suite,))
        return tuple(dict.fromkeys(suite for suites in named for suite in suites))

    def of(self, backend: str) -> tuple[Series, ...]:
        """The series of one backend, oldest first."""
        return tuple(one for one in self.series if one.backend == backend)


@cache
def series_table() -> SeriesTable:
    """Read the table."""
    content = tomllib.loads(FILE.read_text())
    archive = content.pop("archive")
    sources = content.pop("sources")
    tools = content.pop("tools")
    return SeriesTable(
        keyrings=tuple(Path(keyring) for keyring in archive["keyrings"]),
        packages=re.compile(archive["packages"]),
        series=tuple(one for backend, table in content.items() for one in _series(backend, table)),
        source_package=sources["package"],
        sources={number: tuple(suites) for number, suites in sources["series"].items()},
        tools=tuple(tools["packages"]),
        tools_suite=tools["suite"],
    )


def _series(backend: str, table: Mapping[str, str | Mapping[str, Sequence[str]]]) -> list[Series]:
    suites, package, version = table["series"], table["package"], table["version"]
    if isinstance(suites, str) or not isinstance(package, str) or not isinstance(version, str):
        raise ValueError(f"[{backend}] in {FILE.name} needs a package, a version and a table of series")
    return [Series(backend, number, tuple(names), package, version) for number, names in suites.items()]
