from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from kernels.backend import Image
from kernels.cache import FOLDER
from kernels.errors import EX_UNAVAILABLE
from tests.kernels.processes import (
    KERNELS,
    PATIENCE,
    ROOT,
    kernels,
    processes_naming,
    wait_until_gone,
    wait_until_written,
)

NOBODY = 65534
COMPILED = shutil.ignore_patterns("__pycache__")

WITHOUT_PTRACE = """
import ctypes, os, platform, struct, sys

LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050001
number = {"x86_64": 101, "aarch64": 117}[platform.machine()]
steps = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
fprog = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program))
prctl = ctypes.CDLL(None, use_errno=True).prctl
assert prctl(38, 1, 0, 0, 0) == 0 and prctl(22, 2, fprog, 0, 0) == 0, ctypes.get_errno()
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Runs a command under a filter that refuses ptrace with EPERM, as a hardened host does."""


@pytest.fixture
def open_folder(uml: Image) -> Iterator[Path]:
    """A copy of this package, what it imports and what it fetched, that every user may read."""
    with tempfile.TemporaryDirectory(prefix="kernels-test-") as made:
        cache = Path(made, FOLDER)
        for package in ("kernels", "reports", "debian", "filelock", "jinja2", "markupsafe", "platformdirs"):
            spec = find_spec(package)
            assert spec
            assert spec.origin
            shutil.copytree(Path(spec.origin).parent, Path(made, package), ignore=COMPILED)
        shutil.copytree(uml.folder, cache / "uml" / "6.1" / uml.version)
        if uml.tools.exists():
            shutil.copytree(uml.tools, cache / "tools", symlinks=True)
        Path(made).chmod(0o755)
        yield Path(made)


def test_run_shows_the_output_and_returns_the_exit_status(uml: Image) -> None:
    ran = kernels("run", "6.1", "--", "sh", "-c", "uname -r; exit 7")

    assert (ran.returncode, ran.stdout) == (7, f"{uml.release}\n")


def test_a_guest_that_died_is_reported_with_its_console(uml: Image) -> None:
    ran = kernels("run", f"uml:{uml.program}", "--idle-timeout", "1", "--", "sleep", "1000")

    assert ran.returncode == EX_UNAVAILABLE
    assert "no output for 1 s" in ran.stderr


@pytest.mark.parametrize(
    ("size", "said"),
    [("8k", "no guest can be started with the folder"), ("500k", "hardly any space left in")],
)
def test_a_full_disk_is_reported_and_leaves_nothing(size: str, said: str, uml: Image, tmp_path: Path) -> None:
    """Too small for what a guest is started with, and for what its command prints."""
    command = [*KERNELS, "run", f"uml:{uml.program}", "--", "head", "-c", "1000000", "/dev/zero"]
    script = f'mount -t tmpfs -o size={size} tmpfs {tmp_path} && "$@"; echo $?; ls -A {tmp_path}'
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )

    assert ran.stdout.strip(b"\0") == f"{EX_UNAVAILABLE}\n".encode(), ran.stderr
    assert said in ran.stderr.decode().splitlines()[-1]
    assert b"Traceback" not in ran.stderr


def test_a_shared_folder_that_cannot_be_made_is_reported(uml: Image, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    ran = kernels("run", f"uml:{uml.program}", "--shared", tmp_path / "file" / "folder", "--", "true")

    assert (ran.returncode, ran.stderr.count("\n")) == (EX_UNAVAILABLE, 1)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_guest_outlives_the_command(sent: signal.Signals, uml: Image, tmp_path: Path) -> None:
    command = [
        *KERNELS,
        "run",
        f"uml:{uml.program}",
        "--shared",
        str(tmp_path),
        "--",
        "sh",
        "-c",
        "echo up; sleep 1000",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as running:
        wait_until_written(tmp_path / ".guest" / "output", "up")
        guests = [pid for pid in processes_naming(tmp_path) if pid != running.pid]
        running.send_signal(sent)
        running.wait(PATIENCE)

    assert len(guests) > 2
    wait_until_gone(guests)


def test_an_ordinary_user_is_root_in_a_guest(open_folder: Path) -> None:
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    assert python, "a Python that every user can read"
    command = f"id -u; ls -d kernels; touch {open_folder}/kernels/written"
    ran = subprocess.run(
        [python, "-m", "kernels", "run", "6.1", "--", "sh", "-c", command],
        cwd=open_folder,
        env={"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(open_folder)},
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert ran.stdout.splitlines()[:2] == ["0", "kernels"], ran.stderr
    assert "Read-only file system" in ran.stdout


def test_a_host_that_forbids_tracing_is_reported(uml: Image) -> None:
    hardened = [sys.executable, "-c", WITHOUT_PTRACE, *KERNELS, "run", f"uml:{uml.program}", "--", "true"]
    ran = subprocess.run(hardened, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert ran.returncode == EX_UNAVAILABLE
    assert "ptrace_scope" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "9.9", "--", "true"], "is not a known kernel"),
        (["run", "uml:/bin/sh", "--", "true"], "cannot be started as a kernel because"),
        (["--mirror", "http://127.0.0.1:9/", "fetch", "uml:6.1"], "--mirror"),
    ],
)
def test_a_kernel_that_cannot_be_had_exits_69(arguments: list[str], message: str, tmp_path: Path) -> None:
    ran = kernels(*arguments, XDG_CACHE_HOME=str(tmp_path))

    assert (ran.returncode, message in ran.stderr, "Traceback" in ran.stderr) == (EX_UNAVAILABLE, True, False)


def test_a_full_kernel_needs_qemu_and_says_how_to_get_it(tmp_path: Path) -> None:
    """A path without qemu; vng lies beside the interpreter."""
    image = tmp_path / "bzImage"
    image.write_bytes(bytes(0x202) + b"HdrS" + bytes(0x100))
    for name in ("modprobe", "depmod", "busybox"):
        (tmp_path / name).symlink_to("/bin/true")

    ran = kernels("run", f"virtme:{image}", "--", "true", PATH=str(tmp_path))

    assert ran.returncode == EX_UNAVAILABLE
    assert "Install it" in ran.stderr


def test_list_prints_every_kernel_and_the_local_ones(uml: Image) -> None:
    lines = kernels("list").stdout.splitlines()

    rows = {line.split()[0]: line for line in lines if line}
    assert {"uml:5.10", "uml:6.1", "virtme:7.3", "gvisor:2024"} <= set(rows)
    assert uml.release in rows["uml:6.1"]


def test_clean_removes_the_cache(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    (folder / "uml").mkdir(parents=True)

    ran = kernels("clean", XDG_CACHE_HOME=str(tmp_path))

    assert (ran.returncode, [path.name for path in folder.iterdir()]) == (0, ["lock"])


def test_help_shows_examples() -> None:
    assert "python -m kernels shell 7.2" in kernels("--help").stdout


def test_list_ends_quietly_when_its_reader_does() -> None:
    process = subprocess.Popen([*KERNELS, "list"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()

    _, complaint = process.communicate()

    assert (process.returncode, complaint) == (0, b"")
