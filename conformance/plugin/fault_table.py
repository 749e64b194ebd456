"""What a sweep of faults found: a line for each claim as JSON, a table, a summary."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from conformance.plugin.faults import NO_OP, OPERATORS, REFUSED
from reports.model import Verdict


class Outcome(enum.Enum):
    """What came of a fault."""

    DIFFERS = "differs"
    """The claim's verdict is another, or no longer the declared difference."""
    OBSERVED = "observed"
    """The verdict is the same, an observation is another."""
    BROKEN = "broken"
    """The test failed without an answer: a defect of the test."""
    TIMED_OUT = "timed out"
    """The test waited for what never came: a defect of the test."""
    SURVIVED = "survived"
    """Nobody noticed."""
    NOT_REACHED = "not reached"
    """The call was not made this time."""

    @property
    def noticed(self) -> bool:
        return self not in {Outcome.SURVIVED, Outcome.NOT_REACHED}


class Tried(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fault of one test, and what came of it."""

    test: str
    operator: str
    call: str
    """``listen(128) = 0``"""
    number: int
    """Which call of this name it is in the test, from 1."""
    outcome: Outcome
    why: str = ""
    """Why the claim says that it need not be noticed."""

    @property
    def fault(self) -> str:
        """As the patterns of ``survives`` see it: ``no-op: listen(128) = 0``."""
        return f"{self.operator}: {self.call}"

    @property
    def unexplained(self) -> bool:
        return self.outcome is Outcome.SURVIVED and not self.why


class Swept(msgspec.Struct, frozen=True):
    """All faults of one claim."""

    claim: str
    place: str
    """Its first test's file and line."""
    verdicts: tuple[Verdict, ...]
    """What its tests answer without a fault."""
    calls: int
    """The calls that its tests make on sockets, those that no claim is about included."""
    faults: tuple[Tried, ...]
    stale: tuple[str, ...] = ()
    """Patterns of ``survives`` that explain nothing."""
    why_none: str = ""
    """Why there is no fault to try: a claim that reads a file asks no socket."""

    def count(self, outcome: Outcome) -> int:
        return sum(one.outcome is outcome for one in self.faults)

    @property
    def falsified(self) -> bool:
        """Whether a fault makes the claim differ.

        A refusal ends any test that swallows no errors, so it counts only where there is no other fault.
        """
        telling = [one for one in self.faults if one.operator != REFUSED] or self.faults
        return any(one.outcome is Outcome.DIFFERS for one in telling)

    @property
    def survivors(self) -> list[Tried]:
        return [one for one in self.faults if one.unexplained]

    @property
    def left_out(self) -> bool:
        """Whether nothing could be tried here, or what this kernel answers is no matter of the claim."""
        return {*self.verdicts} <= {Verdict.BLOCKED, Verdict.UNCLAIMED}

    @property
    def weak(self) -> bool:
        """Whether no fault makes it differ, or a stimulus can be taken away, and it does not say why."""
        if self.left_out:
            return False
        deletable = any(one.operator == NO_OP for one in self.survivors)
        return deletable or not (self.falsified or self.why_none or any(one.why for one in self.faults))


def explanation(fault: str, survives: Mapping[str, str]) -> str:
    """Why a fault need not be noticed; empty where nothing says so."""
    return next((why for pattern, why in survives.items() if fnmatchcase(fault, pattern)), "")


def table(sweep: Sequence[Swept]) -> Iterator[str]:
    """A line for each claim, and below it what survived, what broke the test and what it waited for."""
    columns = "  ".join(f"{one.value:>11}" for one in Outcome)
    yield f"{'claim':<56}  {'calls':>5}  {'faults':>6}  {columns}"
    for one in sweep:
        counts = "  ".join(f"{one.count(outcome):>11}" for outcome in Outcome)
        yield f"{one.claim:<56}  {one.calls:>5}  {len(one.faults):>6}  {counts}{'  weak' if one.weak else ''}"
        yield from _details(one)


def _details(one: Swept) -> Iterator[str]:
    shown = {Outcome.SURVIVED, Outcome.BROKEN, Outcome.TIMED_OUT}
    for tried in one.faults:
        if tried.outcome in shown:
            why = f" ({tried.why})" if tried.why else ""
            yield f"    {tried.outcome.value}: {tried.test} {tried.fault} #{tried.number}{why}"
    yield from (f"    stale: survives={pattern!r} explains nothing" for pattern in one.stale)


def weaknesses(one: Swept) -> Iterator[str]:
    """Why a claim is weak, a line each, equal ones once."""
    if not one.falsified:
        yield f"no fault but a refusal makes it differ ({len(one.faults)} tried)"
    deleted = Counter(tried.fault for tried in one.survivors if tried.operator == NO_OP)
    yield from (f"{fault}" + (f" ({count} times)" if count > 1 else "") for fault, count in deleted.items())


def summary(sweep: Sequence[Swept]) -> Iterator[str]:
    """The goals first, then the operators."""
    sweep = [one for one in sweep if not one.left_out]
    faults = [tried for one in sweep for tried in one.faults if tried.outcome is not Outcome.NOT_REACHED]
    stimuli = [tried for tried in faults if tried.operator == NO_OP]
    yield _share("weak claims", sum(one.weak for one in sweep), len(sweep))
    yield _share("claims that a fault makes differ", sum(one.falsified for one in sweep), len(sweep))
    yield _share(
        "stimuli that cannot be taken away", sum(one.outcome.noticed for one in stimuli), len(stimuli)
    )
    yield _share("stimuli explained", sum(bool(one.why) for one in stimuli), len(stimuli))
    yield _share("faults noticed", sum(one.outcome.noticed for one in faults), len(faults))
    yield _share("faults noticed as a difference", _counted(faults, Outcome.DIFFERS), len(faults))
    columns = "  ".join(f"{one.value:>11}" for one in Outcome)
    yield f"{'operator':<20}  {columns}"
    for operator in OPERATORS:
        mine = [tried for one in sweep for tried in one.faults if tried.operator == operator.name]
        counts = "  ".join(f"{_counted(mine, outcome):>11}" for outcome in Outcome)
        yield f"{operator.name:<20}  {counts}"


def _counted(faults: Iterable[Tried], outcome: Outcome) -> int:
    return sum(one.outcome is outcome for one in faults)


def _share(what: str, part: int, whole: int) -> str:
    return f"{what}: {part} of {whole}" + (f" ({100 * part / whole:.1f} %)" if whole else "")
