"""How values are put into words, the same in every report."""

from __future__ import annotations

import json
from collections.abc import Mapping

from reports.ranges import Range
from reports.record import Claim, Expectation, Run, Value


def printable(text: str) -> str:
    """Text that cannot steer a terminal nor break an encoding: anything else is shown as its escape."""
    return "".join(char if char.isprintable() or char == "\n" else _escape(char) for char in text)


def told(value: Value) -> str:
    """A value that was observed: ``EPERM`` and ``8192`` bare, text with blanks in it quoted."""
    if isinstance(value, str):
        bare = value and not any(char.isspace() or char in "\"',[]" for char in value)
        return printable(value if bare else json.dumps(value, ensure_ascii=False))
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(told(one) for one in value)}]"
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(value)


def observations(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{printable(name)} = {told(value)}" for name, value in values.items())


def kernels(where: Range) -> str:
    """A range with its backports: ``since 7.1, and 6.18.12 onwards in its series``."""
    if not where.backports:
        return str(where)
    return f"{where}, backported to {', '.join(where.backports)}"


def commit(expectation: Expectation) -> str:
    return printable(expectation.commit or "")


def system(run: Run) -> str:
    """Which kernel spoke: ``Linux 6.18.44-amd64, x86_64 (host)``."""
    header = run.header
    return printable(f"Linux {header.release}, {header.machine} ({header.kernel})")


def statement(claim: Claim) -> str:
    return printable(claim.says)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
