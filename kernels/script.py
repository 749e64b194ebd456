"""The shell scripts that run inside a guest, written from the templates: its init, and its command.

A guest sees the host's file system, read-only. What it writes goes to memory of its own, except in the one
shared folder.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import struct
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from kernels.errors import MissingProgram
from kernels.guest import Job

if TYPE_CHECKING:
    from jinja2 import Environment

TMPFS_MOUNTS = (Path("/tmp"), Path("/run"), Path("/dev/shm"))
"""Folders on which every guest mounts an empty file system of its own, which hides the host's."""
_RNDADDENTROPY: Final = 0x40085203


class Mount(NamedTuple):
    """A folder of the host that is mounted in a guest, at the same path."""

    path: Path
    mode: str
    """``ro`` or ``rw``"""


def write_init(job: Job, token: str, mounts: Iterable[Mount], modprobe: Path | None) -> Path:
    """Write the init script of a kernel that boots without an init of its own. Returns its path.

    The script does nothing unless ``token`` is the value of kernels_guest on the kernel's command line.
    """
    terminal = None if job.terminal is None else os.get_terminal_size(job.terminal)
    text = _render(
        "init.sh.j2",
        token=token,
        mount=plain_copy("mount", job),
        mounts=list(mounts),
        modprobe=modprobe,
        terminal=terminal,
        command=job.home / "command",
        python=sys.executable,
        seed=_seed(secrets.token_bytes(64)),
    )
    return _write_program(job.home / "init", text)


def _seed(data: bytes) -> str:
    """The Python program that gives random bytes to a kernel, as random(4) says (RNDADDENTROPY)."""
    request = struct.pack("@ii", 8 * len(data), len(data)) + data
    return f'import fcntl; fcntl.ioctl(open("/dev/random", "wb"), {_RNDADDENTROPY}, {request!r})'


def write_command(
    job: Job, modprobe: Path | None = None, mount: Path | None = None, require_netns: bool = True
) -> Path:
    """Write the script that runs a job's command and records its exit status. Returns its path.

    ``mount`` is a copy of mount(8), where no init of ours has made setuid programs harmless;
    ``require_netns`` refuses a kernel without network namespaces.
    """
    environ = [f"{name}={value}" for name, value in job.environ.items()]
    text = _render(
        "command.sh.j2",
        job=job,
        home=job.home,
        environ=environ,
        modprobe=modprobe,
        mount=mount,
        require_netns=require_netns,
    )
    return _write_program(job.home / "command", text)


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


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    # Imported here: listing and fetching write no script.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quote"] = lambda value: shlex.quote(str(value))
    environment.filters["shell_join"] = shlex.join
    return environment


def _write_program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path
