"""Whether the claims notice when a kernel's sockets behave otherwise: ``python -m tools.mutants``.

Each patch of conformance/mutants makes one small change to Linux. Its kernel is built, asked the claims that
may notice the change, and held against what the kernel without it answers. A mutant is killed where a claim
has another verdict or other observations, two times, or where its kernel dies. A claim that is not needed for
that is not asked: first come those that run or name what is changed, then the others.

What is known stands in build/mutants.jsonl, so a run goes on where the last one ended: with mutants that were
not tried, whose patch is another one, or that survived, unexplained, and for which there are new claims. What
survives for good is explained in conformance/mutants/explained.toml.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import shlex
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from reports.catalogue import read_catalogue
from reports.command import command, count, parser
from reports.nearest import nearest
from reports.printable import printable
from tools.mutants.children import Children
from tools.mutants.kernels import Base, NoKernel, Workshop
from tools.mutants.patches import Mutant, read_mutants
from tools.mutants.reach import SCOPES, Reach, read_reached
from tools.mutants.results import End, Results
from tools.mutants.table import read_explained, summary, table, unexplained
from tools.mutants.trial import Trial, grouped, try_mutants

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "conformance" / "mutants"
SOURCE: Final = "7.2"
"""What the patches are made against."""


@command("mutants")
def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants that are asked for, and print what became of them; the exit status."""
    line = _parser()
    asked = line.parse_args(arguments)
    explained = read_explained(asked.mutants / "explained.toml")
    every = read_mutants(asked.mutants)
    mutants = _chosen(every, asked, line)
    left_out = {one.name for one in every}.difference(one.name for one in mutants)
    explained = {name: why for name, why in explained.items() if name not in left_out}
    results = Results(asked.results)
    if not asked.report:
        try:
            _try_all(mutants, explained, results, asked)
        except NoKernel as error:
            print(printable(f"mutants: {error}"), file=sys.stderr)
            return os.EX_UNAVAILABLE
    known = [one for mutant in mutants if (one := results.of(mutant.name, mutant.digest))]
    for text in table(mutants, known, explained):
        print(printable(text))
    return 1 if unexplained(known, explained) or any(one.end is End.UNTRIED for one in known) else 0


def _try_all(
    mutants: Sequence[Mutant], explained: Collection[str], results: Results, asked: argparse.Namespace
) -> None:
    """Try what is not known yet, so many side by side. However this ends, nothing of it goes on running."""
    catalogue = read_catalogue(asked.catalogue)
    reach = Reach(catalogue, read_reached(asked.reached))
    trials = list(_trials(mutants, explained, results, reach, asked))
    groups = grouped(trials, asked.together)
    _progress(f"{len(trials)} of {len(mutants)} mutants to try, in {len(groups)} kernels at least")
    if not trials:
        return
    files = {claim.id: tuple(test.file for test in claim.tests) for claim in catalogue.claims if claim.tests}
    workshop = Workshop(ROOT, Children(ROOT), asked.source, asked.under, files)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with results.growing(), ThreadPoolExecutor(asked.jobs) as pool:
            _try(pool, groups, results, workshop, catalogue.suite_digest)
    finally:
        workshop.clear_away()


def _try(
    pool: ThreadPoolExecutor,
    groups: Sequence[Sequence[Trial]],
    results: Results,
    workshop: Workshop,
    suite_digest: str,
) -> None:
    try:
        _progress("building the kernel without a mutant, which takes minutes where it was not built before")
        base = Base(workshop, workshop.build_base(), suite_digest)
        first = list(dict.fromkeys(claim for group in groups for trial in group for claim in trial.rings[0]))
        _progress(f"asking it {len(first)} claims, unless it was asked before")
        base.answers(first)
        number = sum(map(len, groups))
        running = [pool.submit(_try_group, group, workshop, base, results, number) for group in groups]
        for done in as_completed(running):
            done.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        workshop.stop()
        raise


