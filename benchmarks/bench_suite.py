"""What a run costs beyond the waits that the documents demand: ``python -m benchmarks.bench_suite``.

A run in one process shows the waits: the time in which it did nothing. A run with a worker for each
processor may take those waits, shared among the workers, and a few seconds more. Collection is timed alone,
and with generated claims besides, which shows what each further claim costs.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reports.command import command, parser

ROOT: Final = Path(__file__).parents[1]

BEYOND: Final = 5.0
"""Seconds that a run may take beyond the shared waits, on two processors."""
COLLECTING: Final = 1.0
"""Seconds that collecting the suite may take."""
EACH: Final = 0.001
"""Seconds that a further claim may add to that."""
MORE: Final = 2000
ROUNDS: Final = 5

TEST: Final = """
@claim(
    "generated/topic-{number}/slug",
    section="Section",
    says="The value that was set, {number}, is the one that reads back on a UDP socket.",
)
def test_{number}(ns, observe):
    with Socket.udp() as sock:
        sock.priority = {number} % 7

        assert observe("read_back", sock.priority) == {number} % 7
"""


def suite(*arguments: str) -> tuple[float, float]:
    """Seconds a run took, and seconds of processor time it used."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        record = ["--run-record", f"{folder}/run.jsonl"]
        command = [sys.executable, "-m", "pytest", "conformance", "-q", *record, *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    took, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def collected(*places: str) -> float:
    """Seconds the fastest of several collections took."""
    return min(suite("--collect-only", *places)[0] for _ in range(ROUNDS))


def generated(folder: Path) -> Iterator[Path]:
    """Files of claims, as large as the suite's own are."""
    head = "from conformance.plugin.claim import claim\nfrom libsocket import Socket\n"
    for first in range(0, MORE, 20):
        path = folder / f"test_generated_{first}.py"
        path.write_text(head + "".join(TEST.format(number=number) for number in range(first, first + 20)))
        yield path


@command("bench_suite")
def main(arguments: Sequence[str] | None = None) -> int:
    parser("benchmarks.bench_suite", __doc__, "a run costs more than it may").parse_args(arguments)
    workers = os.cpu_count() or 1
    suite("--collect-only")  # so that all find compiled files
    own = collected()
    with tempfile.TemporaryDirectory() as folder:
        list(generated(Path(folder)))
        suite("--collect-only", folder)
        each = (collected(folder) - own) / MORE
    alone, used = suite()
    waits = max(0.0, alone - used)
    together, _ = suite("-n", str(workers))
    beyond = together - waits / workers
    print(f"collection:   {own:5.2f} s (allowed {COLLECTING:g}), {each * 1000:.2f} ms for each further claim")
    print(f"one process:  {alone:5.1f} s, of which it waited {waits:.1f} s")
    print(f"{workers} workers:    {together:5.1f} s, {beyond:.1f} s beyond the waits shared")
    print(f"allowed on 2 processors: {BEYOND:g} s")
    return int(beyond > BEYOND or own > COLLECTING or each > EACH)


if __name__ == "__main__":
    sys.exit(main())
