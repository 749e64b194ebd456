"""Coverage for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.coverage.model import Coverage
from reports.coverage.plan import FunctionShare, Missing, Plan, shares, total, unused
from reports.printable import printable
from reports.wording import plural


def text(coverage: Coverage, plan: Plan, *, unreached: bool = False, options: bool = False) -> str:
    """How much of each function was reached; with its options and its unreached lines, if asked for."""
    functions = shares(coverage, plan)
    lines = _lines(coverage, plan, functions, unreached=unreached, options=options)
    return "".join(f"{printable(line)}\n" for line in lines)


def _lines(
    coverage: Coverage, plan: Plan, functions: Sequence[FunctionShare], *, unreached: bool, options: bool
) -> Iterator[str]:
    yield f"{coverage.kernel}, {plural(len(coverage.claims), 'claim')}"
    width = max((len(one.function.name) for one in functions), default=0)
    yield f"{'FUNCTION':{width}}  {'LINES':>15}  {'BRANCHES':>15}  FILE"
    for one in functions:
        share = one.share
        yield (
            f"{one.function.name:{width}}  {share.reached:4}/{share.lines:<4} {share.percent:4.0f}%  "
            f"{share.taken:4}/{share.branches:<4} {share.percent_of_branches:4.0f}%  "
            f"{one.file.path}:{one.function.first}{'' if one.met else f'  below {one.goal.percent:g}%'}"
        )
        if options:
            for option in one.options:
                reached = f"{option.share.reached}/{option.share.lines}"
                yield f"    {' '.join(option.names)}  {reached}"
        if unreached:
            yield from map(_missing, one.missing)
    share = total(functions)
    met = sum(one.met for one in functions)
    yield (
        f"{plural(len(functions), 'function')}, {met} with what is to be reached: "
        f"{share.reached} of {plural(share.lines, 'line')} ({share.percent:.1f}%), "
        f"{share.taken} of {share.branches} branches ({share.percent_of_branches:.1f}%)"
    )
    missing = [line for one in functions for line in one.missing]
    reasons = sum(bool(line.why and line.why.reason) for line in missing)
    to_come = sum(bool(line.why and line.why.to_come) for line in missing)
    unsaid = len(missing) - reasons - to_come
    yield (
        f"unreached: {reasons} for a reason, {to_come} with a claim to come, "
        f"{unsaid} of which nothing is said"
    )
    for stale in unused(coverage, plan):
        yield f"the plan says something of no unreached line: {stale.function}, {stale.line!r}"


def _missing(one: Missing) -> str:
    why = "" if one.why is None else one.why.reason or f"to come: {one.why.to_come}"
    return f"  {one.line.number:6}  {one.text.strip()}{f'  ({why})' if why else ''}"
