"""What a run costs beyond the waits that the documents demand: ``python -m benchmarks.bench_suite``.

A run in one process tells the waits: the time in which it did nothing. A run with a worker for each
processor may take those waits, shared among the workers, and a few seconds more.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

ALLOWED = 5.0
"""Seconds beyond the shared waits."""


def suite(*arguments: str) -> tuple[float, float]:
    """Seconds a run took, and seconds of processor time it used."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        record = ["--run-record", f"{folder}/run.jsonl"]
        command = [sys.executable, "-m", "pytest", "conformance", "-q", *record, *arguments]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    took, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    workers = os.cpu_count() or 1
    suite("--collect-only")  # so that both find compiled files
    alone, used = suite()
    waits = max(0.0, alone - used)
    together, _ = suite("-n", str(workers))
    beyond = together - waits / workers
    print(f"one process:  {alone:5.1f} s, of which it waited {waits:.1f} s")
    print(f"{workers} workers:    {together:5.1f} s, {beyond:.1f} s beyond the waits shared")
    print(f"allowed on 2 processors: {ALLOWED:g} s")
    return int(beyond > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
