"""One mutant after another: built, asked, held against the kernel as it is, and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from reports.matrix import changed
from reports.model import Answer, Verdict
from tools.mutants.kernels import Base, NotAsked, Workshop
from tools.mutants.patches import Mutant
from tools.mutants.results import End, Result

_ANSWERS: Final = {Verdict.HOLDS, Verdict.DIFFERS}
_CONFIRMED: Final = 12
"""So many claims are asked a second time, since on a busy machine any may fail once."""


def try_mutant(mutant: Mutant, rings: Sequence[Sequence[str]], workshop: Workshop, base: Base) -> Result:
    """What becomes of a mutant that these claims are asked of, ring after ring until one notices it."""
    if why := workshop.build(mutant.name, mutant.path):
        return Result(mutant.name, mutant.digest, End.UNTRIED, said=why)
    try:
        return _asked(mutant, rings, workshop, base)
    except NotAsked as error:
        return Result(mutant.name, mutant.digest, End.UNTRIED, said=str(error))
    finally:
        workshop.remove(mutant.name)


def _asked(mutant: Mutant, rings: Sequence[Sequence[str]], workshop: Workshop, base: Base) -> Result:
    tried: list[str] = []
    for ring in rings:
        before = {one: answer for one, answer in base.answers(ring).items() if answer.verdict in _ANSWERS}
        if not before:
            continue
        after = _ask(mutant, list(before), workshop)
        tried += after or before
        suspects = noticed(before, after)[:_CONFIRMED]
        again = _ask(mutant, suspects, workshop) if suspects else after
        if not again:
            return Result(mutant.name, mutant.digest, End.DIED, tried=tuple(tried), said="it did not start")
        if killers := [one for one in noticed(before, again) if one in suspects]:
            return Result(mutant.name, mutant.digest, End.KILLED, tuple(killers), tuple(tried))
    return Result(mutant.name, mutant.digest, End.SURVIVED, tried=tuple(tried))


def _ask(mutant: Mutant, claims: Sequence[str], workshop: Workshop) -> Mapping[str, Answer]:
    """What its kernel answers; nothing where it did not start two times."""
    return workshop.ask(mutant.name, claims) or workshop.ask(mutant.name, claims)


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
