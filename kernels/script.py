"""What runs inside a guest is written here: its init, and the shell script of its command.

A guest sees the host's file system, read-only. What it writes goes to memory of its own, except in the one
shared folder.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from kernels import init
from kernels.errors import MissingProgram
from kernels.guest import Job

TMPFS_MOUNTS = (Path("/tmp"), Path("/run"), Path("/dev/shm"))
"""Folders on which every guest mounts an empty file system of its own, which hides the host's."""


class Mount(NamedTuple):
    """A folder of the host that is mounted in a guest, at the same path."""

    path: Path
    mode: str
    """``ro`` or ``rw``"""


def write_init(job: Job, token: str, mounts: Iterable[Mount], modprobe: Path | None) -> Path:
    """Write the init of a kernel that boots without one of its own. Returns its path.

    It does nothing unless ``token`` is the value of kernels_guest on the kernel's command line.
    """
    command = ["sh", str(job.home / "command")]
    if job.terminal is not None:
        size = os.get_terminal_size(job.terminal)
        sized = f"stty sane rows {size.lines} cols {size.columns} < /dev/tty0"
        started = f"exec setsid -wc {shlex.join(command)} < /dev/tty0 > /dev/tty0 2>&1"
        command = ["sh", "-c", f"{sized}; {started}"]
    plan = {
        "token": token,
        "folders": [(str(mount.path), mount.mode == "rw") for mount in mounts],
        "seed": secrets.token_hex(64),
        "modprobe": None if modprobe is None else str(modprobe),
        "command": command,
    }
    file = job.home / "init.json"
    file.write_text(json.dumps(plan))
    call = shlex.join([sys.executable, "-I", "-S", init.__file__, str(file)])
    return _write_program(job.home / "init", f'#!/bin/sh\n[ "$$" -eq 1 ] && exec {call}\nexit 1\n')


def write_command(
    job: Job, modprobe: Path | None = None, mount: Path | None = None, require_netns: bool = True
) -> Path:
    """Write the script that runs a job's command and records its exit status. Returns its path.

    ``modprobe`` and ``mount``, a copy of mount(8), are for where no init of ours has come first;
    ``require_netns`` refuses a kernel without network namespaces.
    """
    home, folder = shlex.quote(str(job.home)), shlex.quote(str(job.folder))
    environ = [f"{name}={value}" for name, value in job.environ.items()]
    # The host takes the file with the exit status, renamed when it is whole, as the end.
    lines = ["#!/bin/sh", f'finish() {{ echo "$1" > {home}/status && mv {home}/status {home}/exit-status; }}']
    if require_netns:
        lines.append("[ -e /proc/self/ns/net ] || { finish no-namespaces; exit 1; }")
    if mount:
        # Where the host's root is nobody in here a setuid program makes nobody of root, and mount is one.
        lines.append(f"{shlex.quote(str(mount))} -o remount,bind,nosuid /")
    if modprobe:
        loader = shlex.quote(str(modprobe))
        lines.append(f"echo {loader} > /proc/sys/kernel/modprobe")
        lines.append(f"{loader} {shlex.join(init.MODULES)}")
    lines.append(f"cd {folder} || {{ finish 126; exit 1; }}")
    if job.terminal is None:
        lines.append(f"exec > {home}/output 2>&1 < /dev/null")
    lines.append(shlex.join(["env", "-i", *environ, *job.command]))
    lines.append("finish $?")
    return _write_program(job.home / "command", "".join(f"{line}\n" for line in lines))


def write_modprobe(program: Path, root: Path, job: Job) -> Path:
    """Write a modprobe that loads modules from below ``root``, for the kernel to call. Returns its path."""
    call = shlex.join([str(program), "-d", str(root)])
    return _write_program(job.home / "modprobe", f'#!/bin/sh\nexec {call} "$@"\n')


def plain_copy(name: str, job: Job) -> Path:
    """A copy of a program of the machine's for a guest, without setuid. Raises MissingProgram."""
    program = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{os.defpath}")
    if program is None:
        raise MissingProgram(name, "in guests", "Install util-linux.")
    copy = Path(shutil.copyfile(program, job.home / name))
    copy.chmod(0o755)
    return copy


def host_mounts(job: Job, *further: Path) -> list[Mount]:
    """What a guest must mount from the host: folders that its own mounts hide, and the shared one."""
    needed = [*further, job.folder, *_interpreter(), *job.readable]
    return [*(Mount(path, "ro") for path in hidden(needed)), Mount(job.shared, "rw")]


def hidden(paths: Iterable[Path]) -> list[Path]:
    """Those of some folders that a guest's own mounts hide, the outermost only."""
    below = sorted({path for path in paths if any(path.is_relative_to(mount) for mount in TMPFS_MOUNTS)})
    return [
        path for path in below if not any(path != other and path.is_relative_to(other) for other in below)
    ]


def _interpreter() -> list[Path]:
    """The folders that the running interpreter is made of."""
    return [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent]


def _write_program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path
