"""Confines a guest's program on the host: it reads the files of this machine and writes one folder.

A guest's root can have files written by the program that is its machine: where a kernel mounts the host's
files (hostfs, 9p) it mounts them once more, writable. So the program gets a mount namespace in which all else
is read-only and without devices, a network of its own, and no way to more privileges. It is in a user
namespace, so that the mounts of processes outside, ``/proc/PID/root``, are closed to it (user_namespaces(7)):

- from root it becomes ``nobody``, who may read everything there (CAP_DAC_OVERRIDE, capabilities(7));
- from anyone else it stays that user, without capabilities.

Run as a program: ``confine.py [OPTION…] -- PROGRAM ARGUMENT…``. Where the host allows no namespaces it says
why and exits with CANNOT.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

CANNOT = os.EX_NOPERM
"""Exit status: this host does not let a program be confined (sysexits.h: 77)."""

DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom"))
"""Those that every program may use: they have no state."""
NOBODY = 65_534
CAP_DAC_OVERRIDE = 1

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x20000, 0x8000000, 0x10000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 1, 2, 4
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 28, 38, 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 4
_LINUX_CAPABILITY_VERSION_3 = 0x20080522

_PROGRAM = (sys.executable, "-I", "-S", __file__)
_libc = ctypes.CDLL(None, use_errno=True)


def confined(
    program: Sequence[str],
    *writable: Path,
    devices: Sequence[Path] = (),
    memory: Path | None = None,
    keep_root: bool = False,
) -> list[str]:
    """The command that runs a program confined; the program's own where ``not_confined`` gives a reason.

    What the arguments mean is said at ``confine``.
    """
    if not_confined():
        return list(program)
    options = [f"--writable={folder}" for folder in writable]
    options += [f"--device={device}" for device in devices]
    options += [f"--memory={memory}"] * (memory is not None) + ["--keep-root"] * keep_root
    return [*_PROGRAM, *options, "--", *program]


@cache
def not_confined() -> str | None:
    """Why this host does not let a program be confined, found by trying; None where it does."""
    tried = subprocess.run([*_PROGRAM, "--", "true"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() if tried.returncode == CANNOT else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Confine this process and become the program. Returns only when that fails."""
    options = _parser().parse_args(arguments)
    try:
        confine(options.writable, options.devices, options.memory, options.keep_root)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr, flush=True)
        return CANNOT
    try:
        os.execvp(options.program[0], options.program)
    except OSError as error:
        print(f"{options.program[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127


def confine(
    writable: Sequence[Path], devices: Sequence[Path], memory: Path | None, keep_root: bool = False
) -> None:
    """Confine this process, for good: see the module.

    Only folders in ``writable`` and ``devices`` stay as they are; on ``memory`` an empty tmpfs is mounted.
    ``keep_root`` leaves root its capabilities, for a program that confines what it runs by itself.
    Raises OSError, whose ``filename`` is what failed. Linux 5.12 (mount_setattr(2)).
    """
    root = os.geteuid() == 0 and (keep_root or _mapped(NOBODY))
    namespaces = _CLONE_NEWNS | _CLONE_NEWNET | _CLONE_NEWIPC
    if keep_root and root:
        _unshare(namespaces, "a mount namespace")
    elif root:
        _enter_user_namespace_of_all(namespaces)
    else:
        _enter_user_namespace(namespaces)
    _mount("none", Path("/"), flags=_MS_REC | _MS_PRIVATE)
    devices = [device for device in (*DEVICES, *devices) if device.exists()]
    for path in (*writable, *devices):
        _mount(path, path, flags=_MS_BIND | _MS_REC)
    _mount_setattr(Path("/"), _AT_RECURSIVE, set=_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV)
    for path in writable:
        _mount_setattr(path, clear=_MOUNT_ATTR_RDONLY)
    for path in devices:
        _mount_setattr(path, clear=_MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NODEV)
    if memory:
        _mount("tmpfs", memory, "tmpfs", _MS_NOSUID | _MS_NODEV)
    if root and not keep_root:
        _become_nobody()
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # A process that changed its user no longer dies with its parent.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _enter_user_namespace(namespaces: int) -> None:
    """Into a user namespace in which this user is no root: so no program that is started has capabilities."""
    uid, gid = os.geteuid(), os.getegid()
    _unshare(namespaces | _CLONE_NEWUSER, "a user namespace")
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid or NOBODY} {uid} 1"),
        ("gid_map", f"{gid or NOBODY} {gid} 1"),
    ):
        Path("/proc/self", file).write_text(line)


def _enter_user_namespace_of_all(namespaces: int) -> None:
    """Into a user namespace of the same users: capabilities count for all files, and for no process outside.

    A child writes who they are, since that takes capabilities outside.
    """
    outside = os.getpid()
    entered, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(tell)
        os._exit(_map_all(outside) if os.read(entered, 1) else 0)
    _unshare(namespaces | _CLONE_NEWUSER, "a user namespace")
    os.write(tell, b".")
    os.close(tell)
    os.close(entered)
    if number := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise OSError(number, os.strerror(number), "the users of a user namespace")


def _map_all(process: int) -> int:
    """Give a process's user namespace the users of this one. Returns the errno where that is refused."""
    try:
        for file in ("uid_map", "gid_map"):
            lines = [f"{start} {start} {count}\n" for start, _, count in _rows(file)]
            Path(f"/proc/{process}", file).write_text("".join(lines))
    except OSError as error:
        return error.errno or errno.EPERM
    return 0


def _become_nobody() -> None:
    """The one capability is ambient, so that programs keep it: it must be permitted and inheritable for that.

    Without the securebit the change of user would take it, and so would each access(2), which hostfs asks.
    """
    _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    kept = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("Ii", _LINUX_CAPABILITY_VERSION_3, 0)
    _call(_libc.capset(header, struct.pack("6I", kept, kept, kept, 0, 0, 0)), "capabilities")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE)


def _mapped(uid: int) -> bool:
    return any(start <= uid < start + count for start, _, count in _rows("uid_map"))


def _rows(file: str) -> list[tuple[int, int, int]]:
    """The first id of each range in this user namespace, the first outside, and how many there are."""
    lines = Path("/proc/self", file).read_text().splitlines()
    return [(int(start), int(outside), int(count)) for start, outside, count in map(str.split, lines)]


def _unshare(flags: int, what: str) -> None:
    _call(_libc.unshare(flags), what)


def _mount(source: Path | str, path: Path, kind: str = "none", flags: int = 0) -> None:
    names = (os.fsencode(source), os.fsencode(path), kind.encode())
    _call(_libc.mount(*names, ctypes.c_ulong(flags), None), f"mounting {path}")


def _mount_setattr(path: Path, flags: int = 0, set: int = 0, clear: int = 0) -> None:
    attributes = struct.pack("4Q", set, clear, 0, 0)
    arguments = (_AT_FDCWD, os.fsencode(path), flags, attributes, ctypes.c_size_t(len(attributes)))
    _call(_libc.syscall(_SYS_MOUNT_SETATTR, *arguments), f"the mount of {path}")


def _prctl(option: int, *arguments: int) -> None:
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    _call(_libc.prctl(option, *words), "prctl")


def _call(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="confine.py")
    parser.add_argument("--writable", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--device", type=Path, action="append", dest="devices", default=[], metavar="FILE")
    parser.add_argument("--memory", type=Path, metavar="FOLDER", help="mount a file system in memory here")
    parser.add_argument("--keep-root", action="store_true", help="leave root its capabilities")
    parser.add_argument("program", nargs="+", help="after --")
    return parser


if __name__ == "__main__":
    sys.exit(main())
