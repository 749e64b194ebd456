"""Real guests: each is a kernel that boots. The crash trigger is typed inside a guest and nowhere else."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernels.archive import Archive
from kernels.backend import Image, kernel
from kernels.errors import PathNotBootable, Unreadable
from kernels.guest import Cause, Guest, Job, plain_environ
from tests.kernels.processes import ROOT, speaking_of, until_gone, until_written

UML = kernel("uml:6.1")

INSIDE = """
import errno, json, os, socket, sys

def refused(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return errno.errorcode[error.errno]

def marked():
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 7)
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_MARK)

told = {
    "release": os.uname().release,
    "uid": os.getuid(),
    "folder": os.getcwd(),
    "environ": dict(os.environ),
    "write": refused(os.path.join(os.getcwd(), "written-by-a-guest")),
    "mark": marked(),
    "ipv6": socket.has_ipv6 and socket.socket(socket.AF_INET6).family,
    "links": sorted(os.listdir("/sys/class/net")),
    "modules": [line.split()[0] for line in open("/proc/modules")],
}
with open(sys.argv[1], "w") as file:
    json.dump(told, file)
print("on", "standard", "output")
sys.exit(3)
"""

CRASH = """
import os, sys
inside = os.uname().release != sys.argv[1] and "kernels_guest=" in open("/proc/cmdline").read()
assert inside, "only ever in a guest"
print("crashing", flush=True)
open("/proc/sysrq-trigger", "w").write("c")
"""


@pytest.fixture(scope="module")
def visit(uml: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guest, Any]]:
    """A guest that has come and gone, and what it told."""
    shared = tmp_path_factory.mktemp("shared")
    command = [sys.executable, "-c", INSIDE, str(shared / "told.json")]
    with UML.start(uml, Job(command, shared, ROOT, {**plain_environ(), "SAID": "two words"})) as guest:
        guest.wait()
        yield guest, json.loads((shared / "told.json").read_text())


def test_the_exit_status_comes_out(visit: tuple[Guest, Any]) -> None:
    ending = visit[0].poll()

    assert ending
    assert (ending.cause, ending.exit_status) == (Cause.EXITED, 3)


def test_the_command_runs_on_that_kernel_as_root(visit: tuple[Guest, Any], uml: Image) -> None:
    assert (visit[1]["release"], visit[1]["uid"]) == (uml.release, 0)


def test_the_command_has_the_capabilities_of_root(visit: tuple[Guest, Any]) -> None:
    assert visit[1]["mark"] == 7


def test_the_command_is_in_its_folder_and_knows_its_environment_only(visit: tuple[Guest, Any]) -> None:
    told = visit[1]["environ"]

    assert visit[1]["folder"] == str(ROOT)
    assert {name: told[name] for name in plain_environ()} == plain_environ()
    assert set(told) - set(plain_environ()) <= {"SAID", "PWD", "LC_CTYPE"}
    assert told["SAID"] == "two words"


def test_the_hosts_files_cannot_be_written(visit: tuple[Guest, Any]) -> None:
    assert visit[1]["write"] == "EROFS"


def test_modules_are_loaded_with_what_they_need(visit: tuple[Guest, Any]) -> None:
    assert {"ipv6", "crc_ccitt", "tun"} <= set(visit[1]["modules"])


def test_loopback_is_the_only_link(visit: tuple[Guest, Any]) -> None:
    assert "lo" in visit[1]["links"]
    assert not [link for link in visit[1]["links"] if link.startswith(("eth", "veth"))]


def test_output_and_console_can_be_read_afterwards(visit: tuple[Guest, Any]) -> None:
    guest = visit[0]

    assert guest.output.read_text() == "on standard output\n"
    assert "Power Off" in guest.console_tail()


def test_no_process_is_left_of_a_guest_that_ended(visit: tuple[Guest, Any]) -> None:
    assert speaking_of(visit[0].job.shared) == []


@pytest.mark.parametrize("name", ["two words", "it's", "$HOME;"])
def test_a_shared_folder_may_have_any_name_that_a_kernel_can_boot_with(
    uml: Image, tmp_path: Path, name: str
) -> None:
    job = Job(["sh", "-c", 'cat > "$1"/written; cd "$1" && pwd', "sh", str(tmp_path / name)], tmp_path / name)
    with UML.start(uml, job) as guest:
        guest.wait()

    assert ((tmp_path / name / "written").exists(), guest.output.read_text()) == (
        True,
        f"{tmp_path / name}\n",
    )


def test_a_shared_folder_with_a_double_quote_in_its_name_is_refused(uml: Image, tmp_path: Path) -> None:
    with pytest.raises(PathNotBootable, match="double quote"):
        UML.start(uml, Job(["true"], tmp_path / 'a"b'))


def test_a_silent_guest_is_ended(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sleep", "1000"], tmp_path, silence=2)) as guest:
        ending = guest.wait()

    assert (ending.cause, ending.exit_status, ending.why) == (Cause.SILENT, None, "no sign of life for 2 s")
    assert speaking_of(tmp_path) == []


def test_a_guest_whose_kernel_panics_is_told_by_its_console(uml: Image, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASH, platform.release()]
    with UML.start(uml, Job(command, tmp_path)) as guest:
        ending = guest.wait()

    assert (ending.cause, ending.exit_status) == (Cause.DIED, None)
    assert guest.output.read_text() == "crashing\n"
    assert "Kernel panic" in guest.console_tail(60)
    assert speaking_of(tmp_path) == []


def test_a_command_that_takes_all_memory_ends_by_itself(uml: Image, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "bytearray(1 << 30)"]
    with UML.start(uml, Job(command, tmp_path, memory="256M")) as guest:
        ending = guest.wait()

    assert ending.cause is not Cause.SILENT
    assert ending.exit_status != 0


def test_a_guest_killed_from_outside_has_died(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sh", "-c", "echo up; sleep 1000"], tmp_path)) as guest:
        until_written(guest.output, "up")
        os.kill(int((guest.job.home / "pid").read_text()), signal.SIGKILL)
        ending = guest.wait()

    assert (ending.cause, ending.exit_status) == (Cause.DIED, None)
    assert speaking_of(tmp_path) == []


def test_no_process_is_left_when_the_warden_is_killed(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sh", "-c", "echo up; sleep 1000"], tmp_path)) as guest:
        until_written(guest.output, "up")
        processes = speaking_of(tmp_path)
        os.kill(os.getsid(processes[0]), signal.SIGKILL)
        ending = guest.wait()

    assert ending.cause is Cause.DIED
    until_gone(processes)


def test_leaving_a_guest_ends_it(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sleep", "1000"], tmp_path)) as guest:
        pass

    ending = guest.poll()
    assert ending
    assert ending.cause is Cause.KILLED
    assert speaking_of(tmp_path) == []


def test_gvisor_runs_a_command_too(archive: Archive, tmp_path: Path) -> None:
    gvisor = kernel("gvisor")
    script = f"uname -v; id -u; echo kept > {tmp_path}/kept; touch written || exit 5"
    with gvisor.start(gvisor.ready(archive), Job(["sh", "-c", script], tmp_path, ROOT)) as guest:
        ending = guest.wait()

    assert (ending.exit_status, (tmp_path / "kept").read_text()) == (5, "kept\n")
    assert guest.output.read_text().splitlines()[1] == "0"
    assert speaking_of(tmp_path) == []


def test_a_command_that_may_not_be_run_is_refused_at_once(uml: Image, tmp_path: Path) -> None:
    (tmp_path / "plain").touch(mode=0o644)

    with pytest.raises(Unreadable, match="cannot be read"):
        UML.start(uml, Job([str(tmp_path / "plain")], tmp_path))
