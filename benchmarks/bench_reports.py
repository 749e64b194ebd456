"""What a matrix of many kernels costs: ``python -m benchmarks.bench_reports``.

The reference runs of 40 kernels with 2,000 answers each, most of them the same, are drawn as one matrix, and
as the site. Each report has a process of its own, as when a person draws it, so starting Python and reading
all files counts. Of three processes the fastest counts, since others slow each other down. Exit status 1 when
a report costs more than it may.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from reports.catalogue import Catalogue
from reports.command import command, parser
from reports.model import LINUX, SCHEMA, Answer, Claim, Expectation, Footer, Header, Run, Test, Value, Verdict
from reports.ranges import Range
from reports.store import store

ROOT = Path(__file__).parents[1]


KERNELS = [f"{series}.{patch}" for series in ("5.10", "5.15", "6.1", "6.6", "6.12") for patch in range(1, 9)]
PAGES, TOPICS, SLUGS = 10, 20, 10
SINCE = "6.6"
"""Where behaviour changed, and the documents with it."""

SOURCE = """\
def test_receive_buffer_is_doubled(ns: Namespace, size: int) -> None:
    with Socket(AF_INET, SOCK_DGRAM) as sock:
        sock.rcvbuf = size

        assert observe(read_back=sock.rcvbuf) == size * 2
"""


def catalogue() -> Catalogue:
    return Catalogue(suite="0.1.0", claims=tuple(claims()))


def claims() -> Iterator[Claim]:
    """One in 40 is declared to differ on newer kernels, and one in 60 is documented for them only."""
    for number in range(PAGES * TOPICS * SLUGS):
        page, topic = number // (TOPICS * SLUGS), number // SLUGS % TOPICS
        differs = Expectation("it is a page more than that", Range(SINCE), "eea86af6b1e1", {"size": 8192})
        yield Claim(
            f"page{page}.7/SO_OPTION{topic}/behaviour-{number}",
            f"Setting option {topic} to {number} stores twice the size that was asked for.",
            document=f"page{page}(7)",
            section="Socket options",
            sentences=(f"option-{topic}-1",),
            range=Range(SINCE) if number % 60 == 1 else Range(),
            needs=("CAP_NET_ADMIN",) if number % 10 == 0 else (),
            expectations=(differs,) if number % 40 == 2 else (),
            tests=(Test(f"conformance/page{page}/test_options.py", number + 1, SOURCE),),
        )


def answer(claim: Claim, number: int, release: str, chance: random.Random) -> Answer:
    """As declared, except that one in 200 could not be tried, broke or differs as nobody declared."""
    observations = observed(number, chance)
    match chance.randrange(600):
        case 0:
            return Answer(claim.id, Verdict.BLOCKED, need="CAP_NET_ADMIN")
        case 1:
            return Answer(claim.id, Verdict.BROKEN, detail="OSError: [Errno 24] Too many open files")
        case 2:
            return Answer(claim.id, Verdict.DIFFERS, observations)
    if claim.expectation(LINUX, release):
        return Answer(claim.id, Verdict.DIFFERS, {**observations, "size": 8192})
    return Answer(claim.id, Verdict.HOLDS, observations)


def observed(number: int, chance: random.Random) -> dict[str, Value]:
    """Two to six values; those of one claim in ten are not the same everywhere."""
    values: dict[str, Value] = {
        f"read_back[{4096 << place}]": 8192 << place for place in range(1 + number % 5)
    }
    values["errno"] = "EPERM"
    return values | ({"default": chance.choice((212992, 425984))} if number % 10 == 3 else {})


def run(release: str, listed: Catalogue, chance: random.Random) -> Run:
    header = Header(
        schema=SCHEMA,
        kernel=f"uml:{release}",
        implementation="Linux",
        release=release,
        version="#1 SMP",
        machine="x86_64",
        suite="0.1.0",
    )
    answers = {one.id: answer(one, number, release, chance) for number, one in enumerate(listed.claims)}
    return Run(header, answers, Footer(len(answers)))


@dataclass(frozen=True)
class Cost:
    seconds: float
    """User time."""
    megabytes: float
    """The most memory that was resident."""
    kilobytes: float = 0
    """What is loaded to see it: a page, and of the site its first one."""


MATRIX = Cost(3, 500, 20_000)
MAY_COST = {"html": MATRIX, "markdown": MATRIX, "site": Cost(30, 500, 200)}
FIRST = ("index.html", "style.css", "site.js")
"""What a browser loads to show the site's start."""


def cost(*arguments: object) -> Cost:
    """What one report costs."""
    process = subprocess.Popen([sys.executable, "-m", "reports", *map(str, arguments)], cwd=ROOT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the report ended with status {process.returncode}")
    return Cost(used.ru_utime, used.ru_maxrss / 1024)


@command("bench_reports")
def main(arguments: Sequence[str] | None = None) -> int:
    parser("benchmarks.bench_reports", __doc__, "a report costs more than it may").parse_args(arguments)
    too_much = False
    with tempfile.TemporaryDirectory() as name:
        folder, listed = Path(name), catalogue()
        named = folder / "catalogue.json"
        named.write_text(listed.encode(), encoding="utf-8")
        chance = random.Random(0)
        store([run(release, listed, chance) for release in KERNELS], folder / "runs")
        print(f"{len(KERNELS)} kernels, {len(listed.claims)} claims")
        for kind, most in MAY_COST.items():
            page = folder / kind
            drawn = [cost(kind, folder / "runs", "--catalogue", named, "-o", page) for _ in range(3)]
            fastest = replace(min(drawn, key=lambda one: one.seconds), kilobytes=_loaded(page) / 1e3)
            print(f"{kind:<9}", _words(fastest), "; allowed", _words(most))
            too_much |= any(have > may for have, may in zip(astuple(fastest), astuple(most), strict=True))
    return int(too_much)


def _loaded(page: Path) -> int:
    files = [page / name for name in FIRST] if page.is_dir() else [page]
    return sum(file.stat().st_size for file in files)


def _words(cost: Cost) -> str:
    return f"{cost.seconds:.2f} s, {cost.megabytes:.0f} MB, a page of {cost.kilobytes:.0f} kB"


if __name__ == "__main__":
    sys.exit(main())
