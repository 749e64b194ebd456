"""The language in which everything here is told: claims, verdicts, observations, records, runs.

These are plain values that know nothing of pytest, of sockets or of how they are drawn.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from reports.ranges import Range, base

Value = bool | int | float | str | None | Sequence["Value"]
"""What a test can observe: whatever JSON can hold without a mapping."""

NOTHING: Mapping[str, Value] = MappingProxyType({})


class Verdict(enum.Enum):
    """What one kernel said about one claim."""

    HOLDS = "HOLDS"
    """It is as documented."""
    DIFFERS = "DIFFERS"
    """It ran and was otherwise."""
    UNCLAIMED = "UNCLAIMED"
    """The document says nothing for this kernel; the observations stand all the same."""
    BLOCKED = "BLOCKED"
    """A need is missing, so nothing could be tried."""
    BROKEN = "BROKEN"
    """The test or its surroundings failed; nothing is known about the kernel."""

    @property
    def weight(self) -> int:
        """Which of several verdicts about one claim counts: the heaviest."""
        return _WEIGHTS[self]


_WEIGHTS = {
    Verdict.HOLDS: 0,
    Verdict.UNCLAIMED: 1,
    Verdict.BLOCKED: 2,
    Verdict.DIFFERS: 3,
    Verdict.BROKEN: 4,
}


@dataclass(frozen=True, slots=True)
class Observation:
    """A named value that a test measured: a size, an errno, what a peer received."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Expectation:
    """A declared difference: on which kernels, what is true instead, the commit that made it so."""

    why: str
    where: Range = field(default_factory=Range)
    commit: str | None = None
    observed: Mapping[str, Value] = field(default_factory=lambda: NOTHING)
    """Observations that must be seen for the difference to be the declared one."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a document, in our own words."""

    id: str
    """``page/topic/slug``, stable: ``socket.7/SO_RCVBUF/doubled``."""
    says: str
    section: str = ""
    where: Range = field(default_factory=Range)
    """The kernels the document says it of."""
    needs: tuple[str, ...] = ()
    """Codes of what it cannot be tried without: ``CAP_NET_ADMIN``, ``qdisc:tbf``."""
    expectations: tuple[Expectation, ...] = ()

    @property
    def page(self) -> str:
        return self.id.split("/")[0]

    @property
    def topic(self) -> str:
        return self.id.split("/")[1]

    def expectation(self, release: str) -> Expectation | None:
        """The difference that is declared for a kernel, if one is."""
        return next((one for one in self.expectations if release in one.where), None)


@dataclass(frozen=True, slots=True)
class Record:
    """What one run says about one claim."""

    claim: str
    verdict: Verdict
    expected: bool
    """Whether the verdict is the declared one; a run passes when every record's is."""
    observations: Mapping[str, Value] = field(default_factory=lambda: NOTHING)
    duration: float = 0.0
    """Seconds, all tests of the claim together."""
    detail: str = ""
    """What was expected and seen, for a person."""
    need: str | None = None
    """For BLOCKED: the code of the need that is missing."""


@dataclass(frozen=True, slots=True)
class Header:
    """Which kernel spoke, and which claims it was asked about."""

    kernel: str
    """How the kernel was asked for: ``host``, ``uml:6.1``."""
    release: str
    """``uname -r``, whole: distributions backport, and only this tells."""
    version: str
    machine: str
    config_digest: str | None
    capabilities: tuple[str, ...]
    suite: str
    claims: tuple[Claim, ...]
    schema: int = 1

    @property
    def base(self) -> str:
        """The stable release that kernel ranges are held against."""
        return base(self.release, self.version)


@dataclass(frozen=True, slots=True)
class Footer:
    """The end of a run that was not interrupted."""

    counts: Mapping[str, int]
    exit_status: int


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one kernel said: header, records, footer."""

    header: Header
    records: Mapping[str, Record]
    footer: Footer | None = None

    @property
    def interrupted(self) -> bool:
        return self.footer is None

    def missing(self) -> Iterator[Claim]:
        """Claims that were asked and never answered; they are shown, never dropped."""
        return (claim for claim in self.header.claims if claim.id not in self.records)

    def counts(self) -> Counter[Verdict]:
        return Counter(record.verdict for record in self.records.values())
