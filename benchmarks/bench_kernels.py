"""What another kernel costs: ``python -m benchmarks.bench_kernels [KERNEL ...]``, or user-mode Linux.

A guest that tries a single claim measures the cost of the kernel: boot, collection, power-off. One that
tries all of them, less that, measures the tests; the host is measured in the same way, with one worker.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from kernels.archive import Archive
from kernels.backend import kernel
from kernels.cache import Cache
from kernels.guest import Job, guest_environ
from kernels.progress import Progress
from reports.command import command, parser

ROOT = Path(__file__).parents[1]
SERIES = ("uml:5.10", "uml:6.1", "uml:6.12", "uml:7.2")
ONE = ("--claim", "socket.7/SO_RCVBUF/doubled")

BESIDE = {"uml:5.10": 5.0}
"""Seconds that a kernel may cost beside its tests; others 3."""
TIMES = 3.0
"""How many times as long as on the host the tests may take in a guest."""


def suite(record: Path) -> list[str]:
    pytest = [sys.executable, "-m", "pytest", "conformance", "-q", "-p", "no:cacheprovider"]
    return [*pytest, "--run-record", str(record)]


def on_host(*arguments: str) -> float:
    """Seconds of a run on the host."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        line = [*suite(Path(folder) / "run.jsonl"), *arguments]
        subprocess.run(line, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        return time.monotonic() - start


def in_guest(name: str, *arguments: str) -> float:
    """Seconds of a run in a guest, from its start to its power-off."""
    chosen = kernel(name)
    image = chosen.obtain(Archive(Cache.of_user(), progress=Progress()))
    with tempfile.TemporaryDirectory(prefix="kernels-") as folder:
        line = [*suite(Path(folder) / "run.jsonl"), *arguments]
        environ = guest_environ() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        start = time.monotonic()
        with chosen.start(image, Job(line, Path(folder), ROOT, environ=environ)) as guest:
            guest.wait()
        return time.monotonic() - start


@command("bench_kernels")
def main(arguments: Sequence[str] | None = None) -> int:
    line = parser("benchmarks.bench_kernels", __doc__, "a kernel costs more than it may")
    line.add_argument("kernels", nargs="*", default=SERIES, metavar="KERNEL")
    names = line.parse_args(arguments).kernels
    on_host("--collect-only")  # so that all find compiled files
    tests = on_host() - on_host(*ONE)
    missed = 0
    for name in names:
        beside = in_guest(name, *ONE)
        times = (in_guest(name) - beside) / tests
        allowed = BESIDE.get(name, 3.0)
        missed += beside > allowed or times > TIMES
        print(f"{name:10} {beside:5.1f} s beside the tests, at most {allowed:g}", end="; ")
        print(f"tests {times:.1f} times as long as on the host, at most {TIMES:g}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
