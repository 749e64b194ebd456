"""What a person reads at the end: who notices what, what nobody does, and which claims notice nothing."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from reports.errors import FileError
from reports.reading import contents
from tools.mutants.patches import KINDS, Mutant
from tools.mutants.results import End, Result

_SHOWN: Final = 3


def read_explained(path: Path) -> dict[str, str]:
    """Why mutants survive, by name: the sentences of ``explained.toml``. Raises: FileError."""
    if not path.exists():
        return {}
    try:
        tables = tomllib.loads(contents(path, "the explanations").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError(f"this is no TOML: {error}", path) from error
    found: dict[str, str] = {}
    for name, entry in tables.items():
        why = entry.get("why") if isinstance(entry, dict) else None
        if not isinstance(why, str) or not why.strip():
            raise FileError(
                f"[{name}] has no 'why': say why it is equivalent, or which claim is to come", path
            )
        found[name] = why
    return found


def unexplained(results: Iterable[Result], explained: Mapping[str, str]) -> list[Result]:
    """The survivors that nobody has accounted for."""
    return [one for one in results if one.end is End.SURVIVED and one.mutant not in explained]


def table(
    mutants: Sequence[Mutant], results: Sequence[Result], explained: Mapping[str, str]
) -> Iterator[str]:
    """The lines of the report."""
    by_name = {one.name: one for one in mutants}
    for one in results:
        yield f"{one.mutant:<52} {_fate(one, explained)}".rstrip()
    yield from _survivors(results, by_name, explained)
    yield from _untried(results)
    yield from _idle(results)
    yield ""
    yield from _counts(mutants, results)
    for name in explained:
        if name not in by_name:
            yield f"explained.toml names {name}, which is no mutant"
    for one in results:
        if one.killed and one.mutant in explained:
            yield f"explained.toml explains {one.mutant}, which is killed: take it out"


def summary(one: Result) -> str:
    """What became of a mutant, in a line."""
    if one.end is End.KILLED:
        more = f" and {len(one.killers) - _SHOWN} more" if len(one.killers) > _SHOWN else ""
        return f"killed by {', '.join(one.killers[:_SHOWN])}{more}"
    if one.end is End.SURVIVED:
        return f"survived {len(one.tried)} claims"
    return str(one.end.value)


def _fate(one: Result, explained: Mapping[str, str]) -> str:
    why = explained.get(one.mutant, "")
    return f"{summary(one)} ({why})" if one.end is End.SURVIVED and why else summary(one)


def _survivors(
    results: Sequence[Result], mutants: Mapping[str, Mutant], explained: Mapping[str, str]
) -> Iterator[str]:
    if left := unexplained(results, explained):
        yield ""
        yield "Survivors that nobody has explained: each is to become a claim, or a line of explained.toml"
        for one in left:
            yield f"  {one.mutant}: {mutants[one.mutant].subject}"


def _untried(results: Sequence[Result]) -> Iterator[str]:
    if left := [one for one in results if one.end is End.UNTRIED]:
        yield ""
        yield "Not built, or not asked"
        for one in left:
            yield f"  {one.mutant}"
            yield from (f"      {line}" for line in one.said.splitlines())


def _idle(results: Sequence[Result]) -> Iterator[str]:
    asked = Counter(claim for one in results for claim in one.tried)
    idle = sorted(asked.keys() - {claim for one in results for claim in one.killers})
    if idle:
        yield ""
        yield f"Claims that kill none of the mutants that they were asked of ({len(idle)} of {len(asked)})"
        for claim in idle:
            yield f"  {claim} ({asked[claim]})"


def _counts(mutants: Sequence[Mutant], results: Sequence[Result]) -> Iterator[str]:
    by_name = {one.mutant: one for one in results}
    for kind in KINDS:
        of_kind = [by_name[one.name] for one in mutants if one.kind == kind and one.name in by_name]
        if of_kind:
            yield f"{kind:<12} {sum(one.killed for one in of_kind):>4} of {len(of_kind)} killed"
    built = [one for one in results if one.end is not End.UNTRIED]
    killed = sum(one.killed for one in built)
    share = f", {killed / len(built):.1%}" if built else ""
    tried = f"{len(results)} of {len(mutants)} mutants tried"
    yield f"{tried}; {killed} of {len(built)} that could be asked are killed{share}"
