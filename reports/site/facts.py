"""What the rows of the matrix come to: per series, on the newest kernel, and where they changed."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Final

import msgspec

from reports.matrix import Cell, Row, changed
from reports.model import LINUX, Claim, Expectation, Run, Value, Verdict
from reports.ranges import version
from reports.wording import column

GLYPHS: Final = {"HOLDS": "h", "DIFFERS": "d", "UNCLAIMED": "u", "BLOCKED": "b", "BROKEN": "x"}
"""A letter for each verdict, as scripts get them; what was not asked or not answered is ``-``."""

WORDS: Final = {letter: word.lower() for word, letter in GLYPHS.items()} | {"-": "not asked"}

FAMILIES: Final = {
    "TCP": r"\bTCP(?:_\w+)?\b|\btcp6?(?:_pair)?\b",
    "UDP": r"\bUDP\b(?!-Lite)|\bUDP_\w+|\budp6?(?:_pair)?\b",
    "UDP-Lite": r"UDP-Lite|\bUDPLITE_\w+|\budplite6?\b",
    "MPTCP": r"MPTCP|\bmptcp\b",
    "UNIX": r"UNIX|\bunix(?:_\w+)?\b",
    "raw": r"\braw6?\b",
    "ping": r"\b[Pp]ing socket",
    "IPv4": r"IPv4|\bIP_\w+|\bAF_INET\b",
    "IPv6": r"IPv6|IPV6|\b(?:ipv|tcp|udp|raw)6\b|\bAF_INET6\b",
    "netlink": r"[Nn]etlink",
    "packet": r"\b(?<!-)[Pp]acket socket|\bPACKET_\w+|\bAF_PACKET\b",
    "vsock": r"vsock|VSOCK",
}
"""Families and types by the words of claims, their ids and the cases of their tests that name them."""

CALLS: Final = (
    *("socket", "socketpair", "bind", "listen", "accept", "connect"),
    *("send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg"),
    *("getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown", "close"),
)
"""As a program makes them; pages and topics are named after them."""

_WORDS = {name: re.compile(pattern) for name, pattern in FAMILIES.items()}
_ERRNO = re.compile(r"\bE[A-Z0-9]{2,}\b")
_OPTION = re.compile(r"[A-Z0-9]+_[A-Z0-9_]+")
_REFUSAL = re.compile(r"\b(?:fails?|refuse[sd]?|cannot)\b")
_CASE = re.compile(r"\[(.*)\]$")

_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True)
class Column:
    """The runs of one series of Linux, or of another implementation."""

    label: str
    """``6.12``, ``gVisor``"""
    linux: bool
    places: tuple[int, ...]
    """Which of the matrix's runs."""


def columns(runs: Sequence[Run]) -> list[Column]:
    """Linux's series, oldest first, then other implementations."""
    found: dict[tuple[str, bool], list[int]] = {}
    for place, run in enumerate(runs):
        found.setdefault((label(run), is_linux(run)), []).append(place)
    return [Column(name, linux, tuple(places)) for (name, linux), places in found.items()]


def is_linux(run: Run) -> bool:
    return run.header.implementation == LINUX


def label(run: Run) -> str:
    """A series of Linux, or another implementation's name."""
    return ".".join(map(str, version(run.header.base)[:2])) if is_linux(run) else run.header.implementation


def kernel_name(run: Run) -> str:
    """``6.12.94``, ``gVisor 20240729.0``: the release that a person asks for."""
    return ".".join(map(str, version(run.header.base))) if is_linux(run) else column(run)


class Seen(msgspec.Struct, frozen=True):
    """What some kernels answered alike."""

    cells: list[Cell]
    word: str
    note: str
    observations: Mapping[str, Value]
    moved: frozenset[str]
    """Names whose values are not those of the group before."""

    @property
    def runs(self) -> list[Run]:
        return [cell.run for cell in self.cells]

    @property
    def unexpected(self) -> bool:
        return any(cell.unexpected for cell in self.cells)


class Turn(msgspec.Struct, frozen=True):
    """From one kernel of Linux to the next that answered, another verdict."""

    before: Cell
    after: Cell
    why: Expectation | None
    """The declared difference that comes or goes with it."""


