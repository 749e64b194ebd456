"""Guests on a processor whose vector registers outgrow an older user-mode Linux."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from kernels import xstate

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the registers of x86-64")
AMX = 11_008
"""Bytes of state of a processor with AMX."""
AVX512 = 2_696
HEADED = 512 + 64
"""What FXSAVE keeps, and the header."""

# Asks for the extended state of a child of its own, as such a kernel does, and prints the errno.
ASKS = """
import sys; sys.path.insert(0, sys.argv[1])
import kernels.xstate as xstate
print(xstate._measured())
"""


@pytest.mark.parametrize(
    ("release", "size", "expected"),
    [
        ("5.10.46", AMX, True),
        ("6.12.118", AMX, True),
        ("6.13.0-rc1", AMX, False),
        ("7.2.7", AMX, False),
        ("5.10.46", AVX512, False),
        ("5.10.46", 0, False),
        ("", AMX, False),
    ],
)
def test_older_kernels_have_room_for_so_much(
    monkeypatch: pytest.MonkeyPatch, release: str, size: int, expected: bool
) -> None:
    monkeypatch.setattr(xstate, "_size", lambda: size)

    assert xstate.outgrown(release) is expected
    assert (xstate.without_xstate(["linux"], release) != ["linux"]) is expected


def test_the_size_is_that_of_this_processor() -> None:
    flags = Path("/proc/cpuinfo").read_text().split()

    assert xstate._size() >= HEADED
    assert xstate._size() > xstate.ROOM or "amx_tile" not in flags


def test_the_extended_state_is_refused_to_what_it_starts() -> None:
    asks = [sys.executable, "-c", ASKS, os.getcwd()]
    program = [sys.executable, "-I", "-S", xstate.__file__]

    offered = subprocess.run(asks, capture_output=True, text=True, check=True)
    refused = subprocess.run([*program, *asks], capture_output=True, text=True, check=True)

    assert int(offered.stdout) >= HEADED
    assert int(refused.stdout) == 0


def test_a_program_that_is_not_there_is_named() -> None:
    program = [sys.executable, "-I", "-S", xstate.__file__, "/nonexistent"]

    ended = subprocess.run(program, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (127, "/nonexistent: No such file or directory\n")


def test_a_launcher_passes_its_arguments_on_and_an_environment_of_its_own(tmp_path: Path) -> None:
    launcher = xstate.write_launcher(
        Path("/usr/bin/env"), {"A": "1", "B": "two words"}, tmp_path / "launcher"
    )

    environment = subprocess.check_output([launcher, "-0"])
    arguments = subprocess.check_output([launcher, "printf", "%s|", "a b", ""])

    assert (environment, arguments) == (b"A=1\0B=two words\0", b"a b||")


def test_a_launcher_of_nothing_says_so(tmp_path: Path) -> None:
    launcher = xstate.write_launcher(Path("/nonexistent"), {}, tmp_path / "launcher")

    assert subprocess.run([launcher], check=False).returncode == 127
