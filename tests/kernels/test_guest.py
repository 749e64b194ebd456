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
from kernels.guest import Cause, Guest, Job, guest_environ
from kernels.xstate import PLAIN
from tests.harm.host import children
from tests.kernels.processes import ROOT, processes_naming, wait_until_gone, wait_until_written

UML = kernel("uml:6.1")
IMAGE = Image("virtme:7.3", "7.3.4", "7.3.4-1", Path("/nowhere/vmlinuz"), Path("/nowhere"))
"""A full kernel that is not there."""

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

facts = {
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
    json.dump(facts, file)
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
def ended(uml: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guest, Any]]:
    """A guest that has ended, and the facts that its command wrote."""
    shared = tmp_path_factory.mktemp("shared")
    command = [sys.executable, "-c", INSIDE, str(shared / "facts.json")]
    with UML.start(uml, Job(command, shared, ROOT, {**guest_environ(), "NAME": "two words"})) as guest:
        guest.wait()
        yield guest, json.loads((shared / "facts.json").read_text())


def test_the_exit_status_comes_out(ended: tuple[Guest, Any]) -> None:
    ending = ended[0].poll()

    assert ending
    assert (ending.cause, ending.exit_status) == (Cause.EXITED, 3)


def test_the_command_runs_on_that_kernel_as_root(ended: tuple[Guest, Any], uml: Image) -> None:
    assert (ended[1]["release"], ended[1]["uid"]) == (uml.release, 0)


def test_the_command_has_the_capabilities_of_root(ended: tuple[Guest, Any]) -> None:
    assert ended[1]["mark"] == 7


def test_the_command_has_its_folder_and_its_environment_only(ended: tuple[Guest, Any]) -> None:
    environ = ended[1]["environ"]

    assert ended[1]["folder"] == str(ROOT)
    assert {name: environ[name] for name in guest_environ()} == guest_environ()
    assert set(environ) - set(guest_environ()) - set(PLAIN) <= {"NAME", "PWD", "LC_CTYPE"}
    assert environ["NAME"] == "two words"


def test_the_hosts_files_cannot_be_written(ended: tuple[Guest, Any]) -> None:
    assert ended[1]["write"] == "EROFS"


def test_modules_are_loaded_with_what_they_need(ended: tuple[Guest, Any]) -> None:
    assert {"ipv6", "crc_ccitt", "tun"} <= set(ended[1]["modules"])


def test_loopback_is_the_only_link(ended: tuple[Guest, Any]) -> None:
    assert "lo" in ended[1]["links"]
    assert not [link for link in ended[1]["links"] if link.startswith(("eth", "veth"))]


def test_output_and_console_can_be_read_afterwards(ended: tuple[Guest, Any]) -> None:
    guest = ended[0]

    assert guest.output.read_text() == "on standard output\n"
    assert "reboot: " in guest.console_tail()


def test_no_process_is_left_of_a_guest_that_ended(ended: tuple[Guest, Any]) -> None:
    assert processes_naming(ended[0].job.shared) == []


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


@pytest.mark.parametrize("places", [("two words", "plain"), ("plain", "two words")], ids=["folder", "shared"])
def test_a_full_kernel_refuses_paths_that_need_quotes(tmp_path: Path, places: tuple[str, str]) -> None:
    folder, shared = (tmp_path / name for name in places)
    folder.mkdir()

    with pytest.raises(PathNotBootable, match="virtme-ng"):
        kernel("virtme:7.3").start(IMAGE, Job(["true"], shared, folder))