@dataclass(frozen=True)
class Fact:
    """A row of the matrix, and what it comes to."""

    row: Row

    @property
    def claim(self) -> Claim:
        return self.row.claim

    @cached_property
    def answered(self) -> list[Cell]:
        """The cells of Linux that say something of the kernel, oldest first."""
        telling = (Verdict.HOLDS, Verdict.DIFFERS)
        return [cell for cell in self.row.cells if is_linux(cell.run) and cell.verdict in telling]

    @property
    def newest(self) -> Cell | None:
        return self.answered[-1] if self.answered else None

    @property
    def wrong(self) -> bool:
        """Whether the document is wrong of the newest kernel that answered."""
        return self.newest is not None and self.newest.verdict is Verdict.DIFFERS

    @property
    def documented(self) -> bool:
        return self.claim.page != "defacto"

    @cached_property
    def turns(self) -> list[Turn]:
        """Where Linux's verdict became another; that of one release in two configurations is none."""
        return [
            Turn(before, after, after.declared or before.declared)
            for before, after in pairwise(self.answered)
            if before.verdict is not after.verdict and kernel_name(before.run) != kernel_name(after.run)
        ]

    @cached_property
    def seen(self) -> list[Seen]:
        """The cells that were asked, those alike together."""
        groups: list[list[Cell]] = []
        by_key: dict[tuple[bool, str, str, bytes], list[Cell]] = {}
        for cell in self.row.cells:
            if not cell.asked:
                continue
            key = (is_linux(cell.run), cell.word, cell.note, _encode(cell.observations))
            if key not in by_key:
                groups.append(by_key.setdefault(key, []))
            by_key[key].append(cell)
        found: list[Seen] = []
        for cells in groups:
            values = cells[0].observations
            before = found[-1].observations if found else values
            moved = frozenset(changed(before, values)) if before and values else frozenset()
            found.append(Seen(cells, cells[0].word, cells[0].note, values, moved))
        return found

    @cached_property
    def spans(self) -> list[tuple[str, str]]:
        """The verdicts of Linux's kernels in short: ``("HOLDS", "5.10 to 6.12"), ("DIFFERS", "6.16")``.

        Of a series whose releases disagree the releases are named.
        """
        words: dict[str, set[str]] = {}
        for cell in self.answered:
            words.setdefault(label(cell.run), set()).add(cell.word)
        split = {series for series, said in words.items() if len(said) > 1}
        return [
            (
                word,
                span(
                    [kernel_name(cell.run) if (name := label(cell.run)) in split else name for cell in cells]
                ),
            )
            for word, cells in groupby(self.answered, key=lambda cell: cell.word)
        ]

    def letters(self, columns: Sequence[Column]) -> str:
        """For each column the letters of its verdicts, each once; columns parted by blanks."""
        return " ".join(map(self._letters, columns))

    def _letters(self, column: Column) -> str:
        words = dict.fromkeys(GLYPHS.get(self.row.cells[place].word, "-") for place in column.places)
        telling = [one for one in words if one not in "b-u"] or [one for one in words if one != "-"]
        return "".join(telling) or "-"

    @cached_property
    def families(self) -> list[str]:
        cases = (found[1] for name in self.row.observed if (found := _CASE.search(name)))
        text = " ".join((self.claim.says, self.claim.id, *cases))
        return [name for name, pattern in _WORDS.items() if pattern.search(text)]

    @cached_property
    def errnos(self) -> list[str]:
        """The errnos that the claim names; where it says that something fails and names none, those met."""
        named = dict.fromkeys(_ERRNO.findall(f"{self.claim.topic} {self.claim.says}"))
        met = dict.fromkeys(self._met()) if _REFUSAL.search(self.claim.says) else {}
        return [one for one in named if hasattr(errno, one)] or list(met)

    def _met(self) -> Iterator[str]:
        for cell in self.answered:
            for name, value in cell.observations.items():
                if _CASE.sub("", name) == "errno" and isinstance(value, str) and hasattr(errno, value):
                    yield value

    @property
    def place(self) -> tuple[int, str]:
        """Where errors are looked for: by call, by option, else by topic; the number is for their order."""
        names = self.claim.topic, self.claim.page.partition(".")[0]
        for name in names:
            if name in CALLS:
                return CALLS.index(name), f"{name}(2)"
            if _OPTION.fullmatch(name):
                return len(CALLS), name
        words = [self.claim.page, *(one for one in names[:1] if not hasattr(errno, one))]
        return len(CALLS) + 1, " ".join(words)


def span(labels: Iterable[str]) -> str:
    """``5.10 to 6.12``"""
    first, *more = dict.fromkeys(labels)
    return f"{first} to {more[-1]}" if more else first


def worst_first(facts: Sequence[Fact]) -> list[Fact]:
    """The same, what is not so on the newest kernel first, and of that what is not so in most series."""
    return sorted(facts, key=lambda fact: (not fact.wrong, -len(set(map(label, _differing(fact))))))


def _differing(fact: Fact) -> Iterator[Run]:
    return (cell.run for cell in fact.answered if cell.verdict is Verdict.DIFFERS)


def newest_turns(facts: Sequence[Fact]) -> list[tuple[Fact, Turn]]:
    """Changes between kernels, the newest first."""
    found = [(fact, turn) for fact in facts for turn in fact.turns]
    return sorted(found, key=lambda one: version(one[1].after.run.header.base), reverse=True)
