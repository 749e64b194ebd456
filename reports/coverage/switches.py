"""The options of a function: the labels of its ``switch (optname)``, and which lines each leads to.

The kernel's style has a label as deep as its switch, and what it leads to deeper: that and braces are what
counts here, so no compiler is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_SWITCH: Final = re.compile(r"(?P<indent>\t+)switch \(optname\)")
_LABEL: Final = re.compile(r"(?P<indent>\t+)(?:case (?P<name>[A-Z]\w*)|case [^:]+|default)\s*:(?P<rest>.*)")
_NOTHING: Final = re.compile(r"\s*(?:#\s*\w+.*|/\*.*|\*(?:/|\s).*|\*|//.*|fallthrough;)?\s*")


@dataclass(frozen=True)
class Option:
    """An option, or several that lead to the same lines."""

    names: tuple[str, ...]
    lines: frozenset[int]


def options(texts: Sequence[str], first: int, last: int) -> list[Option]:
    """Those of a function between two lines, in the order of their labels."""
    found: dict[tuple[str, ...], set[int]] = {}
    for number in range(first, last + 1):
        if switch := _SWITCH.match(texts[number]):
            for names, lines in _cases(texts, number + 1, last, switch["indent"]):
                found.setdefault(names, set()).update(lines)
    return [Option(names, frozenset(lines)) for names, lines in found.items()]


def _cases(
    texts: Sequence[str], first: int, last: int, indent: str
) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """The labels of one switch with the lines from the first of them to the next label."""
    names: list[str] = []
    lines: list[int] = []
    led, depth = False, 1
    for number in range(first, last + 1):
        text = texts[number]
        depth += text.count("{") - text.count("}")
        if not depth:
            break
        label = _LABEL.match(text)
        if label and label["indent"] == indent:
            if led and names:
                yield tuple(names), lines
            if led:
                names, lines = [], []
            if label["name"]:
                names.append(label["name"])
            led = not _NOTHING.fullmatch(label["rest"])
        elif not _NOTHING.fullmatch(text):
            led = True
        lines.append(number)
    if names:
        yield tuple(names), lines
