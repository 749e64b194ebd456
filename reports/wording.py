"""How values are put into words, the same in every report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache

from reports.model import LINUX, Expectation, Run, Value
from reports.printable import printable
from reports.ranges import Range


def value_text(value: Value) -> str:
    """A value that was observed: ``EPERM`` and ``8192`` bare, text with blanks in it quoted."""
    if isinstance(value, str):
        bare = value and not any(char.isspace() or char in "\"',[]" for char in value)
        return printable(value if bare else json.dumps(value, ensure_ascii=False))
    if isinstance(value, tuple):
        return f"[{', '.join(value_text(one) for one in value)}]"
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(value)


def observations(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{printable(name)} = {value_text(value)}" for name, value in values.items())


@cache
def kernels(where: Range) -> str:
    """A range with its backports: ``since 7.1, and 6.18.12 onwards in its series``."""
    if not where.backports:
        return printable(str(where))
    return printable(f"{where}, backported to {', '.join(where.backports)}")


def differing(expectation: Expectation) -> str:
    """The kernels that a difference is declared for; of another implementation it is all of them."""
    linux = expectation.implementation == LINUX
    return kernels(expectation.range) if linux else printable(expectation.implementation)


def origin(expectation: Expectation) -> str:
    """What made a difference so, as far as it is known: ``commit 079925cce1d0``, or a file of gVisor's."""
    commit = f"commit {expectation.commit}" if expectation.commit else ""
    return printable(commit or expectation.source or "")


def declared(expectation: Expectation) -> str:
    """Where a difference is, and what made it so: ``since 5.17, commit 079925cce1d0``."""
    return ", ".join(filter(None, (differing(expectation), origin(expectation))))


def system(run: Run) -> str:
    """Which kernel answered: ``Linux 6.18.44-amd64, x86_64 (host)``."""
    header = run.header
    linux = f"{LINUX} " if header.implementation == LINUX else ""
    return printable(f"{linux}{column(run)}, {header.machine} ({header.kernel})")


def column(run: Run) -> str:
    """A kernel's name at the head of a column: its release; for another implementation its name as well.

    What another implementation gives out as the kernel's release is a Linux that it does as if it were.
    """
    header = run.header
    if header.implementation == LINUX:
        return printable(header.release)
    return printable(f"{header.implementation} {header.implementation_release}".strip())


def columns(runs: Sequence[Run]) -> list[str]:
    """A name for each run at the head of its column; where several would have one, how each was asked for."""
    names = [column(run) for run in runs]
    return [
        f"{name} ({_asked_for(run)})" if names.count(name) > 1 else name
        for name, run in zip(names, runs, strict=True)
    ]


def _asked_for(run: Run) -> str:
    return printable(f"{run.header.kernel}, {run.header.machine}")


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
