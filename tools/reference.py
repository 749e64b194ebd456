"""The options reference, from declarations, claims and probes: ``python -m tools.reference``.

It writes ``docs/options.md``, and ``libsocket/claims.json`` for the options' docstrings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from libsocket import OPTIONS, Access, Level, Option
from reports.markdown import escape
from reports.output import publish
from reports.ranges import version
from reports.record import Run, Verdict
from tools.answers import Answers
from tools.claims import Told, by_option, own_topic, runs
from tools.docstrings import docstrings
from tools.probes import Probe, kept
from tools.remarks import LEFT_OUT
from tools.wording import names, spoken, table

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "options.md"
DOCSTRINGS: Final = ROOT / "libsocket" / "claims.json"

INTRODUCTION: Final = """\
# Socket options

Every option that `libsocket` declares, by level. On a `Socket` each is an attribute; `Socket.<attribute>` and
`libsocket.<NAME>` are the option itself, which `sock.get`, `sock.set`, `sock.ask` and `sock.supported` take.
*since* is the first mainline kernel that has it, *answered* names those of [some kernels](#kernels) that were
seen to know it, *capability* is what some or all values need.

With an option stand the claims that name it, as the [matrix](matrix.md) has them: the verdict of the newest
kernel, {newest}, and in brackets those of others, from {oldest} on, that said otherwise. The
[README](../README.md#how-to-read-a-verdict) tells what a verdict means; an id leads to what was measured.

This page is written by `python -m tools.reference`; `make reference` asks the kernels anew before."""

COLUMNS: Final = ("option", "attribute", "number", "type", "access", "since", "answered", "capability")
WORDS: Final = {Access.GET: "get", Access.SET: "set", Access.BOTH: "get, set"}


class Reference:
    """The page, from runs and probes, oldest kernel first."""

    def __init__(self, told: Sequence[Run], probes: Sequence[Probe]) -> None:
        self.oldest, self.newest = (
            ".".join(map(str, version(run.header.base))) for run in (told[0], told[-1])
        )
        self.claims = by_option(told)
        self.answers = Answers(probes)

    def page(self) -> Iterator[str]:
        """Line by line."""
        yield INTRODUCTION.format(oldest=self.oldest, newest=self.newest)
        for level in Level:
            yield from self.chapter(level, [option for option in OPTIONS if option.level is level])
        yield "\n## Kernels\n"
        yield from self.answers.kernels()
        yield "\n## Answered by none of them\n"
        yield from self.answers.unanswered()
        yield "\n## Left out\n"
        for left_out, reason in LEFT_OUT.items():
            yield f"- {names(left_out.split())} {reason}."

    def chapter(self, level: Level, options: Sequence[Option[Any]]) -> Iterator[str]:
        """A level: its table, then a section for each option."""
        yield f"\n## {level.name}\n"
        yield table(*COLUMNS)
        yield table(*["---"] * len(COLUMNS))
        yield from map(self.row, options)
        for option in options:
            yield from self.section(option)

    def row(self, option: Option[Any]) -> str:
        """An option at a glance."""
        name = f"[{option.name}](#{option.constant.lower()})"
        facts = (name, f"`{option.attribute}`", str(option.numbers.generic), f"`{option.codec}`")
        ages = (option.since, self.answers.glance(option))
        return table(*facts, WORDS[option.access], *ages, option.capability or "")

    def section(self, option: Option[Any]) -> Iterator[str]:
        """All there is to say about an option."""
        yield f"\n### {option.constant}\n"
        yield option.doc
        yield f"\n*{option.facts}* (in C: {option.codec.layout})"
        if callable(option.codec.question) and Access.GET in option.access:
            yield "\nRead by a question: `sock.ask`."
        if elsewhere := elsewhere_numbered(option):
            yield f"\nNumber {option.numbers.generic}; {elsewhere}."
        yield f"\n{self.answers.line(option)}"
        yield from listed(option, self.claims.get(option.constant, ()))


def listed(option: Option[Any], told: Sequence[Told]) -> Iterator[str]:
    """The claims about an option, then those about something else that name it."""
    own = [item(one) for one in told if own_topic(option, one)]
    others = [item(one) for one in told if not own_topic(option, one)]
    for title, items in (("Claims", own), ("Named by claims about something else", others)):
        if items:
            yield f"\n{title}:\n"
            yield from items


def item(told: Told) -> str:
    """A claim in a line."""
    others = ", ".join(f"{verdict} on {spoken(kernels)}" for verdict, kernels in told.others.items())
    word = told.verdict if told.verdict == Verdict.HOLDS.value else f"**{told.verdict}**"
    verdict = f"{word} ({others})" if others else word
    instead = f" *Instead: {escape(told.instead)}.*" if told.instead else ""
    link = f"[{escape(told.claim.id)}](matrix.html#{told.claim.id})"
    return f"- {verdict}: {escape(told.claim.says)}{instead} {link}"


def elsewhere_numbered(option: Option[Any]) -> str:
    """The numbers of the architectures that differ."""
    own = {name: value for name, value in option.numbers._asdict().items() if value is not None}
    return ", ".join(f"{value:#x} on {name}" for name, value in own.items() if name != "generic")


def main() -> None:
    """Write both files."""
    told = runs()
    publish("\n".join(Reference(told, kept()).page()) + "\n", PAGE)
    publish(docstrings(told), DOCSTRINGS)


if __name__ == "__main__":
    main()
