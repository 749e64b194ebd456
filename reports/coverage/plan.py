"""What is to be reached, and why the rest is not: ``conformance/coverage.toml``.

    [[goal]]
    functions = "net/core/sock.c:sk_[gs]etsockopt"
    percent = 95

    [[unreached]]
    function = "sk_setsockopt"
    line = "*-ENOMEM*"
    reason = "the kernel has no memory"

``line`` is a pattern (fnmatch) for the text of a line, so it outlives the numbers. An unreached line has a
``reason`` where no claim can reach it, and ``to_come`` where one is to come, which is then said.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from os.path import exists
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from reports.coverage.model import Coverage, File, Function, Line, Share
from reports.coverage.switches import options
from reports.errors import FileError
from reports.reading import contents

PLAN: Final = Path("conformance/coverage.toml")
"""Where it is, unless another place is named."""


class Goal(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of some functions is to be reached."""

    functions: str
    """``FILE:FUNCTION``, a pattern."""
    percent: float = 95

    def means(self, file: File, function: Function) -> bool:
        return fnmatchcase(f"{file.path}:{function.name}", self.functions)


class Unreached(Struct, frozen=True, forbid_unknown_fields=True):
    """Lines that nothing reaches, and why; exactly one of ``reason`` and ``to_come`` is said."""

    function: str
    line: str
    reason: str = ""
    to_come: str = ""

    def __post_init__(self) -> None:
        if bool(self.reason) is bool(self.to_come):
            raise ValueError(f"{self.function}, {self.line!r}: a reason, or what is to come, and not both")

    def means(self, function: str, text: str) -> bool:
        return fnmatchcase(function, self.function) and fnmatchcase(text.strip(), self.line)


class Plan(Struct, frozen=True, forbid_unknown_fields=True, rename={"goals": "goal"}):
    """What is to be reached, and what is not."""

    goals: tuple[Goal, ...] = ()
    unreached: tuple[Unreached, ...] = ()

    def why(self, function: str, text: str) -> Unreached | None:
        """What is said of an unreached line."""
        return next((one for one in self.unreached if one.means(function, text)), None)


@dataclass(frozen=True)
class Missing:
    """An unreached line, and what the plan says of it."""

    line: Line
    text: str
    why: Unreached | None


@dataclass(frozen=True)
class OptionShare:
    """An option of a function, and how much of what it leads to was reached."""

    names: tuple[str, ...]
    share: Share


@dataclass(frozen=True)
class FunctionShare:
    """A function that a goal means, and how much of it was reached."""

    file: File
    function: Function
    goal: Goal
    plan: Plan

    @property
    def place(self) -> str:
        """What tells it apart: functions of two files can have one name."""
        return f"{self.file.path}-{self.function.first}".replace("/", "-")

    @cached_property
    def lines(self) -> list[Line]:
        return self.file.within(self.function)

    @cached_property
    def share(self) -> Share:
        return Share.of(self.lines)

    @property
    def met(self) -> bool:
        return self.share.percent >= self.goal.percent

    @cached_property
    def missing(self) -> list[Missing]:
        """Its unreached lines."""
        return [
            Missing(line, text := self.file.texts[line.number], self.plan.why(self.function.name, text))
            for line in self.lines
            if not line.count
        ]

    @cached_property
    def options(self) -> list[OptionShare]:
        return [
            OptionShare(one.names, Share.of([line for line in self.lines if line.number in one.lines]))
            for one in options(self.file.texts, self.function.first, self.function.last)
        ]


def read_plan(path: Path) -> Plan:
    """A plan from its file. Raises: FileError."""
    text = contents(path, "the plan")
    try:
        return msgspec.convert(tomllib.loads(text.decode()), Plan)
    except (ValueError, msgspec.ValidationError, RecursionError) as error:
        raise FileError(f"this is not a plan of coverage: {error}", path) from error


def plan_of(path: Path | None) -> Plan:
    """The plan that is named, or the one that is looked for, if it is there. Raises: FileError."""
    return read_plan(path or PLAN) if path or exists(PLAN) else Plan()


def shares(coverage: Coverage, plan: Plan) -> list[FunctionShare]:
    """The functions that goals mean, in the goals' order, then by file and line; each once."""
    return list(_shares(coverage, plan))


def _shares(coverage: Coverage, plan: Plan) -> Iterator[FunctionShare]:
    seen: set[tuple[str, str, int]] = set()
    for goal in plan.goals:
        for file in coverage.files:
            for function in file.functions:
                known = file.path, function.name, function.first
                if known not in seen and goal.means(file, function) and file.within(function):
                    seen.add(known)
                    yield FunctionShare(file, function, goal, plan)


def unused(coverage: Coverage, plan: Plan) -> list[Unreached]:
    """What the plan says of no line that is unreached: the line is reached by now, or was reworded."""
    missing = [(share.function.name, one.text) for share in shares(coverage, plan) for one in share.missing]
    return [one for one in plan.unreached if not any(one.means(*line) for line in missing)]


def total(functions: Sequence[FunctionShare]) -> Share:
    """All functions together."""
    return sum((one.share for one in functions), Share())
