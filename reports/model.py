"""What runs and catalogues are made of: claims, verdicts, observations, answers.

These are plain values that know nothing of pytest, of sockets or of how they are drawn. As JSON they have the
fields that are listed here, less those that hold their default.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from reports.ranges import EVERY_KERNEL, Range, base, version

SCHEMA: Final = 2

LINUX: Final = "Linux"
"""The implementation that documents speak of, and the only one whose releases their ranges number."""

Value = bool | int | float | str | None | tuple[Any, ...]
"""What a test can observe: a number, text, a boolean, null, or a list of these."""

ClaimId = Annotated[
    str,
    # The last part keeps a newline from following, which "$" alone lets pass in Python.
    Meta(pattern=r"^[^/\s]+/[^/\s]+/[^/\s]+$(?!\s)", description="page/topic/slug, stable for ever"),
]

_DEEPEST: Final = 16
"""Lists within lists that an observation may hold; what is drawn from them descends as deep."""


class Verdict(enum.Enum):
    """What is known about one claim on one kernel."""

    HOLDS = "HOLDS"
    """It is as documented."""
    DIFFERS = "DIFFERS"
    """It ran and was otherwise."""
    UNCLAIMED = "UNCLAIMED"
    """The document says nothing for this kernel; the observations count all the same."""
    BLOCKED = "BLOCKED"
    """A need is missing, so nothing could be tried."""
    BROKEN = "BROKEN"
    """The test or its surroundings failed, and nothing is known about the kernel; or the kernel crashed."""

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


class Expectation(Struct, frozen=True, omit_defaults=True):
    """A declared difference: on which kernels, what is true instead, and what made it so."""

    why: str
    range: Range = EVERY_KERNEL
    commit: str | None = None
    observed: dict[str, Value] = {}
    """Observations that must be seen for the difference to be the declared one."""
    implementation: str = LINUX
    """Whose kernels differ; of others than Linux the range says nothing."""
    source: str | None = None
    """Where an implementation without commits of Linux makes it so: a file, an issue."""

    def __post_init__(self) -> None:
        force_setattr(self, "observed", _frozen_all(self.observed))

    def of(self, implementation: str, release: str) -> bool:
        """Whether it is declared for a kernel."""
        return self.implementation == implementation and (implementation != LINUX or release in self.range)


class Test(Struct, frozen=True, omit_defaults=True):
    """Where a test is, and its text."""

    __test__ = False  # pytest would take the class for a test of its own

    file: str
    line: Annotated[int, Meta(ge=1)]
    source: str


class Claim(Struct, frozen=True, omit_defaults=True):
    """One statement of a document, in our own words."""

    id: ClaimId
    """``socket.7/SO_RCVBUF/doubled``"""
    says: str
    document: str = ""
    """The page's title, as its inventory gives it."""
    section: str = ""
    sentences: tuple[str, ...] = ()
    """The sentences of the page's inventory that it tries."""
    range: Range = EVERY_KERNEL
    """The kernels that the document speaks of."""
    commit: str | None = None
    """The mainline commit that made it so, where no document does."""
    needs: tuple[str, ...] = ()
    """Codes of what it cannot be tried without: ``CAP_NET_ADMIN``, ``qdisc:tbf``."""
    expectations: tuple[Expectation, ...] = ()
    tests: tuple[Test, ...] = ()

    @property
    def page(self) -> str:
        return self.id.split("/")[0]

    @property
    def topic(self) -> str:
        return self.id.split("/")[1]

    def covers(self, implementation: str, release: str) -> bool:
        """Whether the document speaks of a kernel: its numbers are Linux's, so of others it always does."""
        return implementation != LINUX or release in self.range

    def expectation(self, implementation: str, release: str) -> Expectation | None:
        """The difference that is declared for a kernel, if one is."""
        return next((one for one in self.expectations if one.of(implementation, release)), None)


