"""Which claims may notice a mutant, the likeliest first.

Where it is known which claims run a line (``make kernel-coverage``), it is those that run a line that the
mutant changes, and then those that are nearest to it of the newer ones and of all. Elsewhere it is first
those that name the options and flags that the patch names, or are worded like what it says of itself; then
those of the family of sockets that the file is about; then all.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Final

from reports.catalogue import Catalogue
from reports.coverage.model import Coverage
from reports.coverage.store import read
from reports.model import Claim
from tools.mutants.patches import Mutant

SCOPES: Final = ("near", "family", "all")
"""How far to look: claims that name what the patch names, those of the family as well, all."""

_FAMILIES: Final = {
    "net/unix/": r"unix",
    "net/netlink/": r"netlink",
    "net/packet/": r"packet",
    "net/ipv6/": r"ipv6|inet6|v6",
    "net/ipv4/tcp": r"tcp",
    "net/ipv4/inet_connection_sock": r"tcp|listen|accept|connect|bind",
    "net/ipv4/udp": r"udp",
    "net/ipv4/raw": r"raw",
    "net/ipv4/": r"ip",
    "net/core/scm": r"unix|netlink",
    "net/core/filter": r"filter|bpf",
}
_NAMED: Final = re.compile(
    r"\b(?:SO|SOL|SOF|SCM|SOCK|MSG|SHUT|IP|IPV6|TCP|UDP|ICMP|ICMPV6|MCAST|NETLINK|PACKET|UNIX|SIOC|FIO|CAP|IPPROTO)"
    r"_[A-Z0-9_]+\b|\bSIOC[A-Z]+\b|\bE?POLL[A-Z]+\b|\bSIG[A-Z]+\b"
)
_MANY: Final = frozenset(
    {"SOL_SOCKET", "SOL_IP", "SOL_IPV6", "SOL_TCP", "SOL_UDP", "SOCK_STREAM", "SOCK_DGRAM"}
)
"""Names that too many claims have."""
_INSIDE: Final = re.compile(r"_(?:OLD|NEW)$")
_FEWEST: Final = 40
"""So many claims are near to any mutant."""
_MOST: Final = 150
_NAME_COUNTS: Final = 8.0
"""What a name in common counts, beside words: a word that one claim of a thousand has counts 7."""


def read_reached(path: Path) -> Coverage | None:
    """What ``make kernel-coverage`` found, if it was made. Raises: FileError."""
    return read(path) if path.exists() else None


class Reach:
    """The claims of a catalogue, as mutants may be noticed by them."""

    def __init__(self, catalogue: Catalogue, coverage: Coverage | None) -> None:
        self._claims = catalogue.claims
        self._coverage = coverage or Coverage("")
        self._reached = {
            (file.path, line.number): line.claims for file in self._coverage.files for line in file.lines
        }
        """Claims by file and line, as bits: as names they would take gigabytes."""
        self._counted = {file for (file, _), claims in self._reached.items() if claims}
        known = set(self._coverage.claims)
        self._newer = [claim for claim in self._claims if claim.id not in known]
        self._texts = {claim.id: _text(claim) for claim in self._claims}
        self._names = {claim.id: _names(self._texts[claim.id]) | {claim.topic} for claim in self._claims}
        self._words = {claim.id: _words(f"{claim.id} {claim.says}") for claim in self._claims}
        found = Counter(word for words in self._words.values() for word in words)
        self._weights = {word: math.log(len(self._claims) / number) for word, number in found.items()}
        self.lone = [claim.id for claim in self._claims]

    def rings(self, mutant: Mutant, scope: str) -> list[list[str]]:
        """Lists of claims: each holds those that the ones before it have not."""
        runs = self._run_by(mutant)
        among = [one for one in self._claims if runs is None or one.id in runs]
        every = [one.id for one in among]
        rings = [self._near(mutant, among), self._family(mutant, every), every][: SCOPES.index(scope) + 1]
        if runs is not None:  # a count may have missed what runs a line, and newer claims were not counted
            rings += [self._near(mutant, self._newer), self._near(mutant, self._claims)]
        return _without_repeats(rings)

    def runs(self, mutant: Mutant) -> frozenset[str] | None:
        """The claims that may run a changed line; None where that is not known of each of its files."""
        runs = self._run_by(mutant)
        newer = {claim.id for claim in self._newer}
        return None if runs is None else runs | newer | {*self._near(mutant, self._claims)}

    def _run_by(self, mutant: Mutant) -> frozenset[str] | None:
        """Of the claims that were counted those that run a changed line."""
        if not all(file in self._counted for file in mutant.files):
            return None
        found = reduce(or_, (self._reached.get(place, 0) for place in mutant.places), 0)
        return frozenset(self._coverage.names(found)) if found else None

    def _near(self, mutant: Mutant, among: Sequence[Claim]) -> list[str]:
        """Those that name what it names, and those that are worded most like what it says of itself."""
        named = _names(mutant.subject) or {
            name for hunk in mutant.hunks for name in _names("\n".join(hunk.text)) - _MANY
        }
        family = self._of_family(mutant)
        words = _words(mutant.subject)
        scores: dict[str, float] = {}
        for claim in among:
            alike = sum(self._weights.get(word, 0.0) for word in words & self._words[claim.id])
            shared = len(named & self._names[claim.id])
            of_family = family is None or family.search(self._texts[claim.id]) is not None
            scores[claim.id] = alike * (1.0 if of_family else 0.5) + _NAME_COUNTS * shared
        best = sorted(scores, key=scores.__getitem__, reverse=True)
        many = sum(1 for claim in among if named & self._names[claim.id])
        return best[: min(max(many, _FEWEST), _MOST)]

    def _family(self, mutant: Mutant, among: Iterable[str]) -> list[str]:
        family = self._of_family(mutant)
        return [] if family is None else [one for one in among if family.search(self._texts[one])]

    def _of_family(self, mutant: Mutant) -> re.Pattern[str] | None:
        for begin, words in _FAMILIES.items():
            if any(file.startswith(begin) for file in mutant.files):
                return re.compile(words, re.IGNORECASE)
        return None


def _text(claim: Claim) -> str:
    return "\n".join((claim.id, claim.says, *(test.source for test in claim.tests)))


def _names(text: str) -> set[str]:
    found = (name.removeprefix("E") if name.startswith("EPOLL") else name for name in _NAMED.findall(text))
    return {_INSIDE.sub("", name) for name in found}


def _words(text: str) -> frozenset[str]:
    """The words of a sentence or an id, less what a plural adds."""
    return frozenset(word.lower().rstrip("s") for word in re.findall(r"[A-Za-z0-9_]{2,}", text))


def _without_repeats(rings: Iterable[list[str]]) -> list[list[str]]:
    seen: set[str] = set()
    found = []
    for ring in rings:
        fresh = [claim for claim in dict.fromkeys(ring) if claim not in seen]
        seen.update(fresh)
        if fresh:
            found.append(fresh)
    return found
