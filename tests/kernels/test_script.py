from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from kernels import init, script
from kernels.guest import Job
from kernels.script import Mount

AWKWARD = """it's $HOME "quoted" `id` \\ ;"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job whose every path and word is awkward to quote."""
    folder, shared = tmp_path / AWKWARD, tmp_path / f"shared {AWKWARD}"
    folder.mkdir()
    command = ["sh", "-c", 'pwd; printf "%s\\n" "$NAME" "$1"; exit 3', "sh", AWKWARD]
    job = Job(command, shared, folder, environ={"NAME": AWKWARD})
    job.home.mkdir(parents=True)
    return job


def test_the_command_gets_its_folder_environment_and_words_as_they_are(job: Job) -> None:
    subprocess.run(["sh", script.write_command(job)], check=True)

    output, status = (job.home / "output").read_text(), (job.home / "exit-status").read_text()
    assert (output, status) == (f"{job.folder}\n{AWKWARD}\n{AWKWARD}\n", "3\n")


def test_a_folder_that_is_not_there_is_exit_status_126(job: Job) -> None:
    job.folder.rmdir()

    subprocess.run(["sh", script.write_command(job)], stderr=subprocess.DEVNULL, check=False)

    assert (job.home / "exit-status").read_text() == "126\n"


def test_init_mounts_folders_as_they_are_named(job: Job) -> None:
    script.write_init(job, "token", [Mount(job.folder, "ro"), Mount(job.shared, "rw")], None)

    plan = json.loads((job.home / "init.json").read_text())
    assert plan["folders"] == [[str(job.folder), False], [str(job.shared), True]]
    assert plan["command"] == ["sh", str(job.home / "command")]


@pytest.mark.parametrize("process", [1, 2])
def test_init_is_for_the_guest_of_its_token_alone(
    job: Job, process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.write_init(job, "token", [], None)
    mounted: list[str] = []
    monkeypatch.setattr(os, "getpid", lambda: process)
    monkeypatch.setattr(init, "_mount", lambda _, folder, **__: mounted.append(folder))
    # Whatever becomes of init, no test mounts, runs or switches off anything of this machine.
    for name in ("prepare", "load_modules", "run", "_libc"):
        monkeypatch.setattr(init, name, None)

    assert init.main(str(job.home / "init.json")) == 1
    assert mounted == (["/proc"] if process == 1 else [])


def test_init_does_nothing_unless_it_is_the_first_process(job: Job) -> None:
    ran = subprocess.run([script.write_init(job, "token", [], None)], capture_output=True, check=False)

    assert (ran.returncode, ran.stdout, ran.stderr) == (1, b"", b"")


def test_modprobe_loads_from_below_a_folder(job: Job, tmp_path: Path) -> None:
    modprobe = script.write_modprobe(Path("/bin/echo"), tmp_path / AWKWARD, job)
    ran = subprocess.run([modprobe, "-q", "ipv6"], capture_output=True, text=True, check=True)

    assert ran.stdout == f"-d {tmp_path / AWKWARD} -q ipv6\n"


def test_only_folders_that_a_guests_mounts_hide_are_mounted() -> None:
    folders = ["/usr", "/tmp/a/b", "/tmp/a", "/run/c", "/dev/shm/d", "/tmpfile", "/tmp/a"]

    assert script.hidden(map(Path, folders)) == [Path("/dev/shm/d"), Path("/run/c"), Path("/tmp/a")]


def test_the_shared_folder_is_mounted_writable_and_last(job: Job) -> None:
    assert script.host_mounts(job)[-1] == Mount(job.shared, "rw")