class Header(Struct, frozen=True, omit_defaults=True, kw_only=True, tag_field="kind", tag="header"):
    """Which kernel answered, and which claims it was asked about."""

    schema: int
    kernel: Annotated[str, Meta(min_length=1)]
    """How the kernel was asked for: ``host``, ``uml:6.1``."""
    implementation: str
    """``Linux``, or whose network stack answers in its place: ``gVisor``."""
    implementation_release: str = ""
    """What another implementation than Linux calls its release, as far as it is known: ``20240729.0``."""
    release: str
    """``uname -r``, whole: distributions backport, and only this shows it."""
    version: str
    """``uname -v``"""
    machine: str
    config_digest: str | None = None
    """The kernel's configuration in short; null where it cannot be read."""
    capabilities: tuple[str, ...] = ()
    suite: str
    """The suite's version."""
    suite_digest: str = ""
    """The suite's files in short."""
    asked: tuple[ClaimId, ...] = ()
    """The claims that were asked; absent where each of them has its answer below."""

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(other_schema(self.schema))
        force_setattr(self, "kernel", _encodable(self.kernel))
        self.base  # noqa: B018  a release that is no version is refused

    @property
    def base(self) -> str:
        """The stable release that kernel ranges are held against, where the implementation is Linux."""
        return base(self.release, self.version)


class Answer(Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="answer"):
    """What one kernel answered to one claim. The verdict is HOLDS, DIFFERS, BLOCKED or BROKEN."""

    claim: ClaimId
    verdict: Verdict
    observations: dict[str, Value] = {}
    need: str | None = None
    """For BLOCKED: the code of the need that is missing."""
    also: tuple[Verdict, ...] = ()
    """Lighter verdicts that other tests of the same claim gave."""
    detail: str = ""
    """What was expected and seen, for a person."""
    duration: Annotated[float, Meta(ge=0)] | None = None
    """Seconds, all tests of the claim together."""

    def __post_init__(self) -> None:
        force_setattr(self, "observations", _frozen_all(self.observations))
        force_setattr(self, "detail", _encodable(self.detail))


class Footer(Struct, frozen=True, tag_field="kind", tag="footer"):
    """The end of a run in which every claim that was asked has its answer."""

    answers: Annotated[int, Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class Run:
    """Everything one kernel answered."""

    header: Header
    answers: Mapping[str, Answer]
    footer: Footer | None = None

    @property
    def interrupted(self) -> bool:
        return self.footer is None

    @property
    def asked(self) -> tuple[str, ...]:
        """The ids of the claims it was asked about."""
        return self.header.asked or tuple(self.answers)

    def missing(self) -> Iterator[str]:
        """Claims that were asked and never answered; they are shown, never dropped."""
        return (claim for claim in self.asked if claim not in self.answers)

    def counts(self) -> Counter[Verdict]:
        return Counter(answer.verdict for answer in self.answers.values())


def oldest_first(runs: Iterable[Run]) -> list[Run]:
    """Runs in the order in which they are drawn: Linux, then other implementations, each by release.

    Those of one release go by the kernel's name, and those of one kernel stay as they are.
    """
    return sorted(runs, key=_age)


def _age(run: Run) -> tuple[bool, str, tuple[int, ...], str]:
    header = run.header
    return header.implementation != LINUX, header.implementation, version(header.base), header.kernel


def frozen(value: object) -> Value:
    """A value that was observed, with its lists made tuples so that two runs' values compare equal.

    Raises: TypeError for what no observation can be: a mapping, bytes, a float that is not finite, an integer
    of more than 64 bits, lists nested deeper than 16.
    """
    return _frozen(value, _DEEPEST)


def other_schema(schema: int) -> str:
    """What is wrong with a file of a schema that is not ours."""
    return f"schema {schema} is not known here, only schema {SCHEMA}; use the version that wrote the file"


def _frozen(value: object, depth: int) -> Value:
    match value:
        case str():
            return _encodable(value)
        case None | bool():
            return value
        case int() if -(2**63) <= value < 2**64:
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple() if depth:
            return tuple(_frozen(one, depth - 1) for one in value)
        case list() | tuple():
            raise TypeError(f"lists nested deeper than {_DEEPEST} cannot be an observation")
    raise TypeError(
        f"{type(value).__name__} {value!r} cannot be an observation: a finite number of 64 bits, text, a "
        "boolean, None or a list of these can"
    )


def _frozen_all(values: Mapping[str, object]) -> dict[str, Value]:
    return {_encodable(name): _frozen(value, _DEEPEST) for name, value in values.items()}


def _encodable(text: str) -> str:
    """Text as UTF-8 can hold it: what no character stands for (a stray byte of a name) as its escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
