"""Where an implementation other than Linux differs, as ``conformance/expectations/`` has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from reports.assess import ENDINGS, assess
from reports.catalogue import Catalogue
from reports.errors import FileError
from reports.model import LINUX, Answer, Claim, Expectation, Header, Run, Value, Verdict
from reports.printable import one_line

HEAD = """\
# Where {0} is known to differ: what it says instead, and why. "python -m reports overlay RUN" writes the
# file anew from a run. What is declared keeps its words. What is new has those of its errno, or none yet,
# which the suite refuses.
implementation = {1}
"""

_WORDS: Final[Mapping[Value, str]] = {
    "ENOPROTOOPT": "the option is unknown",
    "EPROTONOSUPPORT": "there are no sockets of that protocol",
    None: "what should be refused succeeds",
}
"""What an errno that ends a test says by itself, and a call that should have had one."""


def overlay(runs: Sequence[Run], catalogue: Catalogue) -> str:
    """What the last of the runs shows, with the words of what the catalogue declares already.

    Claims that it does not answer keep their declarations. Raises: FileError for a run on Linux.
    """
    run = runs[-1]
    implementation = run.header.implementation
    if implementation == LINUX:
        raise FileError("differences of Linux are declared beside the claims; name a run on something else")
    names = sorted(run.answers.keys() | catalogue.by_id.keys())
    found = ((name, _difference(catalogue.claim(name), run)) for name in names)
    entries = (_entry(name, difference) for name, difference in found if difference)
    return HEAD.format(one_line(implementation), _text(implementation)) + "".join(entries)


def _difference(claim: Claim, run: Run) -> Expectation | None:
    """What is to be declared of a claim."""
    declared = claim.expectation(run.header.implementation, run.header.base)
    answer = run.answers.get(claim.id)
    if answer is None or answer.verdict not in {Verdict.HOLDS, Verdict.DIFFERS}:
        return declared
    if answer.verdict is Verdict.HOLDS:
        return None
    if declared and _as_declared(claim, run.header, answer):
        return declared
    return replace(declared or Expectation(_words(answer)), observed=_in_short(answer))


def _as_declared(claim: Claim, header: Header, answer: Answer) -> bool:
    return assess(claim, header.implementation, header.base, answer).expected


def _words(answer: Answer) -> str:
    """Why, where that is all in how the tests ended."""
    ends = [value for name, value in answer.observations.items() if name.partition("[")[0] in ENDINGS]
    known = all(value in _WORDS for value in ends)
    return "; ".join(text for value, text in _WORDS.items() if value in ends) if known else ""


def _in_short(answer: Answer) -> dict[str, Value]:
    """An answer's observations; what all of its tests observed alike is named once."""
    seen = dict(sorted(answer.observations.items()))
    if Verdict.HOLDS in answer.also:
        return seen
    short: dict[str, Value] = {}
    for name, value in seen.items():
        plain = name.partition("[")[0]
        alike = all(other == value for one, other in seen.items() if one.partition("[")[0] == plain)
        short[plain if alike else name] = value
    return short


def _entry(claim: str, difference: Expectation) -> str:
    return "".join(f"{line}\n" for line in ("", *_lines(claim, difference)))


def _lines(claim: str, difference: Expectation) -> Iterator[str]:
    yield f"[differs.{_text(claim)}]"
    yield f"why = {_text(difference.why)}"
    if difference.source:
        yield f"source = {_text(difference.source)}"
    yield f"observed = {_literal(_json(difference.observed))}"


def _json(values: Mapping[str, Value]) -> str:
    return msgspec.json.encode(values).decode()


def _literal(text: str) -> str:
    """Text as TOML has it without escapes, where it can."""
    return f"'{text}'" if text.isprintable() and "'" not in text else _text(text)


def _text(text: str) -> str:
    """Text as TOML has it: with escapes for what JSON escapes, and for what could steer a terminal."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in quoted)
