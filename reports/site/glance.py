"""What a person sees of a claim at a glance: changes that one commit made, tables of values, short texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reports.model import Value
from reports.site.facts import Fact, Turn

_FIRST: Final = "1da177e4c3f4"
"""Of the history in git; what is older has it in common and nothing else."""
_OLDER: Final = re.compile(r"(?: \(|; )older than the history in git\)?$")
_OF_ROW: Final = re.compile(r"(.+?)\[(.+)\]")


def by_commit(turns: Sequence[tuple[Fact, Turn]]) -> list[tuple[Turn, list[Fact]]]:
    """Changes that one commit made together: the newest, for the reason that most of them give, and whose.

    Where a commit was backported, a claim may turn several times from series to series.
    """
    found: dict[str, list[tuple[Fact, Turn]]] = {}
    for fact, turn in turns:
        found.setdefault(_cause(turn) or fact.claim.id, []).append((fact, turn))
    return [
        (_commonest([turn for _, turn in group]), list({fact.claim.id: fact for fact, _ in group}.values()))
        for group in found.values()
    ]


def _cause(turn: Turn) -> str | None:
    if turn.why is None:
        return None
    return turn.why.why if turn.why.commit == _FIRST else turn.why.commit


def _commonest(turns: Sequence[Turn]) -> Turn:
    reasons = Counter(turn.why.why for turn in turns if turn.why)
    return max(turns, key=lambda turn: reasons[turn.why.why] if turn.why else 0)


def instead(why: str) -> str:
    """What is true instead, without that it has always been so: a claim's own page says that."""
    return _OLDER.sub("", why)


@dataclass(frozen=True)
class Table:
    """Values of a test's rows, ``errno[udp]``, as rows; the others by themselves."""

    single: dict[str, Value] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    rows: dict[str, dict[str, Value]] = field(default_factory=dict)


def table(observations: Mapping[str, Value]) -> Table:
    found = Table()
    for name, value in observations.items():
        of_row = _OF_ROW.fullmatch(name)
        if of_row is None:
            found.single[name] = value
        else:
            found.names[of_row[1]] = None
            found.rows.setdefault(of_row[2], {})[of_row[1]] = value
    return found
