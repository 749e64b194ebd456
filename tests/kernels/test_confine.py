"""What a guest's root can do to the files of the host: each way to write them is tried in real guests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernels import confine
from kernels.archive import Archive
from kernels.backend import Image, kernel
from kernels.beneath import activity, read_beneath
from kernels.guest import Cause, Job, make_home
from tests.kernels.processes import PATIENCE, ROOT

UML = kernel("uml:6.1")

WRITE = """
touch "$1/written"
mount -o remount,rw /
touch "$1/remounted"
mkdir /tmp/root /tmp/folder
mount -t hostfs none /tmp/root -o / || mount -t hostfs none /tmp/root -o rw,hostfs=/
ls -d "/tmp/root$1" && touch "/tmp/root$1/mounted"
mount -t hostfs none /tmp/folder -o "$1" || mount -t hostfs none /tmp/folder -o rw,hostfs="$1"
ls /tmp/folder/kept && touch /tmp/folder/folder && chmod 777 /tmp/folder/kept
echo changed > /tmp/folder/kept
ln -s "$1" "$2/link"
touch "$2/link/followed"
ls "$2/link/kept"
echo shared > "$2/done"
"""
"""Writes below the folder $1 of the host, by a remount, by new mounts, and by a link in the folder $2."""


@pytest.fixture
def kept() -> Iterator[Path]:
    """A folder of the host that a guest sees and must not change, though every user of the host may."""
    folder = Path("/var/tmp", f"kernels-test-{os.getpid()}")
    folder.mkdir(mode=0o700)
    folder.chmod(0o777)
    (folder / "kept").touch()
    (folder / "kept").chmod(0o666)
    yield folder
    shutil.rmtree(folder)


def state(folder: Path) -> list[tuple[str, int, int]]:
    return [(path.name, path.stat().st_mode, path.stat().st_size) for path in (folder, *folder.iterdir())]


@pytest.mark.parametrize("name", ["uml:5.10", "uml:6.1", "uml:7.2", "gvisor"])
def test_a_guests_root_writes_the_shared_folder_and_nothing_else(
    name: str, archive: Archive, tmp_path: Path, kept: Path
) -> None:
    before, tried = state(kept), kernel(name)
    job = Job(["sh", "-c", WRITE, "sh", str(kept), str(tmp_path)], tmp_path, ROOT)
    with tried.start(tried.obtain(archive), job) as guest:
        ending = guest.wait()

    assert (ending.cause, (tmp_path / "done").read_text()) == (Cause.EXITED, "shared\n")
    assert state(kept) == before


PROBE = """
import os, sys
from pathlib import Path

def refused(act):
    try:
        act()
    except OSError as error:
        return error.strerror
    return "allowed"

kept, shared, process = sys.argv[1:]
Path(shared, "written").touch()
print(refused(Path(kept, "written").touch))
print(refused(lambda: os.chmod(kept + "/kept", 0o600)))
print(refused(lambda: Path("/proc/sys/kernel/core_pattern").write_text("core")))
print(refused(Path(f"/proc/{process}/root{kept}", "written").touch))
print(refused(lambda: os.mknod(shared + "/device", 0o60600, os.makedev(1, 1))))
"""


@contextmanager
def outside(user: int) -> Iterator[int]:
    """A process that is not confined, of the user that a confined program is."""
    with subprocess.Popen(
        ["cat"], user=user, group=user, extra_groups=[], cwd="/", stdin=subprocess.PIPE
    ) as process:
        yield process.pid
        process.communicate()


@pytest.mark.parametrize("user", [0, 65_534, 12_345])
def test_a_confined_program_is_no_root_and_writes_one_folder(user: int, tmp_path: Path, kept: Path) -> None:
    shared = kept / "shared"
    shared.mkdir(mode=0o755)
    os.chown(shared, user, user)
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    assert python, "a Python that every user can read"
    confines = shutil.copy(confine.__file__, kept)
    with outside(user or confine.NOBODY) as process:
        program = [python, "-c", PROBE, str(kept), str(shared), str(process)]
        ran = subprocess.run(
            [python, confines, f"--writable={shared}", "--", *program],
            user=user,
            group=user,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    written = [path.name for path in shared.iterdir()]

    assert (ran.stdout.splitlines(), written) == (
        ["Read-only file system"] * 3 + ["Permission denied", "Operation not permitted"],
        ["written"],
    ), ran.stderr


ASK = """
from pathlib import Path
from kernels.confine import confined, not_confined
print(not_confined(), confined(["true"], Path("/tmp")), sep="\\n")
"""


def test_a_host_without_namespaces_says_so_and_runs_the_program_as_it_is() -> None:
    limited = f"echo 0 > /proc/sys/user/max_mnt_namespaces; exec {sys.executable} -c '{ASK}'"
    ran = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", limited],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )

    assert ran.stdout.splitlines() == ["a user namespace: No space left on device", "['true']"]


def test_what_a_guest_wrote_is_read_without_following_its_links(tmp_path: Path) -> None:
    secret, shared = tmp_path / "secret", tmp_path / "shared"
    secret.mkdir()
    (secret / "output").write_text("secret")
    (shared / "real").mkdir(parents=True)
    (shared / "real" / "output").write_text("output")
    (shared / "link").symlink_to(secret)
    (shared / "file").symlink_to(secret / "output")
    os.mkfifo(shared / "fifo")

    read = {name: read_beneath(shared, shared / name) for name in ("real/output", "link/output", "file")}

    assert read == {"real/output": b"output", "link/output": b"", "file": b""}
    assert [read_beneath(shared, shared / name) for name in ("fifo", "real", "missing")] == [b"", b"", b""]


def test_a_link_counts_as_itself_in_what_a_guest_writes(tmp_path: Path) -> None:
    (tmp_path / "endless").symlink_to("/proc/self/mem")
    (tmp_path / "nothing").symlink_to("/nonexistent")

    assert activity(tmp_path)[0] == len("/proc/self/mem") + len("/nonexistent")


def test_the_files_of_a_guest_are_made_anew_and_never_through_a_link(tmp_path: Path) -> None:
    elsewhere, shared = tmp_path / "elsewhere", tmp_path / "shared"
    elsewhere.mkdir()
    (elsewhere / "command").write_text("kept")
    shared.mkdir()
    (shared / ".guest").symlink_to(elsewhere)
    job = Job(["true"], shared)

    make_home(job)

    assert (job.home.is_symlink(), list(job.home.iterdir())) == (False, [])
    assert (elsewhere / "command").read_text() == "kept"


def test_a_guest_that_puts_a_link_in_place_of_its_output_shows_nothing_else(
    uml: Image, tmp_path: Path
) -> None:
    shared, secret = tmp_path / "shared", tmp_path / "secret"
    secret.write_text("secret")
    home = Job(["true"], shared).home
    hide = 'for name in output console; do ln -sf "$1" "$2/$name"; done; rm "$2"/pid'
    with UML.start(uml, Job(["sh", "-c", hide, "sh", str(secret), str(home)], shared)) as guest:
        guest.wait()

    assert (guest.output.is_symlink(), guest.read(guest.output), guest.console_tail()) == (True, "", "")
