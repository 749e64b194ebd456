"""The library's tests with AddressSanitizer and UndefinedBehaviorSanitizer in the compiled calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1"
COMPILED_PARTS = ("compiled", "batches", "control", "errqueue")
"""The tests that a sample runs, by name: those that call what is compiled most."""


def runtime(name: str) -> str | None:
    """The sanitizer's library, which the compiler knows; it must be in the process before Python is."""
    if shutil.which("gcc") is None:
        return None
    done = subprocess.run(["gcc", f"-print-file-name={name}.so"], capture_output=True, text=True, check=True)
    found = done.stdout.strip()
    return found if os.sep in found else None


RUNTIMES = [runtime("libasan"), runtime("libubsan")]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of this tree, whose compiled calls have the sanitizers in them."""
    hidden = shutil.ignore_patterns(".*", "*.so", "*.c", "*.egg-info", "__pycache__", "build", "results")
    copy = Path(shutil.copytree(ROOT, tmp_path / "tree", ignore=hidden))
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=copy,
        env={**os.environ, "CFLAGS": SANITIZERS, "LDFLAGS": SANITIZERS},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return copy


def library_tests(tree: Path, *, whole: bool) -> list[str]:
    folder = tree / "tests" / "libsocket"
    return [str(folder)] if whole else [str(folder / f"test_{part}.py") for part in COMPILED_PARTS]


@pytest.mark.skipif(None in RUNTIMES, reason="gcc's libasan and libubsan are missing")
def test_compiled_calls_stay_within_their_memory(tree: Path, tmp_path: Path, tries: int) -> None:
    log = tmp_path / "sanitizer"
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        # each object of Python's is a piece of memory of its own, with guards around it
        "PYTHONMALLOC": "malloc",
        # the interpreter itself leaves some at its end
        "ASAN_OPTIONS": f"detect_leaks=0:log_path={log}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={log}",
        "LD_PRELOAD": ":".join(filter(None, RUNTIMES)),
    }
    tests = library_tests(tree, whole=tries > 10)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]

    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=900
    )

    said = [file.read_text() for file in tmp_path.glob(f"{log.name}.*")]
    assert (done.returncode, said) == (0, []), done.stdout[-4000:] + "".join(said)
