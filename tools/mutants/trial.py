"""Mutants that are tried: built together, asked, held against the kernel as it is, and removed.

To build and start a kernel takes longer than most of what is asked of it, so one kernel has several mutants.
Which of them a claim has noticed is known all the same: of a kernel's mutants it runs the lines of one alone.
Claims that run those of several are asked of a kernel with one mutant, if no other claim has noticed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reports.matrix import changed
from reports.model import Answer, Verdict
from tools.mutants.kernels import Base, NotAsked, Workshop
from tools.mutants.patches import Mutant
from tools.mutants.results import End, Result

_ANSWERS: Final = {Verdict.HOLDS, Verdict.DIFFERS}
_ENOUGH: Final = 12
"""Where so many claims notice a mutant nothing new is to be learnt, and each may wait for a call that hangs.

So many are also asked a second time, since on a busy machine any may fail once.
"""


@dataclass
class Trial:
    """A mutant that is being tried."""

    mutant: Mutant
    rings: list[list[str]]
    """The claims to ask, the likeliest first: each ring only where the one before it noticed nothing."""
    runs: frozenset[str] | None = None
    """The claims that run one of its lines, where that is known: no other can notice it."""
    tried: list[str] = field(default_factory=list)
    killers: list[str] = field(default_factory=list)

    def result(self, end: End, said: str = "") -> Result:
        return Result(self.mutant.name, self.mutant.digest, end, tuple(self.killers), tuple(self.tried), said)


def grouped(trials: Iterable[Trial], most: int) -> list[list[Trial]]:
    """Trials that can share a kernel, ``most`` at a time: of each enough of the likeliest claims are its own.

    Of a mutant that most claims run there are none such, so it has a kernel of its own. Last come those of
    which it is not known who runs them: all claims may have to be asked.
    """
    groups: list[list[Trial]] = []
    for trial in sorted(trials, key=lambda one: (one.runs is None, len(one.runs or ()))):
        group = next((one for one in groups if len(one) < most and _can_join(trial, one)), None)
        if group is None:
            groups.append([trial])
        else:
            group.append(trial)
    return groups


def _can_join(trial: Trial, group: Sequence[Trial]) -> bool:
    together = [*group, trial]
    if any(one.runs is None for one in together):
        return False
    return all(2 * len(_own(one.rings[0], one, together)) >= len(one.rings[0]) for one in together)


def _own(claims: Iterable[str], trial: Trial, together: Sequence[Trial]) -> list[str]:
    """The claims that run the lines of no other mutant in the kernel."""
    others = frozenset().union(*(one.runs or () for one in together if one is not trial))
    return [claim for claim in claims if claim not in others]


def try_mutants(trials: Sequence[Trial], workshop: Workshop, base: Base) -> Iterator[Result]:
    """What becomes of mutants in one kernel, and of those that nothing has noticed there in one each."""
    kernel = _Kernel(trials, workshop, base)
    yield from kernel.results()
    for trial in kernel.alone():
        yield from _Kernel([trial], workshop, base).results()


class _Died(Exception):
    """A kernel did not start, two times."""


class _Kernel:
    """A kernel with the mutants of some trials. Nothing is known of any before ``results``."""

    def __init__(self, trials: Sequence[Trial], workshop: Workshop, base: Base) -> None:
        first = trials[0].mutant.name
        self._name = first if len(trials) == 1 else f"{first}+{len(trials) - 1}"
        self._trials, self._open = trials, list(trials)
        self._workshop, self._base = workshop, base

    def results(self) -> Iterator[Result]:
        """Ask its claims: what is known of its mutants then, which of several need not be all."""
        end, said = self._asked()
        yield from (one.result(End.KILLED) for one in self._trials if one.killers)
        if len(self._trials) == 1:
            yield from (one.result(end, said) for one in self._open)
        elif end is End.SURVIVED:
            yield from (one.result(end) for one in self._open if not any(one.rings))
            self._open = [one for one in self._open if any(one.rings)]

    def alone(self) -> list[Trial]:
        """Those of several of which nothing is known yet."""
        return self._open if len(self._trials) > 1 else []

    def _asked(self) -> tuple[End, str]:
        """What becomes of the mutants that nothing notices, and why."""
        try:
            if why := self._workshop.build(self._name, [one.mutant.path for one in self._trials]):
                return End.UNTRIED, why
            for number in range(max(len(one.rings) for one in self._trials)):
                self._ask_rings(number)
        except NotAsked as error:
            return End.UNTRIED, str(error)
        except _Died:
            return End.DIED, "it did not start"
        finally:
            self._workshop.remove(self._name)
        return End.SURVIVED, ""

    def _ask_rings(self, number: int) -> None:
        """Ask the claims in the ring of this number, of each mutant that is not noticed."""
        asked = {one.mutant.name: self._taken(one, number) for one in self._open}
        claims = list(dict.fromkeys(claim for ring in asked.values() for claim in ring))
        known = self._base.answers(claims)
        before = {claim: answer for claim, answer in known.items() if answer.verdict in _ANSWERS}
        left = list(before)
        while left:
            after = self._answers(left)
            found = noticed(before, after)
            suspects = {name: [one for one in found if one in ring][:_ENOUGH] for name, ring in asked.items()}
            again = self._answers([one for some in suspects.values() for one in some]) if found else {}
            sure = noticed(before, again)
            for trial in self._open:
                trial.tried += [claim for claim in after if claim in asked[trial.mutant.name]]
                trial.killers = [claim for claim in suspects[trial.mutant.name] if claim in sure]
            self._open = [one for one in self._open if not one.killers]
            wanted = {claim for one in self._open for claim in asked[one.mutant.name]}
            left = [claim for claim in left if claim in wanted and claim not in after]

    def _taken(self, trial: Trial, number: int) -> dict[str, None]:
        """Take from a ring the claims that can tell of this mutant here; in their order."""
        if number >= len(trial.rings):
            return {}
        ring = trial.rings[number]
        own = dict.fromkeys(_own(ring, trial, self._trials))
        trial.rings[number] = [claim for claim in ring if claim not in own]
        return own

    def _answers(self, claims: Sequence[str]) -> Mapping[str, Answer]:
        """What it answers. Raises: _Died, NotAsked."""
        enough = _ENOUGH * len(self._trials)
        answers = self._workshop.ask(self._name, claims, enough) or self._workshop.ask(
            self._name, claims, enough
        )
        if not answers:
            raise _Died
        return answers


def noticed(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> list[str]:
    """The claims that are answered otherwise. One without an answer was not asked any more."""
    return [
        claim
        for claim, answer in after.items()
        if claim in before
        and (
            answer.verdict is not before[claim].verdict
            or any(changed(before[claim].observations, answer.observations))
        )
    ]
