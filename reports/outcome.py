"""A cell in the words that other formats have for tests: passed, failed, skipped, an error, and why."""

from __future__ import annotations

import enum

from reports.matrix import Cell
from reports.model import Verdict


class Outcome(enum.Enum):
    """What a test comes to."""

    PASSED = "passed"
    """The verdict is the expected one; that of a declared difference is, so it is no failure."""
    FAILED = "failed"
    """The kernel answered otherwise than was expected."""
    ERROR = "error"
    """Nothing is known about the kernel, though it was asked."""
    SKIPPED = "skipped"
    """A need is missing."""


def outcome(cell: Cell) -> Outcome:
    if cell.verdict is Verdict.BLOCKED:
        return Outcome.SKIPPED
    if cell.verdict is None or (cell.verdict is Verdict.BROKEN and cell.unexpected):
        return Outcome.ERROR
    return Outcome.FAILED if cell.unexpected else Outcome.PASSED


def reason(cell: Cell) -> str:
    """Why a claim does not simply hold; empty where it does."""
    declared = cell.declared.why if cell.declared else ""
    match cell.verdict:
        case Verdict.HOLDS:
            return f"it holds, though declared to differ: {declared}" if cell.unexpected else ""
        case Verdict.DIFFERS:
            return "it differs, and that is not declared" if cell.unexpected else declared
        case Verdict.UNCLAIMED:
            return "the document says nothing for this kernel"
        case Verdict.BLOCKED:
            return f"needs {cell.note}" if cell.note else "a need is missing"
        case Verdict.BROKEN:  # a crash can be declared
            unknown = "the test or its surroundings failed; nothing is known about the kernel"
            return unknown if cell.unexpected else declared
    return "asked and never answered"
