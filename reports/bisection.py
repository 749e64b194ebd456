"""One step of a bisection: whether a kernel answers as the good end did. What is documented plays no part."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from reports.lines import Lines
from reports.matrix import changed
from reports.model import Answer, Run, Verdict
from reports.printable import printable
from reports.wording import observations, plural, system

SAME: Final = 0
CHANGED: Final = 1
UNKNOWN: Final = 125
"""What 'git bisect run' takes for a commit that cannot be tested, and skips."""

_ANSWERS: Final = {Verdict.HOLDS, Verdict.DIFFERS}


def step(good: Run, run: Run, console: Console) -> int:
    """Print which claims of the good end's are answered otherwise. Returns what git takes as an exit status.

    CHANGED where one is; else UNKNOWN where one that was answered there is BLOCKED, BROKEN or missing, and
    where nothing was answered there; else SAME.
    """
    lines = Lines(console)
    lines.line(f"{system(run)}, held against the good end, {system(good)}", style="bold")
    known = [answer for answer in good.answers.values() if answer.verdict in _ANSWERS]
    other = unknown = 0
    for before in known:
        after = run.answers.get(before.claim)
        if after is None or after.verdict not in _ANSWERS:
            unknown += 1
            word = after.verdict.value if after else "missing"
            lines.line(f"{printable(before.claim)}: {_answer(before)}, now {word}", 6, first="    ")
        elif after.verdict is not before.verdict or any(changed(before.observations, after.observations)):
            other += 1
            lines.line(f"{printable(before.claim)}: {_answer(before)}, now {_answer(after)}", 6, first="    ")
    lines.line(f"{plural(len(known), 'claim')}: {other} changed, {unknown} not to be had", indent=2)
    if other:
        return CHANGED
    return UNKNOWN if unknown or not known else SAME


def _answer(answer: Answer) -> str:
    return f"{answer.verdict.value} {observations(answer.observations)}".rstrip()
