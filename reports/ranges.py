"""Kernel ranges as documents state them: mainline numbers, *since* inclusive, *until* exclusive."""

from __future__ import annotations

import re
from functools import cache

from msgspec import Struct

_DEBIAN = re.compile(r"Debian (\d+\.\d+\.\d+)-")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


@cache
def version(text: str) -> tuple[int, ...]:
    """The numbers a version or a ``uname -r`` begins with: ``6.18.44-amd64`` is (6, 18, 44)."""
    found = _NUMBERS.match(text)
    if found is None:
        raise ValueError(f"{text!r} does not begin with a kernel version such as 6.12")
    return tuple(int(part) for part in found.group().split("."))


def base(release: str, build: str) -> str:
    """The stable release a kernel is made from, by ``uname -r`` and ``uname -v``.

    Debian's releases name only the series (6.1.0-49-amd64); the build has the rest (Debian 6.1.192-1).
    Raises: ValueError where that is no kernel version.
    """
    found = _DEBIAN.search(build)
    return found[1] if found else _checked(release)


def _checked(release: str) -> str:
    version(release)
    return release


class Range(Struct, frozen=True, omit_defaults=True):
    """The kernels that something holds for. An end that is None is open.

    ``backports`` names stable releases that carry the change before their series would:
    ``Range("7.1", backports=("6.18.12",))`` holds 6.18.12 and later 6.18 releases too.
    """

    since: str | None = None
    until: str | None = None
    backports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for end in (self.since, self.until, *self.backports):
            if end is not None:
                version(end)

    def __contains__(self, release: str) -> bool:
        return self._in_mainline(version(release)) or self._backported(version(release))

    def __str__(self) -> str:
        if self.since and self.until:
            return f"{self.since} to before {self.until}"
        if self.since:
            return f"since {self.since}"
        return f"before {self.until}" if self.until else "every kernel"

    def _in_mainline(self, release: tuple[int, ...]) -> bool:
        late_enough = self.since is None or release >= version(self.since)
        return late_enough and (self.until is None or release < version(self.until))

    def _backported(self, release: tuple[int, ...]) -> bool:
        stable = [version(backport) for backport in self.backports]
        return any(release[:2] == carrier[:2] and release >= carrier for carrier in stable)


EVERY_KERNEL = Range()
"""A file leaves it out."""
