"""What the answers of a run, or of several, come to in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from reports.matrix import MISSING, Cell
from reports.model import Verdict
from reports.wording import plural


def conclusion(cells: Sequence[Cell]) -> str:
    """Whether every verdict is the expected one, and of how many claims that is not known."""
    untried = ", ".join(_untried(cells))
    if wrong := [cell for cell in cells if cell.unexpected]:
        kinds = ", ".join(filter(None, (_unexpected(wrong, verdict) for verdict in Verdict)))
        return f"{plural(len(wrong), 'verdict')} not as expected: {kinds}{f'; {untried}' if untried else ''}."
    if not untried:
        return "Every verdict is the expected one."
    if not any(cell.answer and cell.verdict is not Verdict.BLOCKED for cell in cells):
        return f"No claim was tried: {untried}."
    return f"Every verdict of those that ran is the expected one; {untried}."


def _unexpected(wrong: Sequence[Cell], verdict: Verdict) -> str:
    count = sum(cell.verdict is verdict for cell in wrong)
    match verdict:
        case _ if not count:
            return ""
        case Verdict.HOLDS:
            return f"{count} HOLDS though declared to differ (the expectation is stale)"
        case Verdict.DIFFERS:
            return f"{count} DIFFERS undeclared"
        case _:
            return f"{count} {verdict.value}"


def _untried(cells: Sequence[Cell]) -> list[str]:
    blocked = [cell for cell in cells if cell.verdict is Verdict.BLOCKED]
    missing = sum(cell.word == MISSING for cell in cells)
    needs = ", ".join(dict.fromkeys(cell.note for cell in blocked if cell.note))
    words = [f"{len(blocked)} BLOCKED{f' (needs {needs})' if needs else ''}"] if blocked else []
    return [*words, f"{missing} missing"] if missing else words