def test_an_idle_guest_is_ended(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sleep", "1000"], tmp_path, idle_timeout=2)) as guest:
        ending = guest.wait()

    assert (ending.cause, ending.exit_status, ending.why) == (
        Cause.TIMED_OUT,
        None,
        "no output for 2 s",
    )
    assert processes_naming(tmp_path) == []


def test_a_kernel_panic_is_on_the_console(uml: Image, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASH, platform.release()]
    with UML.start(uml, Job(command, tmp_path)) as guest:
        ending = guest.wait()

    assert (ending.cause, ending.exit_status) == (Cause.DIED, None)
    assert guest.output.read_text() == "crashing\n"
    assert "Kernel panic" in guest.console_tail(60)
    assert processes_naming(tmp_path) == []


def test_a_command_that_takes_all_memory_ends_by_itself(uml: Image, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "bytearray(1 << 30)"]
    with UML.start(uml, Job(command, tmp_path, memory="256M")) as guest:
        ending = guest.wait()

    assert ending.cause is not Cause.TIMED_OUT
    assert ending.exit_status != 0


def test_a_guest_killed_from_outside_has_died(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sh", "-c", "echo up; sleep 1000"], tmp_path)) as guest:
        wait_until_written(guest.output, "up")
        os.kill(children(os.getsid(processes_naming(tmp_path)[0]))[0], signal.SIGKILL)
        ending = guest.wait()

    assert (ending.cause, ending.exit_status) == (Cause.DIED, None)
    assert ending.why.startswith("the program that ran it was ended by SIGKILL")
    assert processes_naming(tmp_path) == []


def test_no_process_is_left_when_the_reaper_is_killed(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sh", "-c", "echo up; sleep 1000"], tmp_path)) as guest:
        wait_until_written(guest.output, "up")
        processes = processes_naming(tmp_path)
        os.kill(os.getsid(processes[0]), signal.SIGKILL)
        ending = guest.wait()

    assert ending.cause is Cause.DIED
    assert ending.why.startswith("the process that watched over it was ended by SIGKILL")
    wait_until_gone(processes)


def test_a_user_mode_guest_stays_on_one_processor(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sh", "-c", "echo up; sleep 1000"], tmp_path)) as guest:
        wait_until_written(guest.output, "up")
        (processors,) = {frozenset(os.sched_getaffinity(one)) for one in processes_naming(tmp_path)}

    assert len(processors) == 1


def test_leaving_a_guest_ends_it(uml: Image, tmp_path: Path) -> None:
    with UML.start(uml, Job(["sleep", "1000"], tmp_path)) as guest:
        pass

    ending = guest.poll()
    assert ending
    assert ending.cause is Cause.KILLED
    assert processes_naming(tmp_path) == []


@pytest.mark.parametrize("name", ["uml:5.10", "uml:7.2"])
def test_no_command_waits_for_random_numbers(name: str, archive: Archive, tmp_path: Path) -> None:
    image, asked = kernel(name).obtain(archive), tmp_path / "asked"
    program = f"import os; os.getrandom(32, os.GRND_NONBLOCK); open({str(asked)!r}, 'w').close()"
    with kernel(name).start(image, Job([sys.executable, "-c", program], tmp_path, ROOT)) as guest:
        guest.wait()

    assert asked.exists()


def test_gvisor_runs_a_command_too(archive: Archive, tmp_path: Path) -> None:
    gvisor = kernel("gvisor")
    script = f"uname -v; id -u; echo kept > {tmp_path}/kept; touch written || exit 5"
    with gvisor.start(gvisor.obtain(archive), Job(["sh", "-c", script], tmp_path, ROOT)) as guest:
        ending = guest.wait()

    assert (ending.exit_status, (tmp_path / "kept").read_text()) == (5, "kept\n")
    assert guest.output.read_text().splitlines()[1] == "0"
    assert processes_naming(tmp_path) == []


def test_gvisor_has_what_claims_ask_for(archive: Archive, tmp_path: Path) -> None:
    gvisor = kernel("gvisor")
    needs = "VETH, ANOTHER_USER, need(Capability.NET_RAW), initially(Capability.NET_ADMIN)"
    probe = f"""
from conformance.plugin.needs import ANOTHER_USER, VETH, initially, need
from netns import Capability
print([one.code for one in ({needs}) if one.missing()])
"""
    job = Job([sys.executable, "-c", probe], tmp_path, ROOT)
    with gvisor.start(gvisor.obtain(archive), job) as guest:
        guest.wait()

    assert guest.output.read_text() == "[]\n"


def test_a_command_that_may_not_be_run_is_refused_at_once(uml: Image, tmp_path: Path) -> None:
    (tmp_path / "plain").touch(mode=0o644)

    with pytest.raises(Unreadable, match="cannot be read"):
        UML.start(uml, Job([str(tmp_path / "plain")], tmp_path))
