"""The init of a user-mode guest: mounts what the guest needs, runs its command, and switches the machine off.

It is one program, since to start each of ten small ones there takes as long as all that they do.

Run as a program: ``init.py FILE``, where the file is what ``Init`` holds, as JSON. It does nothing unless it
is the first process of the kernel that it is meant for.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import struct
import sys
from collections.abc import Sequence

MODULES = ("-qa", "ipv6", "tun")
"""What modprobe is to load: programs look for what these two provide without needing them."""

_MS_RDONLY, _MS_NOSUID, _MS_REMOUNT, _MS_BIND = 1, 2, 32, 4096
_RNDADDENTROPY = 0x40085203
_POWER_OFF = 0x4321FEDC
_ENOUGH = 128
"""Bits of randomness with which a kernel makes nobody wait."""
_FAULTS = ("failslab", "fail_page_alloc")
_libc = ctypes.CDLL(None, use_errno=True)


def main(file: str) -> int:
    """Be the guest's first process. Returns only where this is no such guest."""
    with open(file) as text:
        plan = json.load(text)
    if os.getpid() != 1:
        return 1
    _mount("proc", "/proc")
    with open("/proc/cmdline") as line:
        if f"kernels_guest={plan['token']}" not in line.read().split():
            return 1
    try:
        prepare(plan["folders"], bytes.fromhex(plan["seed"]))
        if plan["modprobe"]:
            load_modules(plan["modprobe"])
        run(plan["command"])
    finally:
        os.sync()
        _libc.reboot(_POWER_OFF)
    return 1


def prepare(folders: Sequence[tuple[str, bool]], seed: bytes) -> None:
    """Mount file systems, and the host's ``folders``: each with whether it may be written."""
    # Where the host's root is nobody in here a setuid program makes nobody of root.
    _mount("none", "/", flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID)
    _mount("sysfs", "/sys")
    for folder in ("/run", "/tmp"):
        _mount("tmpfs", folder)
    for kind, folder in (("tmpfs", "/dev/shm"), ("devpts", "/dev/pts")):
        os.makedirs(folder, exist_ok=True)
        _mount(kind, folder)
    if os.path.exists("/proc/self/fail-nth"):
        _let_allocations_fail()
    if not os.path.lexists("/dev/fd"):
        os.symlink("/proc/self/fd", "/dev/fd")
    for folder, writable in folders:
        os.makedirs(folder, exist_ok=True)
        _mount("hostfs", folder, _MS_NOSUID if writable else _MS_NOSUID | _MS_RDONLY, data=folder)
    _seed(seed)


def load_modules(modprobe: str) -> None:
    """Let the kernel load modules, and load ``MODULES``."""
    with open("/proc/sys/kernel/modprobe", "w") as setting:
        setting.write(modprobe)
    run([modprobe, *MODULES])


def run(command: Sequence[str]) -> None:
    """Run a program to its end, as a shell would, and reap whatever else ends meanwhile."""
    child = os.fork()
    if child == 0:
        # Python ignores it, and who ignores a signal leaves that to the programs that it starts.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        try:
            os.execvp(command[0], list(command))
        except OSError as error:
            print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        finally:
            os._exit(127)
    while os.wait()[0] != child:
        pass


def _let_allocations_fail() -> None:
    """Those that may wait for memory fail too, if a process asks for it, and the log says nothing of it."""
    folder = "/sys/kernel/debug"
    if not _mount("debugfs", folder):
        return
    with contextlib.suppress(OSError):
        for kind in _FAULTS:
            for name, value in (("ignore-gfp-wait", "N"), ("verbose", "0")):
                with open(f"{folder}/{kind}/{name}", "w") as setting:
                    setting.write(value)
    _libc.umount2(folder.encode(), 0)


def _seed(data: bytes) -> None:
    """Give the kernel random bytes (random(4)): old user-mode Linux (5.10) has none for its first seconds."""
    with open("/proc/sys/kernel/random/entropy_avail") as available:
        if int(available.read()) >= _ENOUGH:
            return
    request = struct.pack("@ii", 8 * len(data), len(data)) + data
    with open("/dev/random", "wb") as device:
        fcntl.ioctl(device, _RNDADDENTROPY, request)


def _mount(kind: str, folder: str, flags: int = 0, data: str = "") -> bool:
    """mount(2). A kernel without that kind says so on the console, and its guest goes on without it."""
    words = (kind.encode(), os.fsencode(folder), kind.encode())
    if _libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(data)) == 0:
        return True
    print(f"{folder}: {kind} cannot be mounted ({os.strerror(ctypes.get_errno())})", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
