"""Hold libsocket's Socket against the standard library's, by CPython's own tests.

Each is run twice, with the standard library as it is and with ``socket.socket = libsocket.Socket``, and must
end alike: passed, skipped or failed.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Final

from netns import NamespaceRefused
from reports.command import command, parser
from tests.cpython.comparison import MISSING, Comparison, Endings, NotRun, compare

SUITES: Final = (
    "test.test_socket",
    "test.test_selectors",
    "test.test_socketserver",
    "test.test_ssl",
    "test.test_asyncio",
)
MAJOR, MINOR, _ = platform.python_version_tuple()
HAS_NO_TESTS: Final = f"""\
{sys.executable} has no test package. It is part of Python, but distributions pack it on its own:
on Debian and Ubuntu apt-get install libpython{MAJOR}.{MINOR}-testsuite."""


@command("cpython")
def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, and print what came of it. Returns the exit status."""
    line = parser("tests.cpython", __doc__, "a test ends otherwise", unavailable="the tests cannot be run")
    line.add_argument("name", nargs="*", default=SUITES, help="a module, class or test (default: all)")
    names = line.parse_args(arguments).name
    if find_spec("test.test_socket") is None and any(name.startswith("test.") for name in names):
        print(HAS_NO_TESTS, file=sys.stderr)
        return os.EX_UNAVAILABLE
    print(f"{'':40} {'tests':>6} {'passed':>7} {'skipped':>8} {'failed':>7} {'otherwise':>10} {'seconds':>8}")
    progress = Progress()
    differing = 0
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # most of the time is spent in waiting
            for name, compared in zip(names, pool.map(progress.compared, names), strict=True):
                differing += _printed(name, *compared)
    except (NotRun, NamespaceRefused) as error:
        print(error, file=sys.stderr)
        return os.EX_UNAVAILABLE
    return 1 if differing else 0


class Progress:
    """How many tests have ended with each kind of socket, told where somebody looks on."""

    def __init__(self) -> None:
        self._ended: Counter[str] = Counter()

    def compared(self, name: str) -> tuple[Comparison, float]:
        """What comes of a module, class or test, and the seconds it took."""
        begun = time.monotonic()
        return compare([name], self._count), time.monotonic() - begun

    def _count(self, kind: str) -> None:
        self._ended[kind] += 1
        if sys.stderr.isatty():
            counts = [f"{number} with {one}" for one, number in sorted(self._ended.items())]
            print(f"\r{', '.join(counts)}", end="\r", file=sys.stderr)


def _printed(name: str, comparison: Comparison, seconds: float) -> int:
    """Print what came of it. How many tests end otherwise."""
    print(_row(name, comparison, seconds))
    for test in _failing(comparison.standard, comparison.ours):
        print(f"  fails with both: {test}: {_last_line(comparison.standard[test].detail)}")
    for test in comparison.differing:
        standard, ours = (endings.get(test, MISSING) for endings in comparison[:2])
        print(f"  OTHERWISE: {test}\n  {standard.ending}, with libsocket {ours.ending}")
        print(ours.detail or standard.detail)
    sys.stdout.flush()
    return len(comparison.differing)


def _row(name: str, comparison: Comparison, seconds: float) -> str:
    standard = comparison.standard
    count = Counter(one.ending for one in standard.values())
    numbers = f"{count['passed']:7} {count['skipped']:8} {count['failed']:7} {len(comparison.differing):10}"
    return f"{name:40} {len(standard):6} {numbers} {seconds:8.0f}"


def _failing(standard: Endings, ours: Endings) -> list[str]:
    both = standard.keys() & ours.keys()
    return sorted(test for test in both if standard[test].ending == ours[test].ending == "failed")


def _last_line(detail: str) -> str:
    return detail.strip().rpartition("\n")[2]


if __name__ == "__main__":
    sys.exit(main())
