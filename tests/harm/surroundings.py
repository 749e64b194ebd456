"""Places where a run is not at home: each a command that runs what follows it there, and what comes of it."""

from __future__ import annotations

import errno
import platform
import sys
from dataclasses import dataclass
from typing import Final

from conformance.plugin.exit_status import NO_NAMESPACES, NO_RECORD, TOO_SMALL, UNEXPECTED
from netns import Capability
from tests.harm.selection import ROOT

_GENERIC: Final = {"capset": 91, "unshare": 97, "setns": 268, "memfd_create": 279}
CALLS: Final = {
    "x86_64": {"capset": 126, "unshare": 272, "setns": 308, "memfd_create": 319},
    "aarch64": _GENERIC,
    "riscv64": _GENERIC,
}
"""Numbers of system calls, by machine."""
_FORBID: Final = """
import ctypes, os, struct, sys
number, refusal = map(int, sys.argv[1:3])
steps = (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | refusal), (0x06, 0, 0, 0x7FFF0000)
program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
filters = struct.pack("@HP", len(steps), ctypes.addressof(program))
if ctypes.CDLL(None).prctl(22, 2, filters, 0, 0):
    sys.exit("seccomp(2) is refused")
os.execv(sys.argv[3], sys.argv[3:])
"""
INITIAL: Final = "CAP_NET_ADMIN in the initial user namespace"
_ELSEWHERE: Final = frozenset({INITIAL, "log:/dev/kmsg", "uid:65534"})
"""What a user namespace lacks."""


def forbidding(call: str, refusal: int) -> tuple[str, ...]:
    """A sandbox that answers a system call with an errno, by seccomp(2). Raises: KeyError elsewhere."""
    return (sys.executable, "-c", _FORBID, str(CALLS[platform.machine()][call]), str(refusal))


@dataclass(frozen=True)
class Surrounding:
    """Where, and what a run there comes to besides the verdicts of an undisturbed one."""

    name: str
    before: tuple[str, ...]
    needs: frozenset[str] = frozenset()
    """What may be missing there, so that claims are BLOCKED."""
    status: int = 0
    sentence: str = ""
    """What is to be read."""
    arguments: tuple[str, ...] = ()
    recorded: bool = True
    """Whether the record is put where it can be written."""


def _mounting(script: str) -> tuple[str, ...]:
    return ("unshare", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh")


def _limited(limit: str) -> tuple[str, ...]:
    return ("prlimit", limit)


_ORDINARY: Final = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
_IN_USER_NAMESPACE: Final = ("unshare", "--user", "--map-root-user")
_READ_ONLY: Final = _mounting(f"mount --bind {ROOT} {ROOT}; mount -o remount,ro,bind {ROOT}; cd {ROOT}")
_CHROOT: Final = _mounting(
    f"mount -t tmpfs none /mnt; mkdir /mnt/root; mount --rbind / /mnt/root; "
    f'exec chroot /mnt/root sh -ec \'cd {ROOT}; exec "$@"\' sh "$@"'
)


_LACKING: Final = {
    Capability.SYS_ADMIN: _ELSEWHERE,
    Capability.NET_ADMIN: _ELSEWHERE,
    Capability.SETUID: {"uid:65534"},
    Capability.SETGID: {"uid:65534"},
    Capability.SETFCAP: {"user namespace"},
    Capability.SYSLOG: {"log:/dev/kmsg"},
}
"""What goes with a capability besides itself. Since Linux 5.12 a map of user 0 takes CAP_SETFCAP."""


def _without(capability: Capability) -> Surrounding:
    name = capability.name.lower()
    return Surrounding(
        f"without {capability}",
        ("setpriv", f"--bounding-set=-{name}", f"--inh-caps=-{name}"),
        frozenset({str(capability), *_LACKING.get(capability, ())}),
    )


def _all() -> tuple[Surrounding, ...]:
    refusals = {"EPERM": errno.EPERM, "ENOSYS": errno.ENOSYS}
    forbidden = [
        Surrounding(
            f"{call} is {name}",
            forbidding(call, number),
            status=0 if call == "memfd_create" else NO_NAMESPACES,
            sentence="" if call == "memfd_create" else f"{call}: ",
        )
        for call in ("memfd_create", "unshare", "setns")
        for name, number in refusals.items()
        if platform.machine() in CALLS
    ]
    closed = {"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-", "all streams": "<&- >&- 2>&-"}
    return (
        Surrounding("user namespace on the host's network", _IN_USER_NAMESPACE, _ELSEWHERE),
        Surrounding("user namespaces three deep", _IN_USER_NAMESPACE * 3, _ELSEWHERE),
        Surrounding("user and network namespace", (*_IN_USER_NAMESPACE, "--net"), _ELSEWHERE),
        Surrounding(
            "user namespace without a map", ("unshare", "--user"), status=NO_NAMESPACES, sentence="unshare: "
        ),
        Surrounding("chroot", _CHROOT, frozenset({"user namespace"})),
        Surrounding("clone read-only", _READ_ONLY),
        Surrounding(
            "clone read-only, record within",
            _READ_ONLY,
            status=NO_RECORD,
            sentence="the run cannot be written",
            recorded=False,
        ),
        Surrounding(
            "/run read-only, namespaces kept",
            _mounting("mount -t tmpfs -o ro none /run"),
            status=UNEXPECTED,
            sentence="no name can be made in /run/netns (Read-only file system)",
            arguments=("--keep-netns", "--as-documented"),
        ),
        Surrounding("no /proc", _mounting("umount -l /proc"), status=NO_NAMESPACES, sentence="/proc"),
        Surrounding("no /sys", _mounting("umount -l /sys")),
        Surrounding(
            "few descriptors", _limited("--nofile=16"), status=TOO_SMALL, sentence="RLIMIT_NOFILE is 16"
        ),
        Surrounding("little memory", _limited("--as=67108864"), status=TOO_SMALL, sentence="RLIMIT_AS is 6"),
        Surrounding(
            "one process",
            (*_limited("--nproc=1"), *_ORDINARY),
            status=TOO_SMALL,
            sentence="they cannot be started",
        ),
        *(
            Surrounding(f"{name} closed", ("sh", "-c", f'exec "$@" {marks}', "sh"))
            for name, marks in closed.items()
        ),
        *forbidden,
        *map(_without, Capability),
    )


SURROUNDINGS: Final = _all()
