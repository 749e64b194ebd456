"""A transcript as a C program that makes the same calls: what goes into a report of a kernel's bug."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.c_statements import Statements, comment, quoted
from reports.model import Claim
from reports.printable import LONGEST
from reports.transcript import Transcript

NUMBERS: Final = {
    "SO_LOCK_FILTER": 44,
    "SO_MEMINFO": 55,
    "SO_TIMESTAMP_NEW": 63,
    "SO_TIMESTAMPNS_NEW": 64,
    "SO_TIMESTAMPING_NEW": 65,
    "SO_RCVTIMEO_NEW": 66,
    "SO_SNDTIMEO_NEW": 67,
    "SO_PREFER_BUSY_POLL": 69,
    "SO_BUSY_POLL_BUDGET": 70,
    "SO_NETNS_COOKIE": 71,
    "SO_BUF_LOCK": 72,
    "SO_RESERVE_MEM": 73,
    "SO_TXREHASH": 74,
    "SO_RCVMARK": 75,
    "SO_PASSPIDFD": 76,
    "SO_PEERPIDFD": 77,
    "FASYNC": "O_ASYNC",
    "SCM_CREDENTIALS": 2,
}
"""What older headers lack, as most architectures have it."""


@dataclass(frozen=True)
class _Function:
    name: str
    function: str
    lines: Sequence[str]


def reproducer(transcripts: Sequence[Transcript], claim: Claim) -> str:
    """The C program for the tests of one claim."""
    bodies = [Statements(transcript) for transcript in transcripts]
    tests = [
        _Function(one.begin.test, _identifier(one.begin.test, place), [*_hosts(body.namespaces), *body.lines])
        for place, (one, body) in enumerate(zip(transcripts, bodies, strict=True))
    ]
    words = set(re.findall(r"\w+", "\n".join(line for test in tests for line in test.lines)))
    return (
        _environment()
        .get_template("reproducer.c")
        .render(
            claim=claim,
            says=_says(claim),
            release=transcripts[0].begin.release,
            threads=any(body.threads for body in bodies),
            obstacles=list(dict.fromkeys(one for body in bodies for one in body.obstacles)),
            numbers=[(name, number) for name, number in NUMBERS.items() if name in words],
            room=max(body.room for body in bodies),
            hosts={
                host for body in bodies for host in body.namespaces if host in {"left", "right", "router"}
            },
            tests=tests,
            uses=lambda *names: not words.isdisjoint(names),
        )
    )


def _says(claim: Claim) -> str:
    place = ", ".join(filter(None, [claim.document, claim.section]))
    return f"{place}: {claim.says}" if claim.says and place else claim.says


def _identifier(test: str, place: int) -> str:
    return re.sub(r"\W+", "_", test, flags=re.ASCII).strip("_").lower() + (f"_{place}" if place else "")


def _hosts(namespaces: dict[str, None]) -> list[str]:
    """The namespaces that a test finds when it begins; it is in the last that is made here."""
    lines = []
    if "left" in namespaces:
        names = [name for name in ("left", "router", "right") if name in namespaces]
        lines += [f"int {name} = new_host();" for name in names]
        lines.append("route(left, router, right);" if "router" in namespaces else "join(left, right, 1);")
    if "home" in namespaces:
        lines += ["int home = new_namespace();", "(void)home;"]
    if "host" in namespaces:
        lines += ["int host = new_host();", "(void)host;"]
    return [*lines, ""]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = lambda text: quoted(text.encode())
    environment.filters["comment"] = _comment
    return environment


def _comment(text: str, margin: str = "") -> str:
    lines = textwrap.wrap(comment(" ".join(text[:LONGEST].split())), 75)
    return f"\n * {margin}".join(lines)
