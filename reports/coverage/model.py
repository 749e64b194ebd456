"""What of a kernel the claims reached: files, functions, lines, branches, and which claims reached a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Line:
    """A line that is compiled to something."""

    number: int
    count: int
    """How often it ran."""
    branches: tuple[int, ...] = ()
    """How often each of its branches was taken, none where it does not branch."""
    claims: int = 0
    """The claims that reached it: bit N is the claim of number N."""


@dataclass(frozen=True)
class Function:
    """A function, and between which lines of its file it is."""

    name: str
    first: int
    last: int
    count: int = 0
    """How often it was called."""


@dataclass(frozen=True)
class File:
    """A source file of the kernel."""

    path: str
    """Its place in the tree: ``net/core/sock.c``."""
    text: str
    functions: Sequence[Function] = ()
    lines: Sequence[Line] = ()

    @cached_property
    def texts(self) -> list[str]:
        """Its lines as they are written; the first is number 1, so nothing stands before it."""
        return ["", *self.text.splitlines()]

    def within(self, function: Function) -> list[Line]:
        """The lines of a function."""
        return [line for line in self.lines if function.first <= line.number <= function.last]


@dataclass(frozen=True)
class Coverage:
    """What of a kernel was reached, by which claims."""

    kernel: str
    """Its release and what it was made of, for a person."""
    claims: Sequence[str] = ()
    """Ids; a claim's number is its place."""
    files: Sequence[File] = ()

    def names(self, claims: int) -> list[str]:
        """The ids of some claims, which are bits."""
        return [name for number, name in enumerate(self.claims) if claims >> number & 1]


@dataclass(frozen=True)
class Share:
    """How much of something was reached."""

    lines: int = 0
    reached: int = 0
    branches: int = 0
    taken: int = 0

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Share:
        branches = [branch for line in lines for branch in line.branches]
        return cls(
            len(lines),
            sum(line.count > 0 for line in lines),
            len(branches),
            sum(branch > 0 for branch in branches),
        )

    def __add__(self, other: Share) -> Share:
        return Share(
            self.lines + other.lines,
            self.reached + other.reached,
            self.branches + other.branches,
            self.taken + other.taken,
        )

    @property
    def percent(self) -> float:
        """Of its lines; what has none is reached."""
        return 100 * self.reached / self.lines if self.lines else 100.0

    @property
    def percent_of_branches(self) -> float:
        return 100 * self.taken / self.branches if self.branches else 100.0
