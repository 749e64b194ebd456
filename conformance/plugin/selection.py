"""Which claims are tried: by id or by pattern (``--claim``, ``--claims-from``), or a part (``--sample``)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from fnmatch import translate
from pathlib import Path

import pytest

from conformance.plugin.claim import stated
from reports.errors import FileError
from reports.nearest import nearest
from reports.reading import contents

_PATTERN = re.compile(r"[*?[]")
_CLAIMS = {
    ".py": re.compile(r"""claim\(\s*["']([^"'\s]+)["']"""),
    ".toml": re.compile(r"""\nid = ["']([^"'\s]+)["']"""),
}
"""The ids of the claims of a file: each is written whole, in the first argument of a test's or in a row.

A pattern that begins with fixed text is found thirty times as fast as one that may begin in several ways.
"""


def select(items: Sequence[pytest.Item], asked: Sequence[str]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The items whose claim is asked for, and the others. The time it takes grows with their number alone."""
    return _parted(items, _wanted(_ids(items), asked).__contains__)


def unmatched(items: Sequence[pytest.Item], asked: Sequence[str]) -> list[str]:
    """A sentence for each pattern that matches no claim."""
    known = _ids(items)
    return [_unknown(one, known) for one in asked if not _wanted(known, [one])]


def asked_for(config: pytest.Config) -> list[str]:
    """The patterns of both options. Raises: UsageError for a file that cannot be read, or names no claim."""
    listed = [line for path in config.getoption("--claims-from") for line in _lines(path)]
    return [*config.getoption("--claim"), *listed]


def files_with(asked: Sequence[str], files: Iterable[Path]) -> frozenset[Path] | None:
    """Those of the files that name a claim that is asked for: to collect all others would take seconds.

    None where that is not known: nothing is asked for, or what no file names.
    """
    if not asked:
        return None
    patterns = {one for one in asked if _PATTERN.search(one)}
    unseen = set(asked)
    having = set()
    for file in files:
        claims = dict.fromkeys(_CLAIMS[file.suffix].findall(file.read_text("utf-8", "replace")))
        named = (set(asked) & claims.keys()) | {one for one in patterns if _wanted(claims, [one])}
        if named:
            unseen -= named
            having.add(file)
    return None if unseen else frozenset(having)


def part(text: str) -> tuple[int, int]:
    """``3/10``: the third of ten parts; ``day/10``: the day's."""
    which, whole = text.split("/")
    parts = int(whole)
    number = date.today().toordinal() % max(parts, 1) + 1 if which == "day" else int(which)
    if not 1 <= number <= parts:
        raise ValueError(f"{text} is no part of a whole")
    return number, parts


def sampled(
    items: Sequence[pytest.Item], number: int, parts: int
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The items of one of so many parts of the claims, and the others: a claim is always in the same part."""
    return _parted(items, lambda claim: zlib.crc32(claim.encode()) % parts == number - 1)


def _parted(
    items: Sequence[pytest.Item], wanted: Callable[[str], bool]
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        marked = stated(item)
        (chosen if marked and wanted(marked.claim.id) else others).append(item)
    return chosen, others


def _lines(path: Path) -> list[str]:
    try:
        names = contents(path, "the file").decode().split()
    except FileError as error:
        raise pytest.UsageError(f"--claims-from {error}") from error
    except UnicodeDecodeError as error:
        raise pytest.UsageError(f"--claims-from {FileError(str(error), path)}") from error
    if not names:  # all claims would be tried, as if nothing had been asked for
        raise pytest.UsageError(f"--claims-from {FileError('the file names no claim', path)}")
    return names


def _ids(items: Sequence[pytest.Item]) -> dict[str, None]:
    return dict.fromkeys(marked.claim.id for item in items if (marked := stated(item)))


def _wanted(known: dict[str, None], asked: Sequence[str]) -> set[str]:
    wanted: set[str] = set()
    for one in asked:
        if one in known:
            wanted.add(one)
        elif _PATTERN.search(one):
            wanted.update(filter(re.compile(translate(one)).match, known))
    return wanted


def _near(pattern: str, known: Iterable[str]) -> list[str]:
    """The closest ids, or topics where a pattern was meant."""
    if "*" in pattern:
        known = dict.fromkeys(f"{one.rpartition('/')[0]}/*" for one in known)
    return nearest(pattern, known)


def _unknown(pattern: str, known: dict[str, None]) -> str:
    near = _near(pattern, known)
    hint = (
        "did you mean " + " or ".join(near) + "?" if near else "'*' matches any part: 'socket.7/SO_RCVBUF/*'"
    )
    return f"--claim {pattern!r} matches none of the {len(known)} claims collected; {hint}"
