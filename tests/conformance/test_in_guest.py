"""How a guest runs the suite: its memory is locked until all is imported, and no longer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.plugin import in_guest
from kernels.inside import EMULATED, GUEST
from tests.conformance.suites import ROOT

TEST = """
def locked():
    status = open("/proc/self/status").read()
    return int(status.partition("VmLck:")[2].split()[0])

WHILE_IMPORTED = locked()

def test_locked():
    print(f"locked: {WHILE_IMPORTED > 0} {locked() > 0}")
    assert "FAIL" not in __file__
"""


def run_in_guest(test: Path, guest: str = "1") -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", in_guest.__name__, "-q", "-s", "-p", "no:cacheprovider", str(test)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", GUEST: guest}
    return subprocess.run(program, cwd=test.parent, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="locking memory without limit needs root (CAP_IPC_LOCK)")
@pytest.mark.parametrize(("guest", "said"), [("1", "True False"), (EMULATED, "False False")])
def test_memory_is_locked_until_the_first_test(tmp_path: Path, guest: str, said: str) -> None:
    test = tmp_path / "test_locked.py"
    test.write_text(TEST)

    assert f"locked: {said}" in run_in_guest(test, guest).stdout


@pytest.mark.parametrize(("name", "status"), [("test_passes.py", 0), ("test_FAIL.py", 1)])
def test_the_exit_status_is_that_of_pytest(tmp_path: Path, name: str, status: int) -> None:
    test = tmp_path / name
    test.write_text(TEST)

    ran = run_in_guest(test)
    assert (ran.returncode, "1 passed" in ran.stdout) == (status, status == 0)
