"""Which claims may notice a mutant, the likeliest first.

Where it is known which claims run a line (build/coverage/reached.jsonl), it is those that run a line that the
mutant changes. Elsewhere it is first those that name what the patch names: options, flags, calls; then those
of the family of sockets that the file is about; then all.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from reports.catalogue import Catalogue
from reports.errors import FileError
from reports.model import Claim
from tools.mutants.patches import Mutant

Reached = Mapping[tuple[str, int], frozenset[str]]
"""Claims by file and line."""

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
_PLAIN: Final = (
    *(
        "accept",
        "bind",
        "connect",
        "listen",
        "shutdown",
        "getpeername",
        "getsockname",
        "socketpair",
        "linger",
    ),
    *("urgent", "abstract", "pathname", "credentials", "broadcast", "multicast", "scope", "autobind", "peek"),
)
"""Words of a subject that claims use for the same."""
_MANY: Final = frozenset(
    {"SOL_SOCKET", "SOL_IP", "SOL_IPV6", "SOL_TCP", "SOL_UDP", "SOCK_STREAM", "SOCK_DGRAM"}
)
"""Names that too many claims have."""
_INSIDE: Final = re.compile(r"_(?:OLD|NEW)$")


def read_reached(path: Path) -> Reached | None:
    """What a run that counted lines found, if there was one. Raises: FileError."""
    if not path.exists():
        return None
    reached: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                one = json.loads(line)
                reached[str(one["file"]), int(one["line"])].update(map(str, one["claims"]))
            except (ValueError, TypeError, KeyError) as error:
                raise FileError(
                    f"a line is no object with file, line and claims: {error}", path, number
                ) from error
    return {place: frozenset(claims) for place, claims in reached.items()}


class Reach:
    """The claims of a catalogue, as mutants may be noticed by them."""

    def __init__(self, catalogue: Catalogue, reached: Reached | None) -> None:
        self._claims = catalogue.claims
        self._reached = reached or {}
        self._counted = {file for file, _ in self._reached}
        self._texts = {claim.id: _text(claim) for claim in self._claims}
        self._names = {claim.id: _names(self._texts[claim.id]) | {claim.topic} for claim in self._claims}
        self.lone = [claim.id for claim in self._claims]

    def rings(self, mutant: Mutant, scope: str) -> list[list[str]]:
        """Lists of claims: each holds those that the ones before it have not."""
        runs = self._run_by(mutant)
        rings = [self._near(mutant), self._family(mutant), self.lone][: SCOPES.index(scope) + 1]
        if runs is not None:
            rings = [[claim for claim in ring if claim in runs] for ring in rings]
        return _without_repeats(rings)

    def _run_by(self, mutant: Mutant) -> frozenset[str] | None:
        """The claims that run a changed line; None where that is not known of each of its files."""
        if not all(file in self._counted for file in mutant.files):
            return None
        found = [self._reached[place] for place in mutant.places if place in self._reached]
        return frozenset().union(*found) if found else None

    def _near(self, mutant: Mutant) -> list[str]:
        subject = _names(mutant.subject)
        said = subject or {name for hunk in mutant.hunks for name in _names("\n".join(hunk.text))} - _MANY
        words = [word for word in _PLAIN if re.search(rf"\b{word}", mutant.subject, re.IGNORECASE)]
        named = [claim for claim in self._claims if said & self._names[claim.id]]
        if named and not words:
            return [claim.id for claim in named]
        family = self._of_family(mutant)
        called = [
            claim.id
            for claim in self._claims
            if any(word in claim.id.lower() or word in claim.says.lower() for word in words)
            and (family is None or family.search(self._texts[claim.id]))
        ]
        return list(dict.fromkeys([*(claim.id for claim in named), *called]))

    def _family(self, mutant: Mutant) -> list[str]:
        family = self._of_family(mutant)
        return [] if family is None else [one for one in self.lone if family.search(self._texts[one])]

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


def _without_repeats(rings: Iterable[list[str]]) -> list[list[str]]:
    seen: set[str] = set()
    found = []
    for ring in rings:
        fresh = [claim for claim in dict.fromkeys(ring) if claim not in seen]
        seen.update(fresh)
        if fresh:
            found.append(fresh)
    return found
