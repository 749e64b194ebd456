"""The comparison finds what ends otherwise with libsocket's socket, and only that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cpython.comparison import ROOT

MODULE = """
import os, socket, unittest
OURS = socket.socket.__module__ == "libsocket.socket"

class Alike(unittest.TestCase):
    def test_passes(self): socket.socket().close()
    @unittest.skip("no")
    def test_is_skipped(self): pass
    def test_fails(self): self.fail("with both")

class Otherwise(unittest.TestCase):
    def test_fails_with_ours(self): self.assertFalse(OURS)
    def test_fails_with_theirs(self): self.assertTrue(OURS)
    def test_is_skipped_with_ours(self): OURS and self.skipTest("no")
    def test_fails_in_a_part_with_ours(self):
        with self.subTest(1): self.assertFalse(OURS)

class Fixture(unittest.TestCase):
    @classmethod
    def setUpClass(cls): assert not OURS, "no fixture"
    def test_has_a_fixture(self): pass

class Once(unittest.TestCase):
    def test_fails_once(self):
        if OURS and not os.path.exists(os.environ["MARK"]):
            os.mkdir(os.environ["MARK"])
            self.fail("once")
"""


def run(folder: Path, text: str, *names: str) -> subprocess.CompletedProcess[str]:
    (folder / "sampled.py").write_text(text)
    path = os.pathsep.join((str(ROOT), str(folder)))
    return subprocess.run(
        [sys.executable, "-m", "tests.cpython", *names],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "MARK": str(folder / "mark")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_ends_otherwise_each_time_is_reported(tmp_path: Path) -> None:
    done = run(tmp_path, MODULE, "sampled")
    reported = {
        line.split()[1:] and line.split(": ", 1)[1] for line in done.stdout.splitlines() if "OTHER" in line
    }

    assert (done.returncode, reported) == (
        1,
        {
            "sampled.Otherwise.test_fails_with_ours",
            "sampled.Otherwise.test_fails_with_theirs",
            "sampled.Otherwise.test_is_skipped_with_ours",
            "sampled.Otherwise.test_fails_in_a_part_with_ours",
            "sampled.Fixture.test_has_a_fixture",
            "setUpClass (sampled.Fixture)",
        },
    ), done.stderr


def test_what_ends_alike_passes(tmp_path: Path) -> None:
    done = run(tmp_path, MODULE, "sampled.Alike", "sampled.Once")

    assert (done.returncode, [line.split()[:6] for line in done.stdout.splitlines()[1:]]) == (
        0,
        [
            ["sampled.Alike", "3", "1", "1", "1", "0"],
            ["fails", "with", "both:", "sampled.Alike.test_fails:", "AssertionError:", "with"],
            ["sampled.Once", "1", "1", "0", "0", "0"],
        ],
    ), done.stderr


def test_test_that_never_ends_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "sampled.py").write_text(
        "import signal, unittest\nclass Case(unittest.TestCase):\n    def test(self): signal.pause()\n"
    )
    program = "from tests.cpython import suite; suite.LIMIT = 2; suite.main('standard', 'sampled')"
    path = os.pathsep.join((str(ROOT), str(tmp_path)))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=True,
    )
    test, ending, detail = json.loads(done.stdout)

    assert (test, ending, "did not end within" in detail) == ("sampled.Case.test", "failed", True)


def test_module_that_cannot_be_imported_is_no_agreement(tmp_path: Path) -> None:
    done = run(tmp_path, "import missing_module", "sampled")

    assert (done.returncode, "No module named 'missing_module'" in done.stderr) == (69, True)


def test_missing_test_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "__init__.py").touch()
    done = run(tmp_path, "", "test.test_socket")

    assert (done.returncode, "testsuite" in done.stderr) == (69, True)
