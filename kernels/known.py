"""The one list of known kernels, read from ``known.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("known.toml")


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

    def fits(self, package: str, version: str, arch: str) -> bool:
        named = self._pattern(self.package, arch).fullmatch(package)
        return bool(named and self._pattern(self.version, arch).match(version))

    def _pattern(self, text: str, arch: str) -> re.Pattern[str]:
        return re.compile(text.replace("{series}", re.escape(self.number)).replace("{arch}", re.escape(arch)))


@dataclass(frozen=True)
class Known:
    """Everything the list says."""

    keyrings: tuple[Path, ...]
    remembered: re.Pattern[str]
    suites: Mapping[str, str]
    series: tuple[Series, ...]
    tools: tuple[str, ...]
    tools_suite: str

    def of(self, backend: str) -> tuple[Series, ...]:
        """The series of one backend, oldest first."""
        return tuple(one for one in self.series if one.backend == backend)


@cache
def known(source: Path = LIST) -> Known:
    """Read the list."""
    told = tomllib.loads(source.read_text())
    archive = told.pop("archive")
    tools = told.pop("tools")
    return Known(
        keyrings=tuple(Path(keyring) for keyring in archive["keyrings"]),
        remembered=re.compile(archive["remembered"]),
        suites=archive["suites"],
        series=tuple(one for backend, table in told.items() for one in _series(backend, table)),
        tools=tuple(tools["packages"]),
        tools_suite=tools["suite"],
    )


def _series(backend: str, table: Mapping[str, str | Mapping[str, Sequence[str]]]) -> list[Series]:
    places, package, version = table["series"], table["package"], table["version"]
    if isinstance(places, str) or not isinstance(package, str) or not isinstance(version, str):
        raise ValueError(f"[{backend}] in {LIST.name} needs a package, a version and a table of series")
    return [Series(backend, number, tuple(suites), package, version) for number, suites in places.items()]