def _try_group(group: Sequence[Trial], workshop: Workshop, base: Base, results: Results, number: int) -> None:
    begin = time.monotonic()
    for result in try_mutants(group, workshop, base):
        results.add(result)
        seconds = time.monotonic() - begin
        _progress(f"[{results.added}/{number}] {result.mutant}: {summary(result)}; after {seconds:.0f} s")


def _trials(
    mutants: Sequence[Mutant],
    explained: Collection[str],
    results: Results,
    reach: Reach,
    asked: argparse.Namespace,
) -> Iterator[Trial]:
    """What is to be done."""
    for mutant in mutants:
        known = None if asked.again else results.of(mutant.name, mutant.digest)
        if known and (known.killed or mutant.name in explained):
            continue
        tried = known.tried if known and known.end is End.SURVIVED else ()
        rings = [[one for one in ring if one not in tried] for ring in reach.rings(mutant, asked.scope)]
        if rings := [ring for ring in rings if ring]:
            yield Trial(mutant, rings, reach.runs(mutant), list(tried))
        elif known is None:
            yield Trial(mutant, [reach.lone])


def _chosen(
    mutants: Sequence[Mutant], asked: argparse.Namespace, line: argparse.ArgumentParser
) -> list[Mutant]:
    chosen = [one for one in mutants if _matches(one.name, asked.only)]
    if not chosen:
        near = nearest(asked.only[0], [one.name for one in mutants])
        line.error(f"--only {asked.only[0]!r} is no mutant; did you mean {' or '.join(near) or 'tcp-*'}?")
    number, parts = asked.sample
    return chosen[number - 1 :: parts]


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, one) for one in patterns)


def _sample(text: str) -> tuple[int, int]:
    """``2/10``. Raises: ValueError."""
    number, parts = map(int, text.split("/"))
    if not 1 <= number <= parts:
        raise ValueError
    return number, parts


def _progress(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    line = parser(
        "tools.mutants",
        __doc__,
        "a survivor is not explained, or a mutant could not be built or asked",
        "the kernel without a mutant cannot be built or asked",
    )
    line.add_argument(
        "--only", action="append", default=[], metavar="PATTERN", help="mutants of these names: 'unix-*'"
    )
    line.add_argument(
        "--sample",
        type=_sample,
        default=(1, 1),
        metavar="N/M",
        help="the Nth of M parts, each of mutants of all files: 1/40 is sixteen of them",
    )
    line.add_argument(
        "--scope",
        choices=SCOPES,
        default="all",
        help="claims to ask of one that survives: those that name what is changed, those of its family of "
        "sockets too, or all (default: all)",
    )
    line.add_argument("--again", action="store_true", help="try also what is known already")
    line.add_argument("--report", action="store_true", help="try nothing; print what is known")
    line.add_argument(
        "-j", "--jobs", type=count, default=2, metavar="N", help="so many side by side (default: 2)"
    )
    line.add_argument(
        "--together",
        type=count,
        default=8,
        metavar="N",
        help="so many in one kernel, where it is counted which claims run their lines (default: 8)",
    )
    line.add_argument(
        "--under",
        type=shlex.split,
        default=[],
        metavar="COMMAND",
        help="what runs the guests: 'nice -n 10', 'taskset -c 0'",
    )
    line.add_argument(
        "--source", default=SOURCE, help=f"what 'python -m kernels build' takes (default: {SOURCE})"
    )
    line.add_argument("--mutants", type=Path, default=FOLDER, metavar="DIR", help="where the patches are")
    line.add_argument(
        "--results", type=Path, default=ROOT / "build" / "mutants.jsonl", metavar="FILE", help="what is known"
    )
    line.add_argument(
        "--reached",
        type=Path,
        default=ROOT / "build" / "coverage" / "reached.sqlite",
        metavar="FILE",
        help="which claims run which lines, where that was counted",
    )
    line.add_argument("--catalogue", type=Path, default=ROOT / "build" / "catalogue.json", metavar="FILE")
    return line


if __name__ == "__main__":
    sys.exit(main())
