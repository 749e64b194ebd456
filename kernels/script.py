"""The shell scripts that run inside a guest: the first process, and the command's own surroundings.

The file system of the host is there, read-only. Everything a guest may write is memory of its own, but for
the one shared folder.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from kernels.guest import Job

COVERED = (Path("/tmp"), Path("/run"), Path("/dev/shm"))
"""Folders that are fresh and empty in a guest."""

MODULES = ("ipv6", "tun")
"""Looked for before anything asks for them. Links, queues and the like are loaded when somebody asks."""

FIRST = """\
#!/bin/sh
# The first process of a guest. It ends by switching the machine off, so anywhere else it does nothing.
[ "$$" -eq 1 ] || exit 1
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
grep -q 'kernels_guest={token}' /proc/cmdline || exit 1
off() {{
    sync
    echo o > /proc/sysrq-trigger
    while :; do sleep 60; done
}}
trap off EXIT
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
{mounts}
{modules}
{run}
"""

GUARD = "[ -e /proc/self/ns/net ] || { ended no-namespaces; exit 1; }"

COMMAND = """\
#!/bin/sh
# What a guest was started for. Its exit status is the host's sign that it ended.
ended() {{
    echo "$1" > {home}/exit-status.new
    mv {home}/exit-status.new {home}/exit-status
}}
{before}
cd {folder} || {{ ended 126; exit 1; }}
{redirection}env -i {environ} {command}
ended $?
"""


def write(job: Job, first: str = "", before: Iterable[str] = (), guarded: bool = True) -> Path:
    """Write the command's script, and the first process's if there is one. The path of the command's.

    The lines ``before`` run ahead of the command; ``guarded`` refuses a kernel without network namespaces.
    """
    job.home.mkdir(parents=True, exist_ok=True)
    for left in ("exit-status", "output", "console", "pid"):
        (job.home / left).unlink(missing_ok=True)
    if first:
        _program(job.home / "first", first)
    return _program(job.home / "command", command(job, [GUARD, *before] if guarded else before))


def command(job: Job, before: Iterable[str] = ()) -> str:
    """The script that runs a job's command and writes down its exit status."""
    environ = [f"{name}={value}" for name, value in job.environ.items()]
    home = shlex.quote(str(job.home))
    redirection = "" if job.terminal is not None else f"exec > {home}/output 2>&1 < /dev/null\n"
    return COMMAND.format(
        home=home,
        before="\n".join(before),
        folder=shlex.quote(str(job.folder)),
        redirection=redirection,
        environ=shlex.join(environ),
        command=shlex.join(job.command),
    )


def first(job: Job, token: str, mounts: Iterable[str], modules: Iterable[str]) -> str:
    """The script of the first process, for a kernel that is started without a userland of its own."""
    return FIRST.format(
        token=token, mounts="\n".join(mounts), modules="\n".join(modules), run="\n".join(_run(job))
    )


def modprobe(program: Path, root: Path, home: Path) -> list[str]:
    """Lines that load what there is of MODULES, and tell the kernel how to load others when it needs them."""
    call = shlex.join([str(program), "-d", str(root)])
    loader = _program(home / "modprobe", f'#!/bin/sh\nexec {call} "$@"\n')
    called = shlex.quote(str(loader))
    return [f"echo {called} > /proc/sys/kernel/modprobe", f"{called} -qa {' '.join(MODULES)} || :"]


def covered(paths: Iterable[Path]) -> list[Path]:
    """Those of some folders that would be hidden in a guest, the outermost only."""
    hidden = sorted({path for path in paths if any(path.is_relative_to(cover) for cover in COVERED)})
    return [
        path for path in hidden if not any(path != other and path.is_relative_to(other) for other in hidden)
    ]


def interpreter() -> Sequence[Path]:
    """The folders that the running interpreter is made of."""
    return [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent]


def _run(job: Job) -> list[str]:
    """Lines that run the command: at a terminal of its own where a person types, with job control."""
    here = shlex.quote(str(job.home / "command"))
    if job.terminal is None:
        return [f"sh {here}"]
    columns, lines = os.get_terminal_size(job.terminal)
    return [
        f"stty sane rows {lines} cols {columns} < /dev/tty0",
        f"setsid -wc sh {here} < /dev/tty0 > /dev/tty0 2>&1",
    ]


def _program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path
